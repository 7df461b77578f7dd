"""Counting which chunks of each pack are needed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dedupstore.engine.reclaim.usage import Usage
from dedupstore.index.location import ChunkMark

FIRST, SECOND = b"\x11" * 32, b"\x22" * 32


def test_of_a_pack_nobody_spoke_of_nothing_is_needed() -> None:
    """A pack without a mark has no needed chunk, whatever its number."""
    usage = Usage()
    assert (usage.needed_chunks(FIRST), usage.needed_bytes(FIRST)) == (0, 0)
    assert not usage.is_needed(FIRST, 0)
    assert not usage.is_needed(FIRST, 1 << 40)


def test_a_chunk_counts_once() -> None:
    """Adding a chunk tells whether it was new; a second time changes neither count."""
    usage = Usage()
    assert usage.add(ChunkMark(FIRST, 7, 100))
    assert not usage.add(ChunkMark(FIRST, 7, 100))
    assert usage.add(ChunkMark(FIRST, 8, 5))
    assert usage.add(ChunkMark(SECOND, 7, 1))
    assert (usage.needed_chunks(FIRST), usage.needed_bytes(FIRST)) == (2, 105)
    assert (usage.needed_chunks(SECOND), usage.needed_bytes(SECOND)) == (1, 1)


@given(st.lists(st.tuples(st.sampled_from([FIRST, SECOND]), st.integers(0, 300))))
def test_it_is_a_set_of_chunks(chunks: list[tuple[bytes, int]]) -> None:
    """In any order and repetition, exactly what was added is needed, and counted by pack."""
    usage = Usage()
    seen: set[tuple[bytes, int]] = set()
    for pack, ordinal in chunks:
        assert usage.add(ChunkMark(pack, ordinal, ordinal + 1)) == ((pack, ordinal) not in seen)
        seen.add((pack, ordinal))
    for pack in (FIRST, SECOND):
        ordinals = {ordinal for of_pack, ordinal in seen if of_pack == pack}
        assert {number for number in range(310) if usage.is_needed(pack, number)} == ordinals
        assert usage.needed_chunks(pack) == len(ordinals)
        assert usage.needed_bytes(pack) == sum(ordinal + 1 for ordinal in ordinals)
