"""The erasure code: the definition, and the library that computes it faster."""

from __future__ import annotations

import random

import pytest

from dedupstore.engine.parity_encoder import encode_parity_shards
from dedupstore.format.reed_solomon import parity_shards, rebuild_data
from golden.format.parity_cases import DATA, PARITY

SHAPES = [(1, 1, 16), (1, 3, 16), (5, 1, 1024), (20, 2, 48), (232, 24, 64), (128, 128, 32)]


def random_shards(count: int, shard_bytes: int) -> list[bytes]:
    """Return shards of random bytes, the same for the same arguments."""
    numbers = random.Random(count * shard_bytes)
    return [numbers.randbytes(shard_bytes) for _ in range(count)]


def test_parity_is_what_the_page_says() -> None:
    """Parity shards are those that the page's arithmetic gives, byte for byte."""
    assert parity_shards(DATA, 2) == PARITY


@pytest.mark.parametrize(("data_count", "parity_count", "shard_bytes"), SHAPES)
def test_the_library_gives_the_same_bytes(
    data_count: int, parity_count: int, shard_bytes: int
) -> None:
    """The library's parity is the definition's, for few and for all possible shards."""
    data = random_shards(data_count, shard_bytes)
    made = encode_parity_shards(memoryview(b"".join(data)), data_count, parity_count)
    assert list(map(bytes, made)) == parity_shards(data, parity_count)


def test_the_library_gives_the_same_bytes_piece_by_piece() -> None:
    """Shards so long that they are encoded in several pieces have the same parity."""
    data = random_shards(3, (1 << 20) + 16)
    made = encode_parity_shards(memoryview(b"".join(data)), 3, 2)
    assert list(map(bytes, made)) == parity_shards(data, 2)


@pytest.mark.parametrize(("data_count", "parity_count", "shard_bytes"), SHAPES)
def test_as_many_shards_as_there_is_parity_are_rebuilt(
    data_count: int, parity_count: int, shard_bytes: int
) -> None:
    """Any data shards are rebuilt from as many parity shards, whichever these are."""
    data = random_shards(data_count, shard_bytes)
    parity = dict(enumerate(parity_shards(data, parity_count)))
    numbers = random.Random(1)
    lost = numbers.sample(range(data_count), min(data_count, parity_count))
    kept = numbers.sample(range(parity_count), len(lost))
    given = [None if number in lost else shard for number, shard in enumerate(data)]
    rebuilt = rebuild_data(given, {number: parity[number] for number in kept})
    assert rebuilt == [data[number] for number in sorted(lost)]


def test_fewer_parity_shards_than_lost_ones_rebuild_nothing() -> None:
    """Where a parity shard is missing, nothing is made up."""
    data = random_shards(5, 16)
    parity = dict(enumerate(parity_shards(data, 2)))
    assert rebuild_data([None, None, None, *data[3:]], parity) is None


def test_nothing_lost_is_nothing_rebuilt() -> None:
    """Without a lost shard there is nothing to return."""
    assert rebuild_data(random_shards(3, 16), {}) == []
