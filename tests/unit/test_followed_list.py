"""Following a known chunk list through the bytes of a file."""

from __future__ import annotations

from typing import cast

import pytest

from dedupstore.chunking.parameters import ChunkingParameters
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.healing_index import HealingIndex
from dedupstore.format.content import EMPTY_CONTENT, Content
from dedupstore.format.hashing import digest
from dedupstore.format.pieces import HOLE_ID, Extent, encode_extents, encode_piece
from dedupstore.operations.snapshot.followed_list import FollowedList
from dedupstore.operations.snapshot.stored_lists import StoredLists
from stored_pieces import StoredPieces

PARAMETERS = ChunkingParameters.for_target(4096)
FIRST = b"first chunk of a log\n" * 100
SECOND = b"where the log ended once\n" * 30
SHORT = b"one line\n"


def extent(data: bytes) -> Extent:
    """Return the extent of a chunk."""
    return Extent(len(data), digest(data))


def hole(hole_bytes: int) -> Extent:
    """Return the extent of a hole."""
    return Extent(hole_bytes, HOLE_ID)


def list_of(*extents: Extent) -> Content:
    """Return a chunk list."""
    return Content(0, extents)


def follow(*candidates: Content, pieces: StoredPieces | None = None) -> FollowedList:
    """Return what follows the first of some lists that fits."""
    reader = cast(ChunkReader, pieces or StoredPieces())
    return FollowedList(StoredLists(reader, cast(HealingIndex, None)), candidates, PARAMETERS)


def match(followed: FollowedList, data: bytes, *, ends: bool = True) -> list[Extent]:
    """Show data to a list."""
    return followed.match(memoryview(data), ends=ends)


KNOWN = list_of(extent(FIRST), extent(SECOND))


def test_a_file_with_all_of_a_list_fits() -> None:
    """Equal bytes have the same extents, and the list fits once all have been found."""
    followed = follow(KNOWN)
    assert match(followed, FIRST, ends=False) == [extent(FIRST)]
    assert not followed.fits
    assert match(followed, SECOND) == [extent(SECOND)]
    assert (followed.content, followed.fits) == (KNOWN, True)


def test_what_comes_behind_the_list_is_for_others() -> None:
    """A file that is longer fits too, and nothing behind the list is taken over."""
    followed = follow(KNOWN)
    assert match(followed, FIRST + SECOND + b"more") == [extent(FIRST), extent(SECOND)]
    assert (followed.fits, followed.is_left) == (True, True)
    assert match(followed, FIRST) == []


@pytest.mark.parametrize("data", [FIRST + SECOND[:-1], FIRST + SECOND[:-1] + b"~"])
def test_at_a_difference_the_list_is_left(data: bytes) -> None:
    """One other byte, or one less, and the chunk is not taken over, nor what follows."""
    followed = follow(list_of(extent(FIRST), extent(SECOND), extent(FIRST)))
    assert match(followed, data + FIRST) == [extent(FIRST)]
    assert (followed.fits, followed.is_left) == (False, True)
    assert match(followed, SECOND) == []


def test_the_first_list_that_begins_alike_is_followed() -> None:
    """Lists that begin otherwise, that are empty or cannot be read, are passed over."""
    lost = Content(1, (Extent(9, digest(b"lost piece")),))
    other = list_of(extent(FIRST), extent(FIRST))
    followed = follow(EMPTY_CONTENT, list_of(extent(SECOND)), lost, KNOWN, other)
    assert match(followed, FIRST + SECOND) == [extent(FIRST), extent(SECOND)]
    assert followed.content == KNOWN


def test_where_nothing_begins_alike_nothing_is_followed() -> None:
    """If no list is known, or none fits, all is for the chunker."""
    for followed in (follow(), follow(list_of(extent(SECOND)), list_of(hole(9)))):
        assert match(followed, FIRST) == []
        assert (followed.content, followed.is_left, followed.fits) == (None, True, False)


def test_a_short_chunk_is_cut_anew_if_more_follows() -> None:
    """A short chunk at the end of a list is taken over only if the file ends with it."""
    known = list_of(extent(FIRST), extent(SHORT))
    assert match(follow(known), FIRST + SHORT) == [extent(FIRST), extent(SHORT)]
    followed = follow(known)
    assert match(followed, FIRST + SHORT + b"more") == [extent(FIRST)]
    assert (followed.fits, followed.is_left) == (True, True)


@pytest.mark.parametrize(
    ("following", "taken"), [(b"", [extent(SHORT)]), (b"more", []), (SECOND[:5], [])]
)
def test_a_short_chunk_waits_for_what_follows(following: bytes, taken: list[Extent]) -> None:
    """While it is open whether more follows, a short chunk is shown again, and decided then."""
    followed = follow(list_of(extent(FIRST), extent(SHORT)))
    assert match(followed, FIRST + SHORT, ends=False) == [extent(FIRST)]
    assert (followed.fits, followed.is_left) == (False, False)
    assert match(followed, SHORT + following) == taken
    assert followed.fits


def test_a_short_chunk_within_a_list_is_followed() -> None:
    """If the list goes on behind a short chunk as the file does, both are taken over."""
    followed = follow(list_of(extent(SHORT), extent(FIRST), extent(SHORT), extent(SECOND)))
    assert match(followed, SHORT + FIRST + SHORT + SECOND[:9], ends=False) == [
        extent(SHORT), extent(FIRST),
    ]  # fmt: skip
    assert match(followed, SHORT + SECOND) == [extent(SHORT), extent(SECOND)]
    assert followed.fits


def test_holes_are_followed() -> None:
    """Data between equal holes is followed; a hole that is longer at the end still fits."""
    known = list_of(extent(FIRST), hole(5000), extent(SHORT), hole(300))
    for last_bytes, fits in ((300, True), (301, True), (299, False)):
        followed = follow(known)
        assert match(followed, FIRST) == [extent(FIRST)]
        followed.pass_hole(5000)
        assert match(followed, SHORT) == [extent(SHORT)]
        followed.pass_hole(last_bytes)
        assert followed.fits is fits


def test_a_list_may_begin_with_a_hole() -> None:
    """Where a file begins with a hole, a list with the same hole is chosen."""
    known = list_of(hole(5000), extent(FIRST))
    followed = follow(KNOWN, list_of(hole(4999), extent(FIRST)), known)
    followed.pass_hole(5000)
    assert match(followed, FIRST) == [extent(FIRST)]
    assert (followed.content, followed.fits) == (known, True)


def test_another_hole_leaves_the_list() -> None:
    """Where only one of both has a hole, or they end elsewhere, the list is left."""
    followed = follow(list_of(extent(FIRST), hole(5000), extent(SECOND)))
    match(followed, FIRST)
    followed.pass_hole(4999)
    assert followed.is_left
    followed = follow(KNOWN)
    match(followed, FIRST)
    followed.pass_hole(len(SECOND))
    assert (followed.is_left, followed.fits) == (True, False)
    followed = follow(list_of(extent(FIRST), hole(5000)))
    assert match(followed, FIRST + bytes(5000)) == [extent(FIRST)]
    assert (followed.is_left, followed.fits) == (True, False)


@pytest.mark.parametrize("ends", [False, True])
def test_a_list_that_breaks_off_proves_nothing(ends: bool) -> None:
    """Of a list with a lost piece the rest is followed, and it never fits."""
    piece = encode_piece(1, encode_extents([extent(FIRST), extent(SHORT)]))
    parts = (Extent(len(FIRST + SHORT), digest(piece)), Extent(9, digest(b"lost piece")))
    followed = follow(Content(1, parts), pieces=StoredPieces(piece))
    assert match(followed, FIRST + SHORT, ends=ends)[:1] == [extent(FIRST)]
    match(followed, SHORT)
    assert not followed.fits
