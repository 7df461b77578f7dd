"""Telling whether the chunks of known files can be relied on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import pytest

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.healing_index import HealingIndex
from dedupstore.engine.tree_writer import ExtentTreeWriter
from dedupstore.errors import ChunkUnreadable, StorageError
from dedupstore.format.content import EMPTY_CONTENT, Content
from dedupstore.format.entry import Entry, EntryType, Twin, encode_entry
from dedupstore.format.hashing import digest
from dedupstore.format.pieces import HOLE_ID, Extent
from dedupstore.format.stored_file import StoredFile, stored_files
from dedupstore.operations.snapshot import stored_lists
from dedupstore.operations.snapshot.stored_lists import StoredLists
from stored_pieces import StoredPieces

HOLE = Extent(9, HOLE_ID)


class _Index:
    """Knows some chunks; counts how often it is asked."""

    def __init__(self, ids: Iterable[bytes]) -> None:
        self.ids = set(ids)
        self.asked = 0
        self.openings = 1

    def known(self, ids: Sequence[bytes]) -> set[bytes]:
        """Return the known ones."""
        assert HOLE_ID not in ids
        self.asked += 1
        return self.ids.intersection(ids)


def extent(number: int) -> Extent:
    """Return a chunk of its own."""
    return Extent(number + 1, digest(b"%d" % number))


def file_entry(number: int, *extents: Extent) -> Entry:
    """Return a file with some chunks, or one of its own."""
    extents = extents or (extent(number),)
    size = sum(part.extent_bytes for part in extents)
    return Entry(b"%04d" % number, EntryType.FILE, size=size, content=Content(0, extents))


def stored(*entries: Entry) -> Iterator[StoredFile]:
    """Return files as they are met in a manifest."""
    return stored_files(b"".join(map(encode_entry, entries)))


def lists_over(*known: int, pieces: StoredPieces | None = None) -> tuple[StoredLists, _Index]:
    """Return lists over an index that knows some chunks."""
    index = _Index(extent(number).id for number in known)
    reader = cast(ChunkReader, pieces or StoredPieces())
    return StoredLists(reader, cast(HealingIndex, index)), index


def test_files_are_looked_up_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Walking a thousand known files asks the index a few times; each is judged by its chunks."""
    monkeypatch.setattr(stored_lists, "_LOOKUP_FILES", 100)
    lists, index = lists_over(*(number for number in range(1000) if number % 7))
    entries = [file_entry(number) for number in range(1000)]
    walked = []
    for file in lists.looked_up(stored(*entries)):
        walked.append(file.decoded())
        asked = index.asked
        is_there = int(file.path) % 7 != 0
        assert lists.have_chunks(file) is is_there
        assert lists.have_all([walked[-1].content]) is is_there
        # What seems to be lost is asked for again.
        assert index.asked == asked + 2 * (not is_there)
    assert walked == entries


def test_what_was_not_looked_up_is_asked_for() -> None:
    """Lists of any other file are looked up when they are asked for."""
    lists, index = lists_over(1, 2)
    assert lists.have_all([file_entry(1).content, file_entry(2).content])
    assert not lists.have_all([file_entry(1).content, file_entry(3).content])
    assert lists.have_all([EMPTY_CONTENT])
    assert lists.have_all([])
    list(lists.looked_up(stored(file_entry(1))))
    asked = index.asked
    assert lists.have_all([file_entry(2).content])
    assert index.asked == asked + 1


def test_holes_are_always_there() -> None:
    """A hole needs no chunk."""
    lists, _ = lists_over(1)
    entry = file_entry(5, HOLE, extent(1), HOLE)
    assert lists.have_all([entry.content])
    for file in lists.looked_up(stored(entry, file_entry(6, HOLE))):
        assert lists.have_chunks(file)


def test_recipes_are_looked_up_too() -> None:
    """A twin whose recipe is lost cannot be relied on."""
    lists, index = lists_over(1, 2)
    twins = [Twin(2, bytes(32), recipe_content=Content(0, (extent(number),))) for number in (2, 3)]
    contents = [(file_entry(1).content, twin.recipe_content) for twin in twins]
    entries = [
        Entry(b"a", EntryType.FILE, size=9, content=contents[0][0], twin=twin) for twin in twins
    ]
    [file] = lists.looked_up(stored(entries[0]))
    asked = index.asked
    assert lists.have_chunks(file)
    assert lists.have_all(contents[0])
    assert index.asked == asked
    assert not lists.have_all(contents[1])
    [file] = lists.looked_up(stored(entries[1]))
    assert not lists.have_chunks(file)


def test_an_index_that_was_built_anew_is_asked_again() -> None:
    """What a damaged index said is no longer believed once it has been replaced."""
    lists, index = lists_over(1)
    [file] = lists.looked_up(stored(file_entry(1)))
    index.ids.clear()
    assert lists.have_chunks(file)
    index.openings += 1
    assert not lists.have_chunks(file)


def test_damage_is_raised_behind_what_is_sound() -> None:
    """All files before a damaged piece are yielded and looked up, then the damage is raised."""

    def files() -> Iterator[StoredFile]:
        yield from stored(*map(file_entry, range(3)))
        raise ChunkUnreadable("gone")

    lists, index = lists_over(0, 1, 2)
    walk = lists.looked_up(files())
    assert [next(walk).decoded() for _ in range(3)] == [file_entry(number) for number in range(3)]
    assert index.asked == 1
    with pytest.raises(ChunkUnreadable):
        next(walk)


def test_a_store_that_fails_is_no_damage() -> None:
    """Only damage is put off; if the store cannot deliver, that comes at once."""

    def files() -> Iterator[StoredFile]:
        yield from stored(file_entry(1))
        raise StorageError("no network")

    lists, _ = lists_over(1)
    with pytest.raises(StorageError):
        next(lists.looked_up(files()))


def test_long_lists_are_followed() -> None:
    """A list in pieces is relied on if its pieces and all their chunks are there."""
    pieces = StoredPieces()
    tree = ExtentTreeWriter(pieces.store)
    for number in range(500):
        tree.add(extent(number))
    content = tree.finish()
    assert content.level
    lists, index = lists_over(*range(500), pieces=pieces)
    assert lists.have_all([content])
    index.ids.remove(extent(321).id)
    assert not lists.have_all([content])
    pieces.stored.clear()
    assert not lists.have_all([content])
