"""Canonical Huffman codes as in deflate (RFC 1951, 3.2.2), and the header of a block's trees.

Bits are texts of 0 and 1 in the order of the stream. Deflate packs a code from its highest bit on
and every other number from its lowest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dedupstore.errors import FormatError
from dedupstore.twins.python_kernel.alphabets import (
    DISTANCE_CODES,
    END_OF_BLOCK,
    LITERAL_CODES,
)

CODE_BITS_MAX = 15
LENGTH_CODE_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
"""The order in which a block names the lengths of the codes of lengths."""

TREES_BITS_MAX = 14 + 19 * 3 + (LITERAL_CODES + DISTANCE_CODES) * 14
"""No header of trees is longer: each length takes at most a code of 7 and 7 more bits."""


class BitsCutOff(Exception):
    """The bits end before the trees do."""


@dataclass(frozen=True, slots=True)
class Trees:
    """The lengths of a block's codes in bits, 0 for unused ones, and the header that says them."""

    literals: Sequence[int]
    distances: Sequence[int]
    header: str = ""


def number_bits(number: int, count: int) -> str:
    """Return a number as ``count`` bits, from its lowest on."""
    return f"{number:0{count}b}"[::-1] if count else ""


def canonical_codes(lengths: Sequence[int]) -> list[str]:
    """Return the bits of each code, empty for those of length 0."""
    next_codes = [0] * (CODE_BITS_MAX + 2)
    for length in lengths:
        if length:
            next_codes[length + 1] += 1
    for bits in range(2, CODE_BITS_MAX + 2):
        next_codes[bits] += next_codes[bits - 1]
        next_codes[bits] <<= 1
    codes = []
    for length in lengths:
        codes.append(f"{next_codes[length]:0{length}b}" if length else "")
        next_codes[length] += 1
    return codes


def decoding_table(lengths: Sequence[int]) -> list[int]:
    """Return ``symbol << 4 | bits`` for all values of the next bits of a stream, 0 for no code.

    The table is as long as two to the longest code, at least 1.
    """
    table_bits = max(lengths, default=0)
    table = [0] * (1 << table_bits)
    for symbol, code in enumerate(canonical_codes(lengths)):
        if code:
            step = 1 << len(code)
            places = range(int(code[::-1], 2), len(table), step)
            table[places.start :: step] = [symbol << 4 | len(code)] * len(places)
    return table


def check_complete(lengths: Sequence[int], *, single: bool, none: bool) -> None:
    """Check that codes leave nothing unsaid, as inflate does.

    With ``single``, one code of one bit may stand alone; with ``none``, there may be none at all.

    Raises:
        FormatError: there are too many codes or too few.
    """
    room = sum(1 << CODE_BITS_MAX - bits for bits in lengths if bits)
    complete = 1 << CODE_BITS_MAX
    if room == complete or (single and max(lengths) == 1 and room < complete):
        return
    if room or not none:
        raise FormatError("a code of a deflate block is not complete")


def read_trees(bits: str) -> Trees:
    """Read the trees at the begin of ``bits``; ``header`` is the part that was read.

    Raises:
        BitsCutOff: the trees go on behind the end of ``bits``.
        FormatError: they are not sound.
    """
    reader = _BitsReader(bits)
    literal_count = reader.number(5) + 257
    distance_count = reader.number(5) + 1
    if literal_count > LITERAL_CODES or distance_count > DISTANCE_CODES:
        raise FormatError("a deflate block has too many codes")
    length_lengths = [0] * 19
    for symbol in LENGTH_CODE_ORDER[: reader.number(4) + 4]:
        length_lengths[symbol] = reader.number(3)
    check_complete(length_lengths, single=False, none=False)
    lengths = _read_lengths(reader, length_lengths, literal_count + distance_count)
    literals, distances = lengths[:literal_count], lengths[literal_count:]
    if not literals[END_OF_BLOCK]:
        raise FormatError("a deflate block has no code for its end")
    check_complete(literals, single=True, none=False)
    check_complete(distances, single=True, none=True)
    return Trees(literals, distances, bits[: reader.place])


def _read_lengths(reader: _BitsReader, length_lengths: list[int], count: int) -> list[int]:
    symbols = {code: symbol for symbol, code in enumerate(canonical_codes(length_lengths)) if code}
    lengths: list[int] = []
    while len(lengths) < count:
        symbol = reader.symbol(symbols)
        if symbol < 16:
            lengths.append(symbol)
        elif symbol == 16:
            if not lengths:
                raise FormatError("a deflate block repeats a length before the first")
            lengths += lengths[-1:] * (3 + reader.number(2))
        else:
            lengths += [0] * (3 + reader.number(3) if symbol == 17 else 11 + reader.number(7))
    if len(lengths) > count:
        raise FormatError("a deflate block repeats a length too often")
    return lengths


class _BitsReader:
    def __init__(self, bits: str) -> None:
        self._bits = bits
        self.place = 0

    def number(self, count: int) -> int:
        end = self.place + count
        if end > len(self._bits):
            raise BitsCutOff
        number = int(self._bits[self.place : end][::-1], 2)
        self.place = end
        return number

    def symbol(self, symbols: dict[str, int]) -> int:
        # The code is complete, so a code is found before the bits are too many.
        begin = end = self.place
        while (code := self._bits[begin:end]) not in symbols:
            end += 1
            if end > len(self._bits):
                raise BitsCutOff
        self.place = end
        return symbols[code]
