"""Progress bars appear on a terminal, and nowhere else unless asked for."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time

import pytest

from cli.installed_command import Dedupstore

pytest.importorskip("rich")


def run_on_terminal(command: Dedupstore, *arguments: str) -> tuple[bytes, bytes]:
    """Run a command whose stderr is a terminal and whose stdin comes slowly; return its output."""
    main, terminal = pty.openpty()
    process = command.start(
        *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=terminal
    )
    os.close(terminal)
    assert process.stdin is not None
    shown = b""
    for _ in range(4):
        process.stdin.write(os.urandom(5 << 20))
        process.stdin.flush()
        shown += _read_for(main, 0.15)
    stdout, _ = process.communicate(timeout=30)
    shown += _read_for(main, 0.2)
    os.close(main)
    assert process.returncode == 0
    return stdout, shown


def _read_for(descriptor: int, seconds: float) -> bytes:
    found = b""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select([descriptor], [], [], left)[0]:
            try:
                found += os.read(descriptor, 65_536)
            except OSError:  # the other side is closed
                break
    return found


def test_a_bar_is_drawn_on_a_terminal(dedupstore: Dedupstore) -> None:
    """On a terminal a bar with sizes and a rate is drawn on stderr, and the cursor comes back."""
    stdout, shown = run_on_terminal(dedupstore, "snapshot", "--stdin-name", "x", "--json")
    assert b"reading" in shown
    assert b"/s" in shown
    assert b"\x1b[?25h" in shown
    assert stdout.count(b"\n") == 1
    assert b"\x1b" not in stdout


def test_a_line_about_an_event_stands_apart_from_the_bar(dedupstore: Dedupstore) -> None:
    """What is told while a bar is shown begins on a cleared line, and the bar goes on below."""
    main, terminal = pty.openpty()
    (dedupstore.folder / "a.log").write_text("a\n")
    process = dedupstore.start("snapshot", "a.log", "missing.log", stderr=terminal)
    os.close(terminal)
    assert process.wait(timeout=30) == 3
    shown = _read_for(main, 0.3)
    os.close(main)
    assert re.search(rb"reading.*\x1b\[2Kunreadable: /[^\x1b]*/missing.log: ", shown, re.DOTALL)


@pytest.mark.parametrize("option", ["--no-progress", "-q"])
def test_a_bar_can_be_done_without(dedupstore: Dedupstore, option: str) -> None:
    """--no-progress and -q leave the terminal alone."""
    _, shown = run_on_terminal(dedupstore, "snapshot", "--stdin-name", "x", option)
    assert shown == b""


def test_no_bar_without_a_terminal(dedupstore: Dedupstore) -> None:
    """Where stderr is no terminal, nothing of a bar is written to it."""
    outcome = dedupstore.run("snapshot", "--stdin-name", "x", stdin=os.urandom(400_000))
    assert outcome.stderr == ""


def test_progress_can_be_asked_for(dedupstore: Dedupstore) -> None:
    """--progress without a terminal does no harm: stdout stays the result alone."""
    outcome = dedupstore.run("snapshot", "--stdin-name", "x", "--json", "--progress", stdin=b"x")
    assert outcome.json["files"] == 1
    assert "\x1b" not in outcome.stderr


def test_an_error_gives_the_cursor_back(dedupstore: Dedupstore) -> None:
    """A command that fails on a terminal leaves it with a visible cursor."""
    main, terminal = pty.openpty()
    (dedupstore.folder / "file").write_text("in the way")
    dedupstore.run("snapshot", "--stdin-name", "x", stdin=b"x")
    process = dedupstore.start("restore", "latest", "--target", "file", stderr=terminal)
    os.close(terminal)
    assert process.wait(timeout=30) == 1
    shown = _read_for(main, 0.3)
    os.close(main)
    assert b"error: " in shown
    assert shown.count(b"\x1b[?25l") <= shown.count(b"\x1b[?25h")
