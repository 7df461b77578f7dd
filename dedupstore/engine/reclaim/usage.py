"""Which chunks of each pack are needed: one bit for each chunk, whatever their number."""

from __future__ import annotations

from dedupstore.ids import PackId
from dedupstore.index.location import ChunkMark


class Usage:
    """Counts needed chunks by pack; a chunk is its pack and its ordinal in the pack's table."""

    def __init__(self) -> None:
        self._bits: dict[PackId, bytearray] = {}
        self._chunks: dict[PackId, int] = {}
        self._bytes: dict[PackId, int] = {}

    def add(self, mark: ChunkMark) -> bool:
        """Take note that a chunk is needed; return whether that was not known before."""
        pack, ordinal, chunk_bytes = mark
        bits = self._bits.get(pack)
        if bits is None:
            bits = self._bits[pack] = bytearray()
            self._chunks[pack] = self._bytes[pack] = 0
        byte, bit = ordinal >> 3, 1 << (ordinal & 7)
        if byte >= len(bits):
            bits.extend(bytes(byte + 1 - len(bits)))
        elif bits[byte] & bit:
            return False
        bits[byte] |= bit
        self._chunks[pack] += 1
        self._bytes[pack] += chunk_bytes
        return True

    def is_needed(self, pack: PackId, ordinal: int) -> bool:
        """Tell whether a chunk is needed."""
        bits = self._bits.get(pack, b"")
        byte = ordinal >> 3
        return byte < len(bits) and bool(bits[byte] & 1 << (ordinal & 7))

    def needed_chunks(self, pack: PackId) -> int:
        """Return how many chunks of a pack are needed."""
        return self._chunks.get(pack, 0)

    def needed_bytes(self, pack: PackId) -> int:
        """Return how many original bytes the needed chunks of a pack have."""
        return self._bytes.get(pack, 0)
