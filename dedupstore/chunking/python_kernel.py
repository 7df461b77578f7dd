"""The chunking kernel in Python: it defines the cuts that the native kernel must make.

The normative description is docs/format/chunking.md.
"""

from typing import Final

from dedupstore.chunking.gear_table import unpack_gear_table
from dedupstore.chunking.parameters import WINDOW_BYTES, CutRules

_HASH_BITS: Final = 0xFFFF_FFFF_FFFF_FFFF
_LOW_BITS: Final = 0xFFFF
_LOW_WINDOW_BYTES: Final = 16


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
        self._low_gear = tuple(entry & _LOW_BITS for entry in self._gear)

    def first_cut(self, chunk: bytes, limit: int) -> int:
        """Return the first position from min_bytes to limit where the hash allows a cut.

        The low 16 bits of the hash depend on the last 16 bytes only. They are rolled along as
        small integers, and the whole hash is computed where they pass both masks.
        """
        rules, low_gear = self._rules, self._low_gear
        first = rules.min_bytes
        low_mask = rules.mask_hard & rules.mask_easy & _LOW_BITS
        low_hash = 0
        for byte in chunk[first - _LOW_WINDOW_BYTES : first - 1]:
            low_hash = (low_hash << 1) + low_gear[byte] & _LOW_BITS
        for position, byte in enumerate(chunk[first - 1 : limit], first):
            low_hash = (low_hash << 1) + low_gear[byte] & _LOW_BITS
            if not low_hash & low_mask:
                mask = rules.mask_hard if position < rules.target_bytes else rules.mask_easy
                if not self.hash_at(chunk, position) & mask:
                    return position
        return limit

    def hash_at(self, chunk: bytes, position: int) -> int:
        """Return the gear hash of the 64 bytes before a position."""
        gear_hash = 0
        for byte in chunk[position - WINDOW_BYTES : position]:
            gear_hash = (gear_hash << 1) + self._gear[byte] & _HASH_BITS
        return gear_hash
