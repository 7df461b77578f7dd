"""Streams in the export format of the systemd journal, and a stand-in for journalctl."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

BOOT = "1" * 32
FIRST_TIME_US = 1_700_000_000_000_000


def journal_time_us(number: int) -> int:
    """Return when the entry with a number was taken, in microseconds since 1970."""
    return FIRST_TIME_US + number * 1_000_000


def journal_cursor(number: int, *, file: str = "a" * 32) -> bytes:
    """Return the cursor of the entry with a number, in the journal file ``file``."""
    time_us = journal_time_us(number)
    text = f"s={file};i={number + 1:x};b={BOOT};m={number + 5:x};t={time_us:x};x={number * 7919:x}"
    return text.encode()


def journal_entry(number: int, blob: bytes | None = None, *, file: str = "a" * 32) -> bytes:
    """Return an entry; ``blob`` is a value that may hold anything."""
    time_us = journal_time_us(number)
    text = (
        f"__REALTIME_TIMESTAMP={time_us}\n__MONOTONIC_TIMESTAMP={number + 5}\n_BOOT_ID={BOOT}\n"
        f"PRIORITY=6\n_SYSTEMD_UNIT={'cron' if number % 2 else 'nginx'}.service\n"
        f"MESSAGE=request {number} of client {number * 7919 % 1013} took {number % 97} ms\n"
    )
    value = b""
    if blob is not None:
        value = b"BLOB\n" + len(blob).to_bytes(8, "little") + blob + b"\n"
    return b"__CURSOR=" + journal_cursor(number, file=file) + b"\n" + text.encode() + value + b"\n"


def journal_stream(numbers: Iterable[int], *, file: str = "a" * 32) -> bytes:
    """Return a stream of entries, some of which hold what looks like the beginning of another."""
    return b"".join(
        journal_entry(number, b"a\n\n__CURSOR=x\n" if number % 5 == 0 else None, file=file)
        for number in numbers
    )


_STAND_IN = r"""#!{python}
import sys
from pathlib import Path
journal = Path(__file__).with_name("journal").read_bytes()
given = [a.partition("=")[2] for a in sys.argv[1:] if a.startswith("--cursor=")]
# Like journalctl: where it does not know the entry, it begins elsewhere and says nothing.
begin = max(0, journal.find(b"__CURSOR=" + given[0].encode() + b"\n")) if given else 0
sys.stdout.buffer.write(journal[begin:])
sys.stderr.write(Path(__file__).with_name("said").read_text())
sys.stdout.flush()
sys.exit(int(Path(__file__).with_name("code").read_text()))
"""


class StandIn:
    """A program that writes a journal like journalctl, says something, and exits with a code."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.program = folder / "journalctl"
        self.program.write_text(_STAND_IN.replace("{python}", sys.executable))
        self.program.chmod(0o755)
        self.set(b"")

    def set(self, journal: bytes, *, said: str = "", code: int = 0) -> None:
        """Say what it writes from now on."""
        (self._folder / "journal").write_bytes(journal)
        (self._folder / "said").write_text(said)
        (self._folder / "code").write_text(str(code))
