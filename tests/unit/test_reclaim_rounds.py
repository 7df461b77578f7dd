"""Repacking goes in rounds: of bounded size where there is little, of bounded number else."""

from __future__ import annotations

import pytest

from dedupstore.engine.compression import REPACKING
from dedupstore.engine.reclaim.plan import PackUse
from dedupstore.engine.reclaim.run import _fitting, _round_bytes
from dedupstore.format.pack import PackKind
from dedupstore.index.location import IndexedPack

PACK_BYTES = 16 << 20


def pack(number: int) -> PackUse:
    """Return a pack of which half is needed."""
    id_ = number.to_bytes(32, "big")
    row = IndexedPack(id_, PackKind.DATA, PACK_BYTES, 0, 10, 2 * PACK_BYTES)
    return PackUse(row, 5, PACK_BYTES, "half of it is needed")


def rounds(packs: int, room_bytes: float) -> list[int]:
    """Return how many packs go into each round."""
    waiting = [pack(number) for number in range(packs)]
    level_of = dict.fromkeys([use.pack.id for use in waiting], REPACKING)
    round_bytes = _round_bytes(waiting)
    taken = []
    while waiting:
        taken.append(len(_fitting(waiting, room_bytes, round_bytes, level_of)))
        waiting = waiting[taken[-1] :]
    return taken


@pytest.mark.parametrize("packs", [1000, 4000])
def test_there_are_few_rounds_however_many_packs(packs: int) -> None:
    """With room for all copies, 4,000 packs go in no more rounds than 1,000."""
    assert 16 <= len(rounds(packs, float("inf"))) <= 17


def test_small_rounds_are_not_made_smaller() -> None:
    """What fits into one round of the smallest size is repacked at once."""
    assert rounds(16, float("inf")) == [16]


def test_a_round_takes_no_more_than_there_is_room_for() -> None:
    """Where the disk is nearly full, a round copies no more than fits, be it ever so little."""
    assert max(rounds(1000, 4 * PACK_BYTES)) == 8
