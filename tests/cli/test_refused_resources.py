"""What the system refuses to give is said as what it is, and is no bug."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import NoReturn

import pytest

from dedupstore.chunking.chunker import Chunker
from dedupstore.cli.run import run


def refuse_thread(thread: threading.Thread) -> NoReturn:
    """Fail as ``Thread.start`` does beyond the limit of processes."""
    raise RuntimeError("can't start new thread")


def refuse_memory(*arguments: object) -> NoReturn:
    """Fail as any allocation may."""
    raise MemoryError


@pytest.mark.parametrize(
    ("owner", "name", "refuse", "words"),
    [
        (threading.Thread, "start", refuse_thread, "there may be no more threads"),
        (Chunker, "find_cuts", refuse_memory, "there is not enough memory"),
    ],
)
def test_what_the_system_refuses_is_no_bug(
    owner: type,
    name: str,
    refuse: object,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Without a thread or memory, a snapshot fails with a line that says so; the next one works."""
    log = tmp_path / "a.log"
    log.write_bytes(b"line\n" * 100)
    line = ["--repo", str(tmp_path / "repository"), "--no-progress"]
    assert run([*line, "init"]) == 0
    with monkeypatch.context() as patches:
        patches.setattr(owner, name, refuse)
        capfd.readouterr()
        assert run([*line, "snapshot", str(log)]) == 1
    assert capfd.readouterr().err == f"error: {words}\n"
    assert run([*line, "snapshot", str(log)]) == 0
    assert run([*line, "check", "--data"]) == 0
