"""Finding the files of the last snapshot by inode, content, size and time, or path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import cast

import pytest

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.snapshots import Snapshot
from dedupstore.engine.tree_writer import ManifestWriter
from dedupstore.errors import ChunkUnreadable
from dedupstore.format.content import EMPTY_CONTENT, Content
from dedupstore.format.entry import Entry, EntryType
from dedupstore.format.hashing import digest
from dedupstore.format.pieces import Extent
from dedupstore.format.twin import Twin
from dedupstore.operations.snapshot import known_index
from dedupstore.operations.snapshot.known_index import KnownIndex
from stored_pieces import StoredPieces


class _Record:
    """What an index asks of a snapshot: where its manifest begins."""

    def __init__(self, manifest: bytes, level: int) -> None:
        self.manifest = manifest
        self.manifest_level = level

    @property
    def record(self) -> _Record:
        """Stand for the snapshot, too."""
        return self


class _CountingPieces(StoredPieces):
    """Pieces in memory; counts how many were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def read(self, id_: bytes) -> memoryview:
        """Return a piece."""
        self.reads += 1
        return super().read(id_)

    def stream_readable(self, ids: Iterable[bytes]) -> Iterator[memoryview | ChunkUnreadable]:
        """Yield pieces, or why they cannot be read."""
        for id_ in ids:
            try:
                yield self.read(id_)
            except ChunkUnreadable as damage:
                yield damage


def content_of(number: int) -> Content:
    """Return a chunk list of its own."""
    return Content(0, (Extent(number + 1, digest(number.to_bytes(4, "little"))),))


def file_entry(number: int, *, inode: int | None = None) -> Entry:
    """Return one of many files."""
    return Entry(
        b"logs/%06d.log" % number,
        EntryType.FILE,
        device=1 + number % 3,
        inode=number + 7 if inode is None else inode,
        size=number + 1,
        content=content_of(number),
    )


def index_of(entries: Iterable[Entry]) -> tuple[KnownIndex, _CountingPieces]:
    """Return an index of entries, and the pieces that it reads."""
    pieces = _CountingPieces()
    writer = ManifestWriter(pieces.store)
    for entry in entries:
        writer.add(entry)
    snapshot = cast(Snapshot, _Record(*writer.finish()))
    return KnownIndex(cast(ChunkReader, pieces), snapshot), pieces


@pytest.fixture(autouse=True)
def short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few hundred files fill several runs."""
    monkeypatch.setattr(known_index, "_RUN_ITEMS", 64)


@pytest.mark.parametrize("count", [1, 500])
def test_every_file_is_found_by_inode_and_by_content(count: int) -> None:
    """Among one file or many, each is found by its device and inode, and by its chunk list."""
    entries = [file_entry(number) for number in range(count)]
    folder = Entry(b"logs", EntryType.DIRECTORY, device=1, inode=7)
    index, _ = index_of([folder, *entries])
    for entry in entries:
        assert list(index.by_inode(entry.device, entry.inode)) == [entry]
        assert list(index.by_content(entry.content)) == [entry]
    assert list(index.by_inode(1, count + 7)) == []
    assert list(index.by_inode(9, 7)) == []
    assert list(index.by_content(content_of(count))) == []


def test_files_with_one_inode_are_found_in_path_order() -> None:
    """All names of a hard link are found; files without an inode never are."""
    linked = {0, 77, 150, 151}
    entries = [file_entry(number, inode=5 if number in linked else 0) for number in range(200)]
    index, _ = index_of(entries)
    found = [entry for device in (1, 2, 3) for entry in index.by_inode(device, 5)]
    assert {entry.path for entry in found} == {entries[number].path for number in linked}
    assert [entry.path for entry in index.by_inode(1, 5)] == [entries[0].path, entries[150].path]
    assert list(index.by_inode(1, 0)) == []


def test_empty_files_are_not_found_by_content() -> None:
    """Nothing is made of nothing."""
    index, _ = index_of([Entry(b"empty", EntryType.FILE, device=1, inode=2)])
    assert list(index.by_content(EMPTY_CONTENT)) == []
    assert len(list(index.by_inode(1, 2))) == 1


@pytest.mark.parametrize("count", [1, 500])
def test_every_file_is_found_by_size_and_time_and_by_path(count: int) -> None:
    """Each file is found by its size and second, and by its path; no twin, folder or other is."""
    entries = [replace(file_entry(number), mtime_ns=number * 10**8) for number in range(count)]
    folder = Entry(b"logs", EntryType.DIRECTORY)
    packed = replace(
        file_entry(count), mtime_ns=0, twin=Twin(count + 1, digest(b"file"), b"recipe")
    )
    index, _ = index_of([folder, *entries, packed])
    for entry in entries:
        within_second = entry.mtime_ns // 10**9 * 10**9 + 999_999_999
        assert list(index.by_size_and_time(entry.size, within_second)) == [entry]
        assert list(index.by_size_and_time(entry.size, within_second + 1)) == []
        assert index.by_path(entry.path) == entry
    assert list(index.by_size_and_time(packed.size, 0)) == []
    assert index.by_path(packed.path) == packed
    for path in (b"", b"a", b"logs", b"logs/000000.lo", entries[-1].path + b"/x", b"z"):
        assert index.by_path(path) is None


def test_files_of_one_size_and_time_come_in_path_order() -> None:
    """However many files are alike, all are found, each once."""
    contents = [Content(0, (Extent(9, digest(b"%d" % number)),)) for number in range(300)]
    entries = [
        replace(file_entry(number), size=9, mtime_ns=7, content=content)
        for number, content in enumerate(contents)
    ]
    index, _ = index_of(entries)
    assert list(index.by_size_and_time(9, 7)) == entries


def test_nothing_is_read_before_the_first_question() -> None:
    """A set in which nothing is renamed pays nothing; the first question reads each piece once."""
    index, pieces = index_of(map(file_entry, range(500)))
    assert pieces.reads == 0
    assert list(index.by_inode(1, 1 << 40)) == []
    assert pieces.reads == len(pieces.stored)
    assert list(index.by_inode(1, 1 << 41)) == []
    assert pieces.reads == len(pieces.stored)


def test_what_stands_in_damaged_pieces_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Around a lost piece files are found, also if it is lost only after it was indexed."""
    monkeypatch.setattr(known_index, "_PIECES_HELD", 1)
    entries = [file_entry(number) for number in range(500)]
    index, pieces = index_of(entries)
    lost = next(id_ for id_, piece in pieces.stored.items() if b"/000100.log" in piece)
    in_lost = pieces.stored.pop(lost)
    for entry in entries:
        expected = [] if entry.path in in_lost else [entry]
        assert list(index.by_inode(entry.device, entry.inode)) == expected
        assert [found for found in [index.by_path(entry.path)] if found] == expected
    pieces.stored.clear()
    assert list(index.by_inode(entries[0].device, entries[0].inode)) == []


def test_without_a_snapshot_nothing_is_known() -> None:
    """The first snapshot of a set finds nothing, and says so."""
    index = KnownIndex(cast(ChunkReader, _CountingPieces()), None)
    assert index.is_empty
    assert list(index.by_inode(1, 1)) == []
    assert list(index.by_content(content_of(1))) == []
    assert index.by_path(b"a") is None
