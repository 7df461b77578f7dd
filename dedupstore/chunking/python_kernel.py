"""The chunking kernel in Python: it defines the cuts that the native kernel must make.

The normative description is docs/format/chunking.md.
"""

from collections.abc import Iterator
from typing import Final

from dedupstore.chunking.gear_table import unpack_gear_table
from dedupstore.chunking.parameters import WINDOW_BYTES, CutRules

_HASH_BITS: Final = 0xFFFF_FFFF_FFFF_FFFF
_LOW_WINDOW_BYTES: Final = 16
_BLOCK_BYTES: Final = 8192
_LANE_BYTES: Final = 4


def find_cuts(
    data: bytes | bytearray | memoryview, start: int, end: int, final: bool, rules: CutRules
) -> list[int]:
    """Find the chunks of data[start:end], the first of which begins at start.

    Args:
        data: contiguous bytes.
        start: where the first chunk begins.
        end: where the data at hand ends.
        final: whether the stream ends there; if not, a chunk is cut only where more data could
            not change it, and fewer than max_bytes are left over.
        rules: from `ChunkingParameters.rules`.

    Returns:
        The end offset of each chunk, ascending. If `final`, the last one is `end`.

    Raises:
        ValueError: not 0 <= start <= end <= length of data.
    """
    with memoryview(data) as whole, whole.cast("B") as view:
        if not 0 <= start <= end <= len(view):
            raise ValueError(f"range is outside the data: {start} to {end} of {len(view)}")
        scanner = _Scanner(rules)
        cuts: list[int] = []
        while end > start and (final or end - start >= rules.max_bytes):
            chunk = view[start : min(end, start + rules.max_bytes)].tobytes()
            start += _chunk_length(chunk, scanner, rules)
            cuts.append(start)
        return cuts


def _chunk_length(extent: bytes, scanner: "_Scanner", rules: CutRules) -> int:
    """Return the length of the chunk at the start of its longest possible extent."""
    if len(extent) <= rules.min_bytes:
        return len(extent)
    limit = min(len(extent), rules.max_bytes - rules.line_bound_bytes)
    raw_cut = scanner.first_cut(extent, limit)
    if raw_cut == len(extent):
        return raw_cut
    # Looking from one byte before the raw cut keeps a cut that already follows a newline.
    newline = extent.find(b"\n", raw_cut - 1, raw_cut + rules.line_bound_bytes)
    return raw_cut if newline < 0 else newline + 1


class _Scanner:
    """Looks for raw cuts by the gear hash."""

    def __init__(self, rules: CutRules) -> None:
        self._rules = rules
        self._gear = unpack_gear_table(rules.table)
        self._gear_byte_0 = bytes(entry & 0xFF for entry in self._gear)
        self._gear_byte_1 = bytes(entry >> 8 & 0xFF for entry in self._gear)

    def first_cut(self, chunk: bytes, limit: int) -> int:
        """Return the first position from min_bytes to limit where the hash allows a cut."""
        rules, gear = self._rules, self._gear
        gear_hash = hashed = 0
        for position in self._candidates(chunk, rules.min_bytes, limit):
            # The hash is one of the last 64 bytes: whatever it was before has been shifted out.
            for byte in chunk[max(hashed, position - WINDOW_BYTES) : position]:
                gear_hash = (gear_hash << 1) + gear[byte] & _HASH_BITS
            hashed = position
            if position >= rules.late_bytes:
                return position
            mask = rules.mask_hard if position < rules.target_bytes else rules.mask_easy
            if not gear_hash & mask:
                return position
        return limit

    def _candidates(self, chunk: bytes, first: int, last: int) -> Iterator[int]:
        """Yield the positions from first to last where bits 6 to 15 of the hash are zero.

        Those bits depend on the last 16 bytes only. A big integer with one 32-bit lane for each
        position serves as a vector: four shifts and additions sum the 16 terms of every lane, and
        no sum outgrows its lane, since the terms add up to at most (2**16 - 1) ** 2.
        """
        for start in range(first, last + 1, _BLOCK_BYTES):
            end = min(start + _BLOCK_BYTES, last + 1)
            window = chunk[start - _LOW_WINDOW_BYTES : end - 1]
            lanes = bytearray(_LANE_BYTES * len(window))
            lanes[0::_LANE_BYTES] = window.translate(self._gear_byte_0)
            lanes[1::_LANE_BYTES] = window.translate(self._gear_byte_1)
            sums = int.from_bytes(lanes, "little")
            for terms in (1, 2, 4, 8):
                sums += sums << (8 * _LANE_BYTES + 1) * terms
            hashes = sums.to_bytes(len(lanes) + 17 * _LANE_BYTES, "little")[: len(lanes)]
            byte_0, byte_1 = hashes[0::_LANE_BYTES], hashes[1::_LANE_BYTES]
            lane = byte_1.find(0, _LOW_WINDOW_BYTES - 1)
            while lane >= 0:
                if byte_0[lane] < 1 << 6:
                    yield start - _LOW_WINDOW_BYTES + lane + 1
                lane = byte_1.find(0, lane + 1)
