"""What files cost that have not changed, and when they may be taken over as they are."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dedupstore
from dedupstore import FileChange, Repository
from dedupstore.format import entry as entry_module
from log_folder import Logs, counts

FILES = 300


@pytest.fixture
def logs(tmp_path: Path, repository: Repository) -> Logs:
    """Return a folder of logs that have rested."""
    made = Logs(tmp_path, repository)
    for number in range(FILES):
        (made.folder / f"{number:04d}.log").write_bytes(b"%d\n" % number * (number % 50))
    made.rest()
    return made


def test_an_unchanged_file_costs_a_look_and_no_more(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One ``lstat`` each, nothing opened but the folder, and no entry decoded or made anew."""
    dedupstore.snapshot(logs.repository, [logs.folder])
    calls: Counter[str] = Counter()

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any, **options: Any) -> Any:
            if name != "lstat" or arguments[0].startswith(os.fsencode(logs.folder)):
                calls[name] += 1
            return call(*arguments, **options)

        return counting

    monkeypatch.setattr(os, "lstat", counted("lstat", os.lstat))
    decode = counted("decode", entry_module.decode_entry)
    monkeypatch.setattr("dedupstore.format.stored_file.decode_entry", decode)
    monkeypatch.setattr(entry_module, "encode_entry", counted("encode", entry_module.encode_entry))
    monkeypatch.setattr(
        "dedupstore.operations.snapshot.regular_files.open_source", counted("open", lambda: None)
    )
    report = dedupstore.snapshot(logs.repository, [logs.folder])
    assert counts(report) == {FileChange.UNCHANGED: FILES}
    # The root is looked at once more, and its own entry is made anew.
    assert calls == {"lstat": FILES + 2, "encode": 1}


@pytest.mark.parametrize("facts", [{"st_ino": 0}, {"st_ctime_ns": 0}])
def test_what_proves_nothing_is_not_taken_over(
    logs: Logs, monkeypatch: pytest.MonkeyPatch, facts: dict[str, int]
) -> None:
    """A file without an inode, or without a time of its last change, is read each time."""
    log = logs.folder / "0001.log"
    inode = log.stat().st_ino
    for name in ("lstat", "fstat"):
        monkeypatch.setattr(os, name, altered(getattr(os, name), inode, facts))
    dedupstore.snapshot(logs.repository, [log])
    report = dedupstore.snapshot(logs.repository, [log])
    assert report.bytes_read == report.content_bytes > 0


def altered(
    look: Callable[..., os.stat_result], inode: int, facts: dict[str, int]
) -> Callable[..., os.stat_result]:
    """Return a look at files that finds other facts of the one with an inode."""

    def looking(*arguments: Any) -> os.stat_result:
        status = look(*arguments)
        if status.st_ino != inode:
            return status
        values = [*status[:1], facts.get("st_ino", status.st_ino), *status[2:10]]
        kept = {name: getattr(status, name) for name in ("st_mtime_ns", "st_ctime_ns", "st_blocks")}
        return os.stat_result(values, kept | facts)

    return looking
