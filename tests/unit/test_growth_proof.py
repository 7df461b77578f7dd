"""Telling a file that only grew from one that was rewritten."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dedupstore.errors import ChunkUnreadable
from dedupstore.format.hashing import digest
from dedupstore.format.pieces import HOLE_ID, Extent
from dedupstore.operations.snapshot.growth import GrowthProof

FIRST = b"first chunk of a log\n" * 10
LAST = b"what was the end\n" * 5


def extent(data: bytes) -> Extent:
    """Return the extent of a chunk."""
    return Extent(len(data), digest(data))


@pytest.fixture
def log(tmp_path: Path) -> Iterator[int]:
    """Return an open file that holds the first chunk, the last, and a line that is new."""
    path = tmp_path / "app.log"
    path.write_bytes(FIRST + LAST + b"new line\n")
    descriptor = os.open(path, os.O_RDWR)
    yield descriptor
    os.close(descriptor)


def proof_of(*known: Extent, known_bytes: int | None = None) -> GrowthProof:
    """Return a proof for a file of these extents."""
    size = sum(item.extent_bytes for item in known) if known_bytes is None else known_bytes
    return GrowthProof(iter(known), size)


def size_of(descriptor: int) -> int:
    """Return the size of an open file."""
    return os.fstat(descriptor).st_size


def test_equal_chunks_prove_growth(log: int) -> None:
    """If all known chunks come again in order, and more follows, the file has grown."""
    proof = proof_of(extent(FIRST), extent(LAST))
    for item in (extent(FIRST), extent(LAST), extent(b"new line\n")):
        proof.observe(item)
    assert proof.holds(log, size_of(log))
    assert not proof.holds(log, len(FIRST + LAST))


def test_the_recut_end_is_read_again(log: int) -> None:
    """Where the old end is now inside a longer chunk, its bytes decide."""
    proof = proof_of(extent(FIRST), extent(LAST))
    proof.observe(extent(FIRST))
    proof.observe(extent(LAST + b"new line\n"))
    assert proof.holds(log, size_of(log))


def test_one_changed_byte_disproves_it(log: int) -> None:
    """One other byte in the old end, read again or not, and the file was rewritten."""
    os.pwrite(log, b"W", len(FIRST))
    proof = proof_of(extent(FIRST), extent(LAST))
    proof.observe(extent(FIRST))
    proof.observe(extent(b"W" + LAST[1:] + b"new line\n"))
    assert not proof.holds(log, size_of(log))


def test_what_cannot_be_read_again_proves_nothing(log: int) -> None:
    """A known list that breaks off damaged, at any point, never fails the snapshot."""

    def broken(*sound: Extent) -> Iterator[Extent]:
        yield from sound
        raise ChunkUnreadable("a piece of the list is gone")

    at_once = GrowthProof(broken(), len(FIRST + LAST))
    at_once.observe(extent(FIRST))
    assert not at_once.holds(log, size_of(log))
    later = GrowthProof(broken(extent(FIRST)), len(FIRST + LAST))
    later.observe(extent(FIRST + LAST + b"new line\n"))
    assert not later.holds(log, size_of(log))
    closed = proof_of(extent(FIRST), extent(LAST))
    closed.observe(extent(FIRST + LAST))
    assert not closed.holds(-1, size_of(log))


def test_a_hole_that_grew_is_growth(tmp_path: Path) -> None:
    """A file that ends in a longer hole than before has grown, if it still reads as zeros."""
    path = tmp_path / "sparse"
    path.write_bytes(FIRST)
    os.truncate(path, len(FIRST) + 2000)
    with path.open("r+b") as file:
        for is_zero in (True, False):
            proof = proof_of(extent(FIRST), Extent(1000, HOLE_ID))
            proof.observe(extent(FIRST))
            proof.observe(Extent(2000, HOLE_ID))
            assert proof.holds(file.fileno(), len(FIRST) + 2000) is is_zero
            os.pwrite(file.fileno(), b"!", len(FIRST) + 10)


def test_an_empty_file_that_is_no_longer_empty_has_grown(log: int) -> None:
    """Nothing known is the beginning of anything longer."""
    assert proof_of().holds(log, size_of(log))
    assert not proof_of().holds(log, 0)


def test_a_long_difference_is_not_read_again(log: int) -> None:
    """Behind the first difference only 4 MiB are read again; more counts as rewritten."""
    proof = proof_of(extent(LAST), known_bytes=5 << 20)
    proof.observe(extent(FIRST))
    assert not proof.holds(log, 6 << 20)
