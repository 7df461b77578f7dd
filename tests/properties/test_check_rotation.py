"""Checking a part of the data each night covers all of it in the promised number of nights."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from dedupstore.clock import SystemClock
from dedupstore.engine.audit.findings import CheckReport, FindingCollector
from dedupstore.engine.pack_reader import StoredPack
from dedupstore.errors import ObjectMissing
from dedupstore.format.hashing import digest
from dedupstore.format.pack import PackKind
from dedupstore.operations.check.memory import CheckMemory
from dedupstore.operations.check.run import CheckOptions, choose_packs


class StoreInMemory:
    """As much of a store as the memory needs."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    def is_writable(self) -> bool:
        """Return that it is."""
        return True

    def get(self, key: str, offset: int, length: int) -> bytes:
        """Return an object, which must be there."""
        if key not in self._objects:
            raise ObjectMissing(key)
        return self._objects[key][offset : offset + length]

    def put(self, key: str, parts: list[bytes]) -> None:
        """Keep an object."""
        self._objects[key] = b"".join(parts)


@contextmanager
def empty_repository() -> Iterator[Any]:
    """Yield as much of a repository as the memory needs."""
    with tempfile.TemporaryDirectory() as folder:
        yield SimpleNamespace(store=StoreInMemory(), location=folder, clock=SystemClock())


def packs_of(sizes: list[int]) -> list[StoredPack]:
    """Return packs of these sizes."""
    return [
        StoredPack(PackKind.DATA, digest(b"%d" % number), size) for number, size in enumerate(sizes)
    ]


def run(repository: Any, packs: list[StoredPack], options: CheckOptions) -> list[StoredPack]:
    """Return the packs that a run of check reads, all of which are sound."""
    collector = FindingCollector(CheckReport())
    memory = CheckMemory(repository, (pack.id for pack in packs), collector)
    chosen = choose_packs(memory.in_order(packs), options)
    for pack in chosen:
        memory.found_sound(pack.id)
    memory.save()
    return chosen


@given(
    sizes=st.lists(st.integers(1, 1 << 24), min_size=1, max_size=60),
    percent=st.sampled_from([0.1, 3, 5, 7.5, 20, 33.3, 50, 99.9, 100]),
    before=st.integers(0, 3),
)
@example(sizes=[1] * 20, percent=5, before=0)
@example(sizes=[1 << 24] + [1] * 40, percent=5, before=1)
def test_a_share_each_night_covers_everything(
    sizes: list[int], percent: float, before: int
) -> None:
    """With P % each night all packs are read in 100 / P nights, whatever was read before."""
    packs = packs_of(sizes)
    budget = sum(sizes) * Fraction(percent) / 100
    options = CheckOptions(data_percent=percent)
    with empty_repository() as repository:
        for _ in range(before):
            run(repository, packs, options)
        covered: set[bytes] = set()
        for _ in range(min(len(packs), math.ceil(100 / Fraction(percent)))):
            chosen = run(repository, packs, options)
            assert sum(pack.pack_bytes for pack in chosen) >= budget
            covered.update(pack.id for pack in chosen)
    assert covered == {pack.id for pack in packs}


@given(
    sizes=st.lists(st.integers(1, 1000), min_size=1, max_size=30),
    budget_bytes=st.integers(0, 2000),
)
def test_a_size_each_night_goes_round(sizes: list[int], budget_bytes: int) -> None:
    """With a size each night no pack is left waiting while one is read that waited less."""
    packs = packs_of(sizes)
    last_night = dict.fromkeys((pack.id for pack in packs), 0)
    with empty_repository() as repository:
        for night in range(1, 2 * len(packs) + 1):
            chosen = run(repository, packs, CheckOptions(data_bytes=budget_bytes))
            assert chosen
            assert len({pack.id for pack in chosen}) == len(chosen)
            taken = sum(pack.pack_bytes for pack in chosen)
            assert taken >= min(budget_bytes, sum(sizes))
            assert taken - chosen[-1].pack_bytes < max(budget_bytes, 1)
            ids = {pack.id for pack in chosen}
            waiting = [last_night[id_] for id_ in last_night.keys() - ids]
            assert max(last_night[id_] for id_ in ids) <= min(waiting, default=night)
            last_night |= dict.fromkeys(ids, night)
