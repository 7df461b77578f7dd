"""The rows of packs: read once, and again only where they changed, whoever changed them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from dedupstore.index import pack_rows
from dedupstore.index.environment import IndexEnvironment
from dedupstore.index.generations import NewGeneration, open_current
from dedupstore.index.location import IndexedPack, IndexEntry

IDENTITY = bytes(32)


def add_pack(index: IndexEnvironment, number: int) -> None:
    """Add a pack of one chunk."""
    id_ = number.to_bytes(32, "big")
    index.add_packs([(IndexedPack(id_, 1, 1000, 0, 1, 10), [IndexEntry(id_, 0, 8, 90, 0, 10)])])


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Return the folder of an empty index."""
    NewGeneration(str(tmp_path), IDENTITY).publish(0).close()
    return str(tmp_path)


@pytest.mark.parametrize("seed", range(5))
def test_every_process_sees_the_same_packs(folder: str, seed: int) -> None:
    """Whatever others add, declare dead and remove, an open index knows all packs there are."""
    source = random.Random(seed)
    indexes = [open_current(folder, IDENTITY) for _ in range(2)]
    alive: dict[int, bool] = {}
    for number in range(60):
        index = source.choice(indexes)
        match source.choice(("add", "add", "kill", "remove")):
            case "kill" if alive:
                killed = source.choice(list(alive))
                alive[killed] = True
                index.set_dead([killed.to_bytes(32, "big")], number)
            case "remove" if alive:
                removed = source.choice(list(alive))
                del alive[removed]
                index.remove_packs([removed.to_bytes(32, "big")])
            case _:
                alive[number] = False
                add_pack(index, number)
        seen = {int.from_bytes(pack.id): pack.is_dead for pack in source.choice(indexes).packs()[0]}
        assert seen == alive
    for index in indexes:
        index.close()


def test_adding_packs_reads_no_row_twice(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To add 50 packs one after another, each row is read at most once, not those before each."""
    made = 0

    class CountedPack(IndexedPack):
        def __new__(cls, *fields: object) -> CountedPack:
            nonlocal made
            made += 1
            return super().__new__(cls, *fields)  # type: ignore[arg-type]

    index = open_current(folder, IDENTITY)
    monkeypatch.setattr(pack_rows, "IndexedPack", CountedPack)
    for number in range(50):
        add_pack(index, number)
    assert made <= 50
    index.close()
