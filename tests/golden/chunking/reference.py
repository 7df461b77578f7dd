"""docs/format/chunking.md, word by word and without a thought for speed."""

from __future__ import annotations

import hashlib
import struct

from dedupstore.chunking import ChunkingParameters


def gear_table(seed: bytes) -> list[int]:
    """Return the 256 entries of the gear table."""
    stream = hashlib.shake_256(b"dedupstore gear 1\0" + seed).digest(2048 + 32 + 32)
    words = struct.unpack("<256Q", stream[:2048])
    low = struct.unpack("<16H", stream[2048:2080])
    high = struct.unpack("<16H", stream[2080:])
    return [words[b] >> 16 << 16 | low[b % 16] ^ high[b // 16] for b in range(256)]


def gear_hashes(data: bytes, seed: bytes) -> list[int]:
    """Return the hash at every position from 0 to the length of the data.

    What lies 64 bytes back has been shifted out of the 64 bits, so that rolling over all of the
    data gives what the 64 bytes before each position give.
    """
    table = gear_table(seed)
    hashes = [0]
    for byte in data:
        hashes.append((2 * hashes[-1] + table[byte]) % 2**64)
    return hashes


def mask_of(bits: int) -> int:
    """Return the mask with bits 6 to 15 and the rest from bit 63 down."""
    return sum(1 << bit for bit in [*range(6, 16), *range(63, 63 - (bits - 10), -1)])


def cuts(data: bytes, parameters: ChunkingParameters, *, final: bool = True) -> list[int]:
    """Return where the chunks of the data end."""
    hashes = gear_hashes(data, parameters.seed)
    found = [0]
    while found[-1] < len(data):
        left = len(data) - found[-1]
        if not final and left < parameters.max_bytes:
            break
        found.append(found[-1] + _chunk_bytes(data[found[-1] :], hashes[found[-1] :], parameters))
    return found[1:]


def _chunk_bytes(data: bytes, hashes: list[int], parameters: ChunkingParameters) -> int:
    if len(data) <= parameters.min_bytes:
        return len(data)
    limit = min(len(data), parameters.max_bytes - parameters.line_bound_bytes)
    raw_cut = next(
        (p for p in range(parameters.min_bytes, limit + 1) if _allows_cut(hashes, p, parameters)),
        limit,
    )
    if raw_cut == len(data):
        return raw_cut
    for position in range(raw_cut, min(raw_cut + parameters.line_bound_bytes, len(data)) + 1):
        if data[position - 1] == 0x0A:
            return position
    return raw_cut


def _allows_cut(hashes: list[int], position: int, parameters: ChunkingParameters) -> bool:
    target_bits = parameters.target_bytes.bit_length() - 1
    if position < parameters.target_bytes:
        bits = target_bits + 2
    elif position < parameters.target_bytes * 3 // 2:
        bits = max(target_bits - 3, 10)
    else:
        bits = 10
    return hashes[position] & mask_of(bits) == 0
