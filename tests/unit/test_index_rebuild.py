"""An index that is built from scratch: sorted, whole, and nothing left of one that failed."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import pytest

from dedupstore.errors import NoSpace, StorageError
from dedupstore.format.pack import PackKind
from dedupstore.index.generations import NewGeneration, open_current
from dedupstore.index.location import IndexedPack, IndexEntry, PackEntries
from dedupstore.index.sorted_rows import SortedRows

IDENTITY = bytes(range(32))


def pack(number: int, chunks: list[int], *, is_dead: bool = False) -> PackEntries:
    """Return a pack that holds chunks, which are numbers, each in a block of its own."""
    row = IndexedPack(
        bytes([number]) * 32, PackKind.DATA, 1000, 0, len(chunks), 10 * len(chunks), is_dead=is_dead
    )
    entries = [
        IndexEntry(chunk.to_bytes(32, "big"), ordinal, 100 * ordinal, 90, 0, 10)
        for ordinal, chunk in enumerate(chunks)
    ]
    return row, entries


@pytest.fixture
def few_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an index be built with memory for a few chunks only."""
    genuine = SortedRows.__init__

    def begin(self: SortedRows, folder: str, row_bytes: int) -> None:
        genuine(self, folder, row_bytes, rows_in_memory=5)

    monkeypatch.setattr(SortedRows, "__init__", begin)


@pytest.mark.usefixtures("few_in_memory")
def test_of_a_chunk_in_several_packs_the_first_place_is_taken(tmp_path: Path) -> None:
    """A chunk has its place in the pack that was added first, and there where it comes first."""
    new = NewGeneration(str(tmp_path), IDENTITY)
    new.add_packs([pack(9, [7, 3, 7]), pack(2, [7, 8, 3])])
    new.add_packs([pack(1, [8, 7, 4, 3], is_dead=True), pack(9, [5])])
    index = new.publish(6)
    found = index.find([chunk.to_bytes(32, "big") for chunk in range(10)])
    places = {int.from_bytes(id_): (place.pack[0], place.ordinal) for id_, place in found.items()}
    assert places == {7: (9, 0), 3: (9, 1), 8: (2, 1), 4: (1, 2)}
    assert index.packs().generation == 6
    assert index.chunk_count() == 3
    index.close()


def test_what_killed_rebuilds_have_left_goes_before_the_next(tmp_path: Path) -> None:
    """A rebuild begins by removing generations that never came to be used, and keeps the one."""
    first = NewGeneration(str(tmp_path), IDENTITY)
    first.add_packs([pack(1, [1, 2])])
    first.publish(0).close()
    kept = {path.name for path in tmp_path.glob("generation-*")}
    killed = tmp_path / "generation-0123456789abcdef"
    killed.mkdir()
    (killed / "data.mdb").write_bytes(bytes(100))
    under_way = NewGeneration(str(tmp_path), IDENTITY)
    names = {path.name for path in tmp_path.glob("generation-*")}
    assert kept < names
    assert len(names) == 2
    assert not killed.exists()
    under_way.discard()
    assert {path.name for path in tmp_path.glob("generation-*")} == kept
    with_chunks = open_current(str(tmp_path), IDENTITY)
    assert with_chunks.chunk_count() == 2
    with_chunks.close()


@pytest.mark.usefixtures("few_in_memory")
def test_a_full_disk_while_sorting_is_no_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If what is sorted finds no room, that is told as such, and discarding leaves nothing."""

    def refuse(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    new = NewGeneration(str(tmp_path), IDENTITY)
    with monkeypatch.context() as patch:
        patch.setattr("dedupstore.index.sorted_rows.os.write", refuse)
        with pytest.raises(NoSpace):
            new.add_packs([pack(1, list(range(10)))])
    new.discard()
    assert list(tmp_path.iterdir()) == []


def test_the_pages_of_a_new_index_are_full(tmp_path: Path) -> None:
    """An index that has just been built takes at most 75 bytes for each chunk, beyond a base."""
    chunks = 20_000
    new = NewGeneration(str(tmp_path), IDENTITY)
    for begin in range(0, chunks, 1000):
        spread = [number * 0x9E3779B97F4A7C15 % 2**64 for number in range(begin, begin + 1000)]
        new.add_packs([pack(begin // 1000, spread)])
    new.publish(0).close()
    (data,) = tmp_path.glob("generation-*/data.mdb")
    assert data.stat().st_size < 75 * chunks + 200_000


def test_too_few_descriptors_say_nothing_against_an_index(tmp_path: Path) -> None:
    """An index that cannot be opened for want of descriptors is not called unusable."""
    NewGeneration(str(tmp_path), IDENTITY).publish(1).close()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    refused = 0
    try:
        for few in range(3, limits[0]):
            resource.setrlimit(resource.RLIMIT_NOFILE, (few, limits[1]))
            try:
                open_current(str(tmp_path), IDENTITY).close()
            except StorageError:
                refused += 1
            else:
                break
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert refused
