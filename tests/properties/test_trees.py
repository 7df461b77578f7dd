"""Chunk lists and manifests survive being cut into pieces, and share what did not change."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from dedupstore.engine.tree_reader import content_extents, manifest_entries, manifest_pieces
from dedupstore.engine.tree_writer import ExtentTreeWriter, ManifestWriter
from dedupstore.format.entry import Content, Entry, path_sort_key
from dedupstore.format.hashing import digest
from dedupstore.format.pieces import HOLE_ID, Extent
from dedupstore.limits import INLINE_EXTENTS_MAX, PIECE_BYTES_MAX
from stored_pieces import StoredPieces
from stored_values import entries, entry_lists, extents

EXTENT_PIECES_FEWEST = 64
EXTENT_PIECES_MOST = 1024


def random_extents(seed: int, count: int) -> list[Extent]:
    """Return many extents, one in twenty a hole."""
    source = random.Random(seed)
    return [
        Extent(source.randrange(1, 1 << 20), HOLE_ID if source.random() < 0.05 else id_)
        for id_ in (source.randbytes(32) for _ in range(count))
    ]


def written(pieces: StoredPieces, listed: Iterable[Extent]) -> Content:
    """Write a list of extents."""
    writer = ExtentTreeWriter(pieces.store)
    for extent in listed:
        writer.add(extent)
    return writer.finish()


def written_manifest(pieces: StoredPieces, listed: Sequence[Entry]) -> tuple[bytes, int]:
    """Write the entries of a manifest."""
    writer = ManifestWriter(pieces.store)
    for entry in listed:
        writer.add(entry)
    return writer.finish()


MANY_EXTENTS = st.builds(random_extents, st.integers(0, 1000), st.integers(0, 4000))


@given(st.lists(extents(), max_size=100) | MANY_EXTENTS)
@settings(max_examples=50)
def test_any_chunk_list_is_read_back(listed: list[Extent]) -> None:
    """Extents come back in order and number, however many there are."""
    pieces = StoredPieces()
    content = written(pieces, listed)
    assert list(content_extents(pieces, content)) == listed
    assert len(content.extents) <= INLINE_EXTENTS_MAX
    assert content.content_bytes == sum(extent.extent_bytes for extent in listed)
    assert all(len(piece) <= PIECE_BYTES_MAX for piece in pieces.stored.values())


@given(MANY_EXTENTS)
@settings(max_examples=20)
def test_equal_chunk_lists_give_equal_contents(listed: list[Extent]) -> None:
    """A list has one content and one set of pieces, also from a writer that wrote another first."""
    first, second = StoredPieces(), StoredPieces()
    writer = ExtentTreeWriter(second.store)
    for extent in listed[: len(listed) // 2]:
        writer.add(extent)
    writer.finish()
    second.stored.clear()
    for extent in listed:
        writer.add(extent)
    assert writer.finish() == written(first, listed)
    assert first.stored == second.stored


def test_few_extents_need_no_piece() -> None:
    """A list that fits into an entry stays in it; one extent more makes a tree."""
    pieces = StoredPieces()
    listed = random_extents(1, INLINE_EXTENTS_MAX + 1)
    assert written(pieces, listed[:-1]) == Content(0, tuple(listed[:-1]))
    assert pieces.stored == {}
    assert written(pieces, listed).level == 1


@given(st.integers(0, 1000), st.integers(0, 20_000), st.integers(1, 200))
@settings(max_examples=15)
def test_a_list_that_grew_shares_all_but_its_last_pieces(seed: int, old: int, new: int) -> None:
    """Appending makes new pieces only at the end: one of each level, and what the growth fills."""
    pieces = StoredPieces()
    listed = random_extents(seed, old + new)
    written(pieces, listed[:old])
    before = set(pieces.stored)
    content = written(pieces, listed)
    made = len(pieces.stored.keys() - before)
    assert made <= content.level + 1 + new // EXTENT_PIECES_FEWEST


def test_a_long_list_costs_little_when_one_chunk_is_appended() -> None:
    """A list of 200,000 chunks (13 GB of logs) grows by one for less than 64 KiB of pieces."""
    pieces = StoredPieces()
    listed = random_extents(7, 200_001)
    written(pieces, listed[:-1])
    before = set(pieces.stored)
    written(pieces, listed)
    new_bytes = sum(len(piece) for id_, piece in pieces.stored.items() if id_ not in before)
    assert 0 < new_bytes < 64 * 1024


def test_a_list_of_one_repeated_chunk_is_cut_at_the_limit() -> None:
    """Where ids never say where to cut, pieces end at their largest size."""
    pieces = StoredPieces()
    extent = Extent(10, b"\xff" * 32)
    content = written(pieces, [extent] * 5000)
    assert list(content_extents(pieces, content)) == [extent] * 5000
    longest = max(len(piece) for piece in pieces.stored.values())
    assert longest == 4 + 40 * EXTENT_PIECES_MOST


def test_a_file_of_holes_is_read_back() -> None:
    """Holes, whose id would cut everywhere, still make pieces of at least the smallest size."""
    pieces = StoredPieces()
    listed = [Extent(1 << 40, HOLE_ID)] * 1000
    content = written(pieces, listed)
    assert list(content_extents(pieces, content)) == listed
    assert len(pieces.stored) <= 2


@given(entry_lists())
def test_any_manifest_is_read_back(listed: list[Entry]) -> None:
    """Entries come back equal and in order."""
    pieces = StoredPieces()
    top, level = written_manifest(pieces, listed)
    assert list(manifest_entries(pieces, top, level)) == listed


def many_entries(count: int, template: Entry) -> list[Entry]:
    """Return entries at many paths, in path order."""
    paths = [b"var/log/%03d/app-%d.log" % (number % 97, number) for number in range(count)]
    return [replace(template, path=path) for path in sorted(paths, key=path_sort_key)]


@given(entries(path=b"a"), st.integers(1, 2500))
@settings(max_examples=10)
def test_any_large_manifest_is_read_back(template: Entry, count: int) -> None:
    """A manifest of many pieces is read back, and each of its pieces is within the limit."""
    pieces = StoredPieces()
    listed = many_entries(count, template)
    top, level = written_manifest(pieces, listed)
    assert list(manifest_entries(pieces, top, level)) == listed
    assert all(len(piece) <= PIECE_BYTES_MAX for piece in pieces.stored.values())


@given(entries(path=b"a"), st.integers(0, 1999))
@settings(max_examples=10)
def test_one_changed_entry_changes_few_pieces(template: Entry, changed: int) -> None:
    """Where one entry changed, one piece of entries is new, and all others are shared."""
    pieces = StoredPieces()
    listed = many_entries(2000, template)
    top, level = written_manifest(pieces, listed)
    before = set(manifest_piece_ids(pieces, top, level))
    listed[changed] = replace(listed[changed], uid=listed[changed].uid ^ 1)
    top, level = written_manifest(pieces, listed)
    after = set(manifest_piece_ids(pieces, top, level))
    assert len(after - before) == 1


def manifest_piece_ids(pieces: StoredPieces, top: bytes, level: int) -> list[bytes]:
    """Return the ids of a manifest's pieces that hold entries."""
    return [digest(piece) for piece in manifest_pieces(pieces, top, level)]
