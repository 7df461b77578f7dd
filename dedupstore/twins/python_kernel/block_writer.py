"""Deflate blocks as bits (RFC 1951)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from dedupstore.errors import FormatError
from dedupstore.twins.python_kernel.alphabets import (
    DISTANCE_BASES,
    DISTANCE_CODE_OF,
    DISTANCE_EXTRA_BITS,
    END_OF_BLOCK,
    FIXED_DISTANCE_LENGTHS,
    FIXED_LITERAL_LENGTHS,
    LENGTH_BASES,
    LENGTH_CODE_OF,
    LENGTH_EXTRA_BITS,
    LENGTH_MASK,
    LITERALS,
)
from dedupstore.twins.python_kernel.huffman import (
    BitsCutOff,
    Trees,
    canonical_codes,
    number_bits,
    read_trees,
)
from dedupstore.twins.python_kernel.plan import Block, BlockType
from dedupstore.twins.python_kernel.trees import empty_counts, zlib_trees

_TOKENS_AT_ONCE = 16384
_FIXED_CODES = canonical_codes(FIXED_LITERAL_LENGTHS), canonical_codes(FIXED_DISTANCE_LENGTHS)


class BitWriter:
    """Packs bits into bytes, from the lowest bit of each on."""

    def __init__(self) -> None:
        self._written = bytearray()
        self._pending = ""

    @property
    def written_bytes(self) -> int:
        """How many whole bytes have not been returned yet."""
        return len(self._written)

    def write(self, bits: str) -> None:
        """Append bits in the order of the stream."""
        bits = self._pending + bits
        whole = len(bits) & ~7
        if whole:
            self._written += int(bits[:whole][::-1], 2).to_bytes(whole // 8, "little")
        self._pending = bits[whole:]

    def write_bytes(self, data: bytes) -> None:
        """Append bytes at the next border between bytes; the bits before it are 0."""
        if self._pending:
            self.write("0" * (8 - len(self._pending)))
        self._written += data

    def take(self) -> bytes:
        """Return the whole bytes that have not been returned yet."""
        written, self._written = bytes(self._written), bytearray()
        return written


def write_stored(writer: BitWriter, text: bytes, *, final: bool) -> None:
    """Write a block of type 0."""
    writer.write(number_bits(final, 1) + number_bits(BlockType.STORED, 2))
    count = len(text)
    writer.write_bytes(count.to_bytes(2, "little") + (count ^ 0xFFFF).to_bytes(2, "little") + text)


def write_tokens(writer: BitWriter, block: Block, tokens: Sequence[int], *, final: bool) -> None:
    """Write a block of type 1 or 2 with the trees that it is to have.

    Raises:
        FormatError: its own trees are not sound or have no code for a token.
    """
    counted = Counter(tokens)
    header = ""
    literal_codes, distance_codes = _FIXED_CODES
    if block.type == BlockType.DYNAMIC:
        trees = _trees(block, counted)
        header = trees.header
        literal_codes = canonical_codes(trees.literals)
        distance_codes = canonical_codes(trees.distances)
    codes = token_codes(counted, literal_codes, distance_codes)
    writer.write(number_bits(final, 1) + number_bits(block.type, 2) + header)
    for begin in range(0, len(tokens), _TOKENS_AT_ONCE):
        writer.write("".join([codes[token] for token in tokens[begin : begin + _TOKENS_AT_ONCE]]))
    writer.write(literal_codes[END_OF_BLOCK])


def trees_of_tokens(counted: Counter[int]) -> Trees:
    """Return the trees that zlib makes for tokens that have been counted."""
    literals, distances = empty_counts()
    literals[END_OF_BLOCK] = 1
    for token, count in counted.items():
        if token < LITERALS:
            literals[token] += count
        else:
            literals[257 + LENGTH_CODE_OF[token & LENGTH_MASK]] += count
            distances[DISTANCE_CODE_OF[token >> 9]] += count
    return zlib_trees(literals, distances)


def token_codes(
    tokens: Iterable[int], literal_codes: Sequence[str], distance_codes: Sequence[str]
) -> dict[int, str]:
    """Return the bits of each token.

    Raises:
        FormatError: one of them has no code.
    """
    codes = {}
    for token in tokens:
        if token < LITERALS:
            code = distance_code = literal_codes[token]
            bits = code
        else:
            length, distance = token & LENGTH_MASK, token >> 9
            index = LENGTH_CODE_OF[length]
            code = literal_codes[257 + index] if 257 + index < len(literal_codes) else ""
            bits = code + number_bits(length - LENGTH_BASES[index], LENGTH_EXTRA_BITS[index])
            index = DISTANCE_CODE_OF[distance]
            distance_code = distance_codes[index] if index < len(distance_codes) else ""
            extra = number_bits(distance - DISTANCE_BASES[index], DISTANCE_EXTRA_BITS[index])
            bits += distance_code + extra
        if not code or not distance_code:
            raise FormatError("a block's own trees lack a code that it needs")
        codes[token] = bits
    return codes


def _trees(block: Block, counted: Counter[int]) -> Trees:
    if not block.own_trees:
        return trees_of_tokens(counted)
    try:
        trees = read_trees(block.own_trees)
    except BitsCutOff:
        raise FormatError("a block's own trees are cut off") from None
    if len(trees.header) != len(block.own_trees):
        raise FormatError("bits follow a block's own trees")
    return trees
