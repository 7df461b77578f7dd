"""What the quickstart writes: calm lines, and nothing raw from a path."""

from __future__ import annotations

import os
import sys

WIDTH = 78


def title(text: str) -> None:
    """Begin a part."""
    print(f"\n{_styled(text, '1')}\n", flush=True)


def line(text: str = "") -> None:
    """Write a line of the text."""
    print(f"  {text}" if text else "", flush=True)


def command(text: str) -> None:
    """Write a command as it would be typed."""
    print(f"  {_styled('$ ' + text, '36')}", flush=True)


def good(text: str) -> None:
    """Write a result that was hoped for."""
    print(f"  {_styled('✓', '32')} {text}", flush=True)


def bad(text: str) -> None:
    """Write a result that was not."""
    print(f"  {_styled('✗', '31')} {text}", flush=True)


def size(count_bytes: int) -> str:
    """Return a size as the command itself writes it: ``512 B``, ``1.4 MiB``."""
    if count_bytes < 1024:
        return f"{count_bytes} B"
    value = float(count_bytes)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1024:.1f} TiB"


def plural(count: int, noun: str) -> str:
    """Return ``1 file`` or ``3 files``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def printable(path: str) -> str:
    """Return a path with everything that a terminal would obey, or cannot show, escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in path)


def make_writable_anywhere() -> None:
    """Let signs that the terminal's encoding lacks become question marks, not an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _styled(text: str, code: str) -> str:
    colourful = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    if colourful and os.environ.get("TERM", "dumb") != "dumb":
        return f"\033[{code}m{text}\033[0m"
    return text
