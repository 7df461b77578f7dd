"""Inflates deflate streams into blocks and tokens (RFC 1951)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from dedupstore.errors import FormatError
from dedupstore.twins.python_kernel.alphabets import (
    DISTANCE_BASES,
    DISTANCE_CODES,
    DISTANCE_EXTRA_BITS,
    END_OF_BLOCK,
    FIXED_DISTANCE_LENGTHS,
    FIXED_LITERAL_LENGTHS,
    LENGTH_BASES,
    LENGTH_EXTRA_BITS,
    LENGTH_MAX,
    LITERAL_CODES,
    LITERALS,
)
from dedupstore.twins.python_kernel.file_bytes import FileBytes, Reading, Refused
from dedupstore.twins.python_kernel.huffman import (
    CODE_BITS_MAX,
    TREES_BITS_MAX,
    BitsCutOff,
    decoding_table,
    read_trees,
)
from dedupstore.twins.python_kernel.plan import BlockType
from dedupstore.twins.python_kernel.recipe import TOKENS_MAX
from dedupstore.twins.python_kernel.sliding_text import SlidingText

BLOCK_TEXT_BYTES_MAX = 32 << 20
BOMB_TEXT_BYTES_MIN = 16 << 20
BOMB_RATIO = 250
_TOKENS_BETWEEN_CHECKS = 4096
_TOKEN_BITS_MAX = 2 * CODE_BITS_MAX + 5 + 13
_Tables = tuple[list[int], list[int]]


@dataclass(slots=True)
class InflatedBlock:
    """One block; ``header`` holds the bits of its trees, ``text_bytes`` the length of its text."""

    type: BlockType
    final: bool
    tokens: list[int] = field(default_factory=list)
    header: str = ""
    text_bytes: int = 0


class Inflater:
    """Reads the blocks of one stream and appends what they say to its text.

    Args:
        source: the file, at the begin of the stream.
        text: the text of the stream, still empty.
        text_before_bytes: the length of the texts of earlier streams of the file.
    """

    def __init__(self, source: FileBytes, text: SlidingText, text_before_bytes: int) -> None:
        self._source = source
        self._text = text
        self._text_before_bytes = text_before_bytes

    def read_block(self) -> Reading[InflatedBlock]:
        """Read the next block, and behind the last one the bits up to the next byte.

        Raises:
            Refused: it is damaged or cut off, too large, or unlike what is written again.
        """
        source, begin = self._source, self._text.end
        final = bool((yield from source.take_bits(1)))
        kind = yield from source.take_bits(2)
        if kind > BlockType.DYNAMIC:
            raise Refused("damaged")
        block = InflatedBlock(BlockType(kind), final)
        if kind == BlockType.STORED:
            yield from self._read_stored()
        else:
            tables = _fixed_tables()
            if kind == BlockType.DYNAMIC:
                tables = yield from self._read_trees(block)
            yield from self._read_tokens(block.tokens, tables, begin)
        if final:
            yield from source.skip_to_byte()
        block.text_bytes = self._text.end - begin
        self._check_size(block.tokens, begin)
        return block

    def _read_stored(self) -> Reading[None]:
        source = self._source
        yield from source.skip_to_byte()
        count = yield from source.take_bits(16)
        if count ^ (yield from source.take_bits(16)) != 0xFFFF:
            raise Refused("damaged")
        self._text.data += yield from source.take_bytes(count)

    def _read_trees(self, block: InflatedBlock) -> Reading[_Tables]:
        # Trees are short: all bits that there may be are looked at at once.
        bits = yield from self._source.peek_bit_text(TREES_BITS_MAX)
        try:
            trees = read_trees(bits)
        except BitsCutOff:
            raise Refused("truncated") from None
        except FormatError:
            raise Refused("damaged") from None
        block.header = trees.header
        self._source.bit += len(trees.header)
        return decoding_table(trees.literals), decoding_table(trees.distances)

    def _read_tokens(self, tokens: list[int], tables: _Tables, begin: int) -> Reading[None]:
        source, text = self._source, self._text.data
        literal_table, distance_table = tables
        literal_mask, distance_mask = len(literal_table) - 1, len(distance_table) - 1
        while True:
            data, bit, limit = source.data, source.bit, 8 * len(source.data)
            check_at = (len(tokens) // _TOKENS_BETWEEN_CHECKS + 1) * _TOKENS_BETWEEN_CHECKS
            check_at = min(check_at, TOKENS_MAX + 1)
            refusal = "damaged"
            while len(tokens) < check_at:
                place = bit >> 3
                window = int.from_bytes(data[place : place + 8], "little") >> (bit & 7)
                entry = literal_table[window & literal_mask]
                used = entry & 15 or CODE_BITS_MAX
                symbol = entry >> 4
                if symbol < LITERALS:
                    if not entry or bit + used > limit:
                        break
                    bit += used
                    text.append(symbol)
                    tokens.append(symbol)
                    continue
                if symbol == END_OF_BLOCK:
                    if bit + used > limit:
                        break
                    source.bit = bit + used
                    return
                if symbol >= LITERAL_CODES:
                    break
                window >>= used
                extra = LENGTH_EXTRA_BITS[symbol - 257]
                length = LENGTH_BASES[symbol - 257] + (window & (1 << extra) - 1)
                used += extra
                if length == LENGTH_MAX and extra:
                    refusal = "unusual bits"
                    break
                window >>= extra
                entry = distance_table[window & distance_mask]
                code_bits = entry & 15 or CODE_BITS_MAX
                used += code_bits
                symbol = entry >> 4
                if not entry or symbol >= DISTANCE_CODES:
                    break
                extra = DISTANCE_EXTRA_BITS[symbol]
                distance = DISTANCE_BASES[symbol] + (window >> code_bits & (1 << extra) - 1)
                used += extra
                if bit + used > limit or distance > len(text):
                    break
                bit += used
                text += _copied(text, distance, length)
                tokens.append(distance << 9 | length)
            source.bit = bit
            if len(tokens) == check_at:
                self._check_size(tokens, begin)
            elif limit - bit < _TOKEN_BITS_MAX and not source.ended:
                yield  # what looks like damage may be a want of bits
            else:
                raise Refused(refusal if bit + used <= limit else "truncated")

    def _check_size(self, tokens: list[int], begin: int) -> None:
        if len(tokens) > TOKENS_MAX or self._text.end - begin > BLOCK_TEXT_BYTES_MAX:
            raise Refused("block too large")
        text_bytes = self._text_before_bytes + self._text.end
        if text_bytes > max(BOMB_TEXT_BYTES_MIN, BOMB_RATIO * self._source.consumed_bytes):
            raise Refused("bomb")


def _copied(text: bytearray, distance: int, length: int) -> bytearray:
    start = len(text) - distance
    if distance >= length:
        return text[start : start + length]
    return (text[start:] * (length // distance + 1))[:length]


@cache
def _fixed_tables() -> _Tables:
    return decoding_table(FIXED_LITERAL_LENGTHS), decoding_table(FIXED_DISTANCE_LENGTHS)
