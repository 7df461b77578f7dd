"""Which packs are to go: decided from facts alone."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupstore.engine.reclaim.plan import PackUse, ReclaimOptions, ReclaimPlan, plan_reclaim
from dedupstore.engine.reclaim.usage import Usage
from dedupstore.errors import UsageError
from dedupstore.format.pack import PackKind
from dedupstore.index.location import ChunkMark, IndexedPack
from dedupstore.limits import MIB, PACK_CHUNKS_TARGET

CHUNK_BYTES = 1000
NO_MERGING = ReclaimOptions(0.0, small_pack_bytes=0)


@dataclass(frozen=True)
class Part:
    """A pack of ``chunks`` chunks, the first ``needed`` of which are needed."""

    number: int
    chunks: int
    needed: int
    pack_bytes: int = 16 * MIB
    kind: PackKind = PackKind.DATA
    generation: int = 0
    is_dead: bool = False
    level: int = 1

    @property
    def id(self) -> bytes:
        """The name of the pack."""
        return self.number.to_bytes(32, "big")

    @property
    def pack(self) -> IndexedPack:
        """The pack as the index knows it."""
        original_bytes = self.chunks * CHUNK_BYTES
        return IndexedPack(
            self.id, self.kind, self.pack_bytes, self.generation, self.chunks, original_bytes,
            is_dead=self.is_dead,
        )  # fmt: skip


def plan_of(
    parts: list[Part], options: ReclaimOptions, being_written: frozenset[int] = frozenset()
) -> ReclaimPlan:
    """Plan for packs, while snapshots that began in some generations are under way."""
    usage = Usage()
    for part in parts:
        for ordinal in range(part.needed):
            usage.add(ChunkMark(part.id, ordinal, CHUNK_BYTES))
    levels = {part.id: part.level for part in parts}
    return plan_reclaim(
        [part.pack for part in parts],
        usage,
        options,
        lambda pack: pack.generation in being_written,
        lambda pack: levels[pack.id],
    )


def numbers(uses: tuple[PackUse, ...]) -> list[int]:
    """Return the numbers of packs."""
    return [int.from_bytes(use.pack.id, "big") for use in uses]


def test_without_packs_there_is_nothing_to_do() -> None:
    """The plan for an empty repository is empty."""
    assert plan_of([], ReclaimOptions()) == ReclaimPlan()


def test_packs_of_which_nothing_is_needed_go() -> None:
    """A pack without a needed chunk is dead; one that is declared dead already is passed over."""
    plan = plan_of(
        [Part(1, 10, 0), Part(2, 10, 10), Part(3, 10, 0, is_dead=True), Part(4, 10, 0)], NO_MERGING
    )
    assert (numbers(plan.dead), plan.repack) == ([1, 4], ())
    assert plan.freed_bytes == 32 * MIB
    assert {use.reason for use in plan.dead} == {"nothing of it is needed"}


def test_data_at_a_lower_level_is_compressed_anew() -> None:
    """Packs of data below the level go, if for no other reason; others and manifests stay."""
    parts = [
        Part(1, 10, 10, level=1),
        Part(2, 10, 10, level=9),
        Part(3, 10, 10, level=19),
        Part(4, 10, 10, level=0),
        Part(5, 10, 1, level=1),
        Part(6, 10, 10, level=1, kind=PackKind.MANIFEST),
    ]
    plan = plan_of(parts, ReclaimOptions(0.0, small_pack_bytes=0, recompress_level=9))
    assert numbers(plan.repack) == [1, 4, 5]
    assert [use.is_recompressed for use in plan.repack] == [True, True, False]
    assert plan.freed_bytes == plan.repack[2].unused_bytes
    assert numbers(plan_of(parts, NO_MERGING).repack) == [5]


def test_packs_of_a_snapshot_under_way_stay() -> None:
    """Where somebody of a pack's generation is at work it is not dead; sparse ones are repacked."""
    parts = [Part(1, 10, 0, generation=5), Part(2, 10, 0, generation=4), Part(3, 10, 1)]
    plan = plan_of(parts, NO_MERGING, frozenset({0, 5}))
    assert (numbers(plan.dead), numbers(plan.repack), plan.undecided) == ([2], [3], 1)


def test_sparse_packs_are_repacked_until_within_the_limit() -> None:
    """The most wasteful go first, and as soon as no more is unneeded than allowed, it is enough."""
    parts = [Part(1, 10, 9), Part(2, 10, 1), Part(3, 10, 5), Part(4, 10, 10)]
    # Of 64 MiB, 1.6 + 14.4 + 8 are not needed: 37.5 %.
    for limit, chosen in (
        (38, []),
        (37, [2]),
        (16, [2]),
        (14, [2, 3]),
        (2, [1, 2, 3]),
        (0, [1, 2, 3]),
    ):
        plan = plan_of(parts, ReclaimOptions(limit, small_pack_bytes=0))
        assert numbers(plan.repack) == chosen, limit
        assert plan.dead == ()
    assert [use.reason for use in plan.repack] == [
        f"{share} % of it are needed" for share in (90, 10, 50)
    ]
    assert plan.freed_bytes == pytest.approx(24 * MIB, rel=0.001)


def test_all_that_is_needed_is_never_repacked_for_nothing() -> None:
    """Packs of which all is needed stay even where nothing unneeded is allowed."""
    parts = [Part(number, 10, 10) for number in range(20)]
    assert plan_of(parts, NO_MERGING) == ReclaimPlan()


def test_each_kind_is_judged_by_itself() -> None:
    """Waste in small packs of manifests is not hidden by large packs of data without any."""
    parts = [
        *(Part(number, 10, 10) for number in range(10)),
        Part(20, 10, 5, pack_bytes=1 * MIB, kind=PackKind.MANIFEST),
    ]
    plan = plan_of(parts, ReclaimOptions(5.0, small_pack_bytes=0))
    assert numbers(plan.repack) == [20]


@pytest.mark.parametrize(("count", "merged"), [(3, False), (4, True), (5, True)])
def test_small_packs_are_merged_once_there_are_enough(count: int, merged: bool) -> None:
    """Small packs wait until there are as many of a kind as was said."""
    parts = [Part(number, 10, 10, pack_bytes=1 * MIB) for number in range(count)]
    parts += [Part(50, 10, 10), Part(51, 10, 10, 1 * MIB, PackKind.MANIFEST)]
    plan = plan_of(parts, ReclaimOptions(5.0, small_pack_bytes=2 * MIB, merge_packs_min=4))
    assert numbers(plan.repack) == (list(range(count)) if merged else [])
    assert {use.reason for use in plan.repack} <= {"it is small"}


def test_a_pack_of_just_the_size_is_not_small() -> None:
    """Below the size a pack is small, not at it."""
    options = ReclaimOptions(5.0, small_pack_bytes=2 * MIB, merge_packs_min=2)
    assert numbers(plan_of([Part(n, 10, 10, 2 * MIB) for n in range(9)], options).repack) == []
    assert len(plan_of([Part(n, 10, 10, 2 * MIB - 1) for n in range(9)], options).repack) == 9


def test_sparse_packs_count_among_those_to_merge() -> None:
    """What is repacked anyway makes up the number: it would be merged next time."""
    parts = [Part(1, 10, 1), Part(2, 10, 10, 1 * MIB)]
    options = ReclaimOptions(5.0, small_pack_bytes=2 * MIB, merge_packs_min=2)
    assert numbers(plan_of(parts, options).repack) == [1, 2]


def test_packs_full_of_tiny_chunks_are_not_merged_for_ever() -> None:
    """A pack that was closed for the number of its chunks is small, and merging makes no other."""
    full = [Part(n, PACK_CHUNKS_TARGET, PACK_CHUNKS_TARGET, 1 * MIB) for n in range(20)]
    options = ReclaimOptions(5.0, small_pack_bytes=4 * MIB, merge_packs_min=2)
    assert plan_of(full, options) == ReclaimPlan()
    # As many chunks in packs that were closed early are put together, once.
    quarter = PACK_CHUNKS_TARGET // 4 - 1
    early = [Part(n, quarter, quarter, 1 * MIB) for n in range(20)]
    assert len(plan_of(early, options).repack) == 20


def test_packs_stay_in_the_order_in_which_they_were_written() -> None:
    """However they were chosen, what is repacked goes in the order of the index."""
    parts = [Part(9, 10, 1), Part(3, 10, 2), Part(7, 10, 10, 1 * MIB), Part(1, 10, 1)]
    options = ReclaimOptions(0.0, small_pack_bytes=2 * MIB, merge_packs_min=2)
    assert numbers(plan_of(parts, options).repack) == [9, 3, 7, 1]


@given(
    st.lists(
        st.tuples(st.integers(1, 20), st.integers(0, 20), st.integers(60, 20 * MIB)), max_size=12
    ),
    st.floats(0, 100),
    st.integers(2, 6),
)
def test_whatever_there_is_the_limit_is_kept(
    packs: list[tuple[int, int, int]], limit: float, merge_packs_min: int
) -> None:
    """Each pack is listed once, none that is needed is dead, and waste is left as is allowed."""
    parts = [
        Part(number, chunks, min(needed, chunks), pack_bytes)
        for number, (chunks, needed, pack_bytes) in enumerate(packs)
    ]
    plan = plan_of(parts, ReclaimOptions(limit, merge_packs_min=merge_packs_min))
    assert numbers(plan.dead) == [part.number for part in parts if not part.needed]
    chosen = numbers(plan.repack)
    assert len(set(chosen)) == len(chosen)
    needed = [part for part in parts if part.needed]
    assert set(chosen) <= {part.number for part in needed}
    left = sum(
        part.pack_bytes * (1 - part.needed / part.chunks)
        for part in needed
        if part.number not in chosen
    )
    rounding = len(parts)
    assert left <= sum(part.pack_bytes for part in needed) * limit / 100 + rounding


@pytest.mark.parametrize(
    "fields",
    [
        {"unused_percent_max": -0.1},
        {"unused_percent_max": 100.1},
        {"unused_percent_max": float("nan")},
        {"small_pack_bytes": -1},
        {"merge_packs_min": 1},
    ],
)
def test_options_out_of_range_are_refused(fields: dict[str, float]) -> None:
    """Shares beyond 0 to 100 %, negative sizes and merging one pack make no sense."""
    with pytest.raises(UsageError):
        ReclaimOptions(**fields)  # type: ignore[arg-type]  # one of them is a float, two are not
