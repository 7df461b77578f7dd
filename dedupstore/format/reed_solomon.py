"""The erasure code of parity: Reed–Solomon over bytes (docs/format/parity.md).

This is the definition, in plain Python; it is what healing uses. Making parity takes a library
that computes the same bytes some forty times faster (``engine/parity_encoder.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

SHARDS_MAX = 256
"""Data and parity shards together: each needs a number of its own in a field of 256."""

_POLYNOMIAL = 0x11D


def _powers_of_two() -> tuple[list[int], list[int]]:
    powers, logarithms = [0] * 510, [0] * 256
    value = 1
    for exponent in range(255):
        powers[exponent] = powers[exponent + 255] = value
        logarithms[value] = exponent
        value <<= 1
        if value > 255:
            value ^= _POLYNOMIAL
    return powers, logarithms


_POWERS, _LOGARITHMS = _powers_of_two()


def _product(left: int, right: int) -> int:
    if not left or not right:
        return 0
    return _POWERS[_LOGARITHMS[left] + _LOGARITHMS[right]]


def _inverse(value: int) -> int:
    return _POWERS[255 - _LOGARITHMS[value]]


@cache
def _products(factor: int) -> bytes:
    """Return the products of a factor and every byte: a shard is multiplied by translating it."""
    return bytes(_product(factor, value) for value in range(256))


def coefficient(data_count: int, parity: int, data: int) -> int:
    """Return the number that data shard ``data`` is multiplied by for parity shard ``parity``."""
    return _inverse((data_count + parity) ^ data)


def parity_shards(data: Sequence[bytes], parity_count: int) -> list[bytes]:
    """Return the parity shards of data shards of one length.

    At most ``SHARDS_MAX`` data and parity shards together.
    """
    return [
        _sum((coefficient(len(data), parity, number), shard) for number, shard in enumerate(data))
        for parity in range(parity_count)
    ]


def rebuild_data(data: Sequence[bytes | None], parity: Mapping[int, bytes]) -> list[bytes] | None:
    """Return the data shards that are ``None``, in their order.

    ``parity`` are the sound parity shards by their numbers; all shards have one length. Returns
    ``None`` where fewer of them are sound than data shards are lost. What is given must be right:
    a wrong shard makes wrong ones.
    """
    lost = [number for number, shard in enumerate(data) if shard is None]
    rows = sorted(parity)[: len(lost)]
    if len(rows) < len(lost):
        return None
    # What the lost shards add to each parity shard is what is left once the others are taken out.
    remains = []
    for row in rows:
        terms = [
            (coefficient(len(data), row, number), shard)
            for number, shard in enumerate(data)
            if shard is not None
        ]
        remains.append(_sum([*terms, (1, parity[row])]))
    matrix = [[coefficient(len(data), row, number) for number in lost] for row in rows]
    return [_sum(zip(factors, remains, strict=True)) for factors in _inverted(matrix)]


def _sum(terms: Iterable[tuple[int, bytes]]) -> bytes:
    """Add shards up, each multiplied by its factor."""
    total = shard_bytes = 0
    for factor, shard in terms:
        shard_bytes = len(shard)
        total ^= int.from_bytes(shard.translate(_products(factor)), "little")
    return total.to_bytes(shard_bytes, "little")


def _inverted(matrix: list[list[int]]) -> list[list[int]]:
    """Invert a matrix by Gauss and Jordan; one of these coefficients always has an inverse."""
    size = len(matrix)
    rows = [
        bytes(row) + bytes(number == column for column in range(size))
        for number, row in enumerate(matrix)
    ]
    for column in range(size):
        pivot = next(number for number in range(column, size) if rows[number][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = rows[column].translate(_products(_inverse(rows[column][column])))
        for number in range(size):
            factor = rows[number][column]
            if number != column and factor:
                rows[number] = _sum([(1, rows[number]), (factor, rows[column])])
    return [list(row[size:]) for row in rows]
