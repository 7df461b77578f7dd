"""Which files may be taken over from the last snapshot unread."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

import dedupstore
from dedupstore.engine.monitor import Event, SilentMonitor
from dedupstore.errors import ChunkUnreadable
from dedupstore.format.entry import Entry, EntryType, encode_entry
from dedupstore.format.stored_file import StoredFile, stored_files
from dedupstore.operations.snapshot.known_files import (
    KnownFiles,
    looks_unchanged,
    trusted_ctime_ns,
)


class _RacingClock:
    """Says that it is one millisecond after a file's change, then, each time, a second later."""

    def __init__(self, path: Path) -> None:
        changed_ns = path.stat().st_ctime_ns
        self._now = datetime.fromtimestamp(changed_ns / 1e9, UTC) + timedelta(milliseconds=1)
        self.steps_on = False

    def now(self) -> datetime:
        """Return the time of day."""
        if self.steps_on:
            self._now += timedelta(seconds=1)
        return self._now

    def monotonic_seconds(self) -> float:
        """Return a time that stands still."""
        return 0.0


class _Listener(SilentMonitor):
    """Remembers the kinds of events."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def event(self, event: Event) -> None:
        self.kinds.append(event.kind)


def stored(*paths: str) -> Iterator[StoredFile]:
    """Return files at some paths, as they are met in a manifest."""
    entries = [Entry(path.encode(), EntryType.FILE) for path in paths]
    return stored_files(b"".join(map(encode_entry, entries)))


def path_of(file: StoredFile | None) -> bytes | None:
    """Return the path of a file, if there is one."""
    return None if file is None else file.path


def test_a_change_during_a_long_read_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file changed just before it is opened is read again next time, however long reading took.

    It may have changed once more within the same tick of the file system's clock.
    """
    log = tmp_path / "app.log"
    log.write_text("short but slow to read\n")
    clock = _RacingClock(log)
    with dedupstore.init_repository(tmp_path / "repository", clock=clock) as repository:
        original = os.preadv

        def slow_preadv(*arguments: object) -> int:
            clock.steps_on = True
            return original(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "preadv", slow_preadv)
        dedupstore.snapshot(repository, [log])
        assert dedupstore.snapshot(repository, [log]).bytes_read == log.stat().st_size
        assert dedupstore.snapshot(repository, [log]).bytes_read == 0


@pytest.mark.parametrize(
    ("ctime_ns", "race_ns"), [(5_000_000_001, 20_000_000), (5_000_000_000, 2_020_000_000)]
)
def test_only_an_old_change_time_is_trusted(ctime_ns: int, race_ns: int) -> None:
    """A change time is recorded only if it was past by more than a step of the clock behind it.

    That is 20 ms, or two seconds where times seem to be whole seconds.
    """
    status = cast(os.stat_result, SimpleNamespace(st_ctime_ns=ctime_ns))
    assert trusted_ctime_ns(status, ctime_ns + race_ns) == 0
    assert trusted_ctime_ns(status, ctime_ns + race_ns + 1) == ctime_ns


@pytest.mark.parametrize("differing", ["size", "mtime_ns", "ctime_ns", "inode", None])
def test_a_file_is_unchanged_if_all_agree(tmp_path: Path, differing: str | None) -> None:
    """Inode, size, modification and change time must all agree for a file to be taken over."""
    log = tmp_path / "log"
    log.write_text("log\n")
    status = log.stat()
    facts = {
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "ctime_ns": status.st_ctime_ns,
        "inode": status.st_ino,
    }
    if differing:
        facts[differing] += 1
    known = replace(Entry(b"log", EntryType.FILE), **facts)  # type: ignore[arg-type]
    assert looks_unchanged(known, status) is (differing is None)
    assert not looks_unchanged(replace(known, ctime_ns=0), status)


def test_known_files_are_found_in_step() -> None:
    """Asked in path order, each known file is found at its path, and nothing else there is."""
    known = KnownFiles(stored("a/b", "a/c", "a.log", "z"), SilentMonitor())
    assert known.take(b"a/a") is None
    assert path_of(known.take(b"a/c")) == b"a/c"
    assert path_of(known.take(b"a.log")) == b"a.log"
    assert known.take(b"b") is None
    assert path_of(known.take(b"z")) == b"z"
    assert known.take(b"zz") is None


def test_a_damaged_last_snapshot_is_told_once() -> None:
    """If the last manifest breaks off, that is told, and later files count as new."""

    def files() -> Iterator[StoredFile]:
        yield from stored("a")
        raise ChunkUnreadable("gone")

    listener = _Listener()
    known = KnownFiles(files(), listener)
    assert known.take(b"a") is not None
    assert known.take(b"b") is None
    assert listener.kinds == ["last-snapshot-unusable"]


def test_a_damaged_entry_is_told_once() -> None:
    """If a known entry turns out damaged when it is decoded, later files count as new."""
    listener = _Listener()
    [file] = stored("a")
    known = KnownFiles(chain([file._replace(data=file.data + b"more")], stored("b")), listener)
    found = known.take(b"a")
    assert found is not None
    assert known.entry(found) is None
    assert known.take(b"b") is None
    assert listener.kinds == ["last-snapshot-unusable"]
