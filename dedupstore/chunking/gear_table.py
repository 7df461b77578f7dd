"""The gear table: one 64-bit number for each byte value, derived from a seed.

The table is part of the stored format (docs/format/chunking.md): another table gives other cuts,
and cuts that differ deduplicate against nothing.
"""

import functools
import struct
from typing import Final

TABLE_ENTRIES: Final = 256
TABLE_BYTES: Final = 8 * TABLE_ENTRIES

_DOMAIN: Final = b"dedupstore gear 1\0"
_NIBBLE_WORDS: Final = struct.Struct("<16H")
_TABLE_WORDS: Final = struct.Struct("<256Q")
_LOW_BITS: Final = 0xFFFF


@functools.lru_cache(maxsize=8)
def derive_gear_table(seed: bytes) -> bytes:
    """Derive the gear table of a seed.

    The stream SHAKE-256(domain, seed) gives 256 words R of 64 bits, then 16 words A and 16 words
    B of 16 bits. Entry b is R[b] with its low 16 bits replaced by A[low nibble] ^ B[high nibble]:
    the part that a vector unit can look up 16 or 32 bytes at a time.

    Args:
        seed: any bytes; published for a plain repository, secret for an encrypted one.

    Returns:
        2048 bytes: 256 little-endian 64-bit words.
    """
    import hashlib

    nibbles_bytes = 2 * _NIBBLE_WORDS.size
    stream = hashlib.shake_256(_DOMAIN + seed).digest(TABLE_BYTES + nibbles_bytes)
    words = _TABLE_WORDS.unpack_from(stream, 0)
    by_low_nibble = _NIBBLE_WORDS.unpack_from(stream, TABLE_BYTES)
    by_high_nibble = _NIBBLE_WORDS.unpack_from(stream, TABLE_BYTES + _NIBBLE_WORDS.size)
    return _TABLE_WORDS.pack(
        *(
            (word & ~_LOW_BITS) | (by_low_nibble[byte & 15] ^ by_high_nibble[byte >> 4])
            for byte, word in enumerate(words)
        )
    )


def unpack_gear_table(table: bytes) -> tuple[int, ...]:
    """Return the 256 entries of a packed gear table as integers."""
    return _TABLE_WORDS.unpack(table)
