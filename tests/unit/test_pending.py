"""Keeping entries in path order while files are looked at ahead."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupstore.format.entry import EncodedEntry
from dedupstore.operations.snapshot import pending
from dedupstore.operations.snapshot.pending import FILES_AHEAD, EntryQueue
from dedupstore.operations.snapshot.source_file import SourceFile

WORKERS = 2


@pytest.fixture(autouse=True, scope="module")
def two_workers() -> object:
    """Let there be two threads, whatever the machine has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pending, "worker_count", lambda: WORKERS)
        yield


def entry(number: int) -> EncodedEntry:
    """Return an entry."""
    return EncodedEntry(b"%04d" % number, b"its bytes", False)


def begun(number: int) -> SourceFile:
    """Return a file that is only begun."""
    return SourceFile(b"", b"%04d" % number, -1, os.stat("/"), 0)


class Handed:
    """What a queue does, in order; files whose number can be divided by three are unreadable."""

    def __init__(self) -> None:
        self.paths: list[bytes] = []
        self.finished: list[bytes] = []
        self.queue = EntryQueue(self.finish, self.hand_on)

    def hand_on(self, path: bytes, data: bytes, is_older_part: bool) -> None:
        """Take the parts of an entry."""
        assert EncodedEntry(path, data, is_older_part) == entry(int(path))
        self.paths.append(path)

    def finish(self, file: SourceFile) -> EncodedEntry | None:
        """Finish a file."""
        self.finished.append(file.path)
        return entry(int(file.path)) if int(file.path) % 3 else None


@given(kinds=st.lists(st.booleans(), max_size=60))
def test_entries_come_out_in_order(kinds: list[bool]) -> None:
    """Whatever mixture is begun, entries are handed on in order, without those given up."""
    handed = Handed()
    for number, is_file in enumerate(kinds):
        handed.queue.add(begun(number) if is_file else entry(number))
        waiting = sum(kinds[: number + 1]) - len(handed.finished)
        assert waiting <= WORKERS * FILES_AHEAD
    handed.queue.drain()
    kept = [number for number, is_file in enumerate(kinds) if not is_file or number % 3]
    assert handed.paths == [b"%04d" % number for number in kept]
    assert handed.finished == [b"%04d" % number for number, is_file in enumerate(kinds) if is_file]


def test_entries_do_not_wait_for_nothing() -> None:
    """What no file is before is handed on at once; what one is before, only behind it."""
    handed = Handed()
    handed.queue.add(entry(1))
    assert handed.paths == [b"0001"]
    handed.queue.add(begun(2))
    handed.queue.add(entry(3))
    assert (handed.paths, handed.finished) == ([b"0001"], [])


def test_few_entries_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that takes long holds back a bounded number of entries."""
    monkeypatch.setattr(pending, "ENTRIES_WAITING_MAX", 10)
    handed = Handed()
    handed.queue.add(begun(1))
    for number in range(2, 11):
        handed.queue.add(entry(number))
    assert handed.finished == []
    handed.queue.add(entry(11))
    assert handed.finished == [b"0001"]
    assert len(handed.paths) == 11


def test_a_file_that_cannot_be_stored_ends_it(tmp_path: Path) -> None:
    """What finishing a file raises comes out of the queue."""

    def fail(file: SourceFile) -> EncodedEntry | None:
        raise OSError(file.path)

    queue = EntryQueue(fail, Handed().hand_on)
    queue.add(begun(1))
    with pytest.raises(OSError, match="0001"):
        queue.drain()
