"""The symbols of deflate (RFC 1951, 3.2.5), and tokens as numbers.

A token is a literal, which is its byte, or a match: ``distance << 9 | length``, which is above all
literals.
"""

from __future__ import annotations

LENGTH_MIN, LENGTH_MAX = 3, 258
LENGTH_MASK = 0x1FF
DISTANCE_MAX = 32768
LITERALS = 256
END_OF_BLOCK = 256

LITERAL_CODES, DISTANCE_CODES = 286, 30

LENGTH_EXTRA_BITS = (
    *(0,) * 8, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
)  # fmt: skip
DISTANCE_EXTRA_BITS = (0, 0, *(bits for bits in range(14) for _ in range(2)))


def _bases(extra_bits: tuple[int, ...], first: int) -> tuple[int, ...]:
    bases = []
    for bits in extra_bits:
        bases.append(first)
        first += 1 << bits
    return tuple(bases)


# Length 258 has a code of its own, though code 284 with all its extra bits set would say it too.
LENGTH_BASES = (*_bases(LENGTH_EXTRA_BITS[:-1], LENGTH_MIN), LENGTH_MAX)
DISTANCE_BASES = _bases(DISTANCE_EXTRA_BITS, 1)


def _codes(bases: tuple[int, ...], most: int) -> bytes:
    codes = bytearray(most + 1)
    for code, base in enumerate(bases):
        codes[base:] = bytes((code,)) * (most + 1 - base)
    return bytes(codes)


LENGTH_CODE_OF = _codes(LENGTH_BASES, LENGTH_MAX)
"""Which of the length codes, counted from 0, says a length."""

DISTANCE_CODE_OF = _codes(DISTANCE_BASES, DISTANCE_MAX)
"""Which distance code says a distance."""

FIXED_LITERAL_LENGTHS = bytes((8,)) * 144 + bytes((9,)) * 112 + bytes((7,)) * 24 + bytes((8,)) * 8
FIXED_DISTANCE_LENGTHS = bytes((5,)) * 32
"""Bits of the codes of a block of type 1; the last two of each are never used."""
