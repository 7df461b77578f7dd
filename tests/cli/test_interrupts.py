"""Signals and closed pipes end a command at once, cleanly, and harm nothing."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.conftest import Archive
from cli.installed_command import Dedupstore

STOPPING = [signal.SIGINT, signal.SIGTERM]


def start_reading_stdin(command: Dedupstore, *more: str) -> subprocess.Popen[bytes]:
    """Start a snapshot of stdin, and return once it is under way."""
    process = command.start(
        "snapshot", "--stdin-name", "stream", *more, stdin=-1, stdout=-1, stderr=-1
    )
    assert process.stdin is not None
    process.stdin.write(os.urandom(1 << 20))
    process.stdin.flush()
    wait_until_signals_are_settled(process)
    return process


@pytest.mark.parametrize("number", STOPPING)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_signal_while_reading_is_130(
    dedupstore: Dedupstore, number: signal.Signals, as_json: bool
) -> None:
    """SIGINT and SIGTERM end a snapshot with 130 and one line; the repository is intact."""
    process = start_reading_stdin(dedupstore, *(["--json"] if as_json else []))
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert stderr == b"error: interrupted\n"
    if as_json:
        assert json.loads(stdout)["error"]["code"] == 130
    else:
        assert stdout == b""
    assert dedupstore.run("list", "--json").json == []
    assert os.listdir(dedupstore.repository / "tmp") == []
    assert dedupstore.run("check", "--data", "--json").json["ok"]


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_ends_the_command_it_runs(
    dedupstore: Dedupstore, number: signal.Signals, tmp_path: Path
) -> None:
    """A signal during --exec ends the running command too, and leaves no snapshot."""
    told = tmp_path / "pid"
    process = dedupstore.start(
        "snapshot", "--stdin-name", "x", "--exec", "--", "sh", "-c",
        f"echo $$ > {told}.new; mv {told}.new {told}; exec sleep 60",
        stdout=-1, stderr=-1, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while not told.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert not Path(f"/proc/{told.read_text().strip()}").exists()
    assert dedupstore.run("list", "--json").json == []


def test_a_signal_at_any_moment_shows_no_traceback(dedupstore: Dedupstore) -> None:
    """Wherever SIGINT hits a command, from its first line to its last, no traceback is shown."""
    (dedupstore.folder / "a.log").write_bytes(os.urandom(300_000))
    source = random.Random(7)
    codes = set()
    for _ in range(12):
        process = dedupstore.start("snapshot", "a.log", "--reread", stdout=-1, stderr=-1)
        wait_until_signals_are_settled(process)
        time.sleep(0.15 * source.random())
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
        assert stderr in (b"", b"error: interrupted\n")
        codes.add(process.returncode)
    assert 130 in codes
    assert codes <= {0, 130}
    assert dedupstore.run("check", "--data", "--json").json["ok"]
    dedupstore.run("snapshot", "a.log")


def test_a_signal_in_a_callback_is_not_lost() -> None:
    """An interruption that hits a callback, which cannot pass it on, still ends the command."""
    script = (
        "import time\n"
        "from dedupstore.cli import main\n"
        "class Finalized:\n"
        "    def __del__(self):\n"
        "        raise KeyboardInterrupt\n"
        "def run(name):\n"
        "    Finalized()\n"
        "    time.sleep(30)\n"
        "main.importlib.import_module = run\n"
        "main.main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-P", "-c", script], check=False, capture_output=True, timeout=20
    )
    assert (ended.returncode, ended.stderr) == (130, b"error: interrupted\n")


def wait_until_signals_are_settled(process: subprocess.Popen[bytes]) -> None:
    """Wait for our first line to run: until then, only the interpreter itself can answer."""
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        if caught >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.001)


def test_a_closed_pipe_ends_quietly(archive: Archive) -> None:
    """When whoever reads stdout has had enough, the command ends without a word."""
    line = " ".join(os.fsdecode(part) for part in archive.command.line([]))
    log = archive.logs / "app.log.1"
    for arguments in (
        "ls latest --set web",
        "ls latest --set web --json",
        f"cat {archive.ids[0]} {archive.logs / 'app.log'}",
        f"cat latest {log}",
        "restore latest --tar",
        "list",
    ):
        done = subprocess.run(
            ["sh", "-c", f"{line} {arguments} | head -c 5 | wc -c"],
            capture_output=True,
            env=archive.command.environment(),
            timeout=60,
            check=True,
        )
        assert done.stderr == b"", arguments
        assert done.stdout.strip() == b"5", arguments


def test_output_appears_as_it_is_found(archive: Archive) -> None:
    """cat into a slow pipe blocks rather than collecting the file, and ends when it is closed."""
    process = archive.command.start(
        "cat", archive.ids[1], archive.logs / "app.log", stdout=-1, stderr=-1
    )
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 30)
    assert ready
    assert os.read(process.stdout.fileno(), 6) == b"first "
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=30) in (0, -signal.SIGPIPE)
