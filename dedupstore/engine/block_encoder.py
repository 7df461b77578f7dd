"""Compressing blocks, and proving each by decoding it before it is trusted."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from dedupstore.errors import DamageError
from dedupstore.format.block import ChunkInfo, decode_block, encode_block
from dedupstore.format.codecs import CODEC_STORED, CODEC_ZSTD, ZstdCompressor
from dedupstore.format.pack import BlockInfo
from dedupstore.ids import ChunkId
from dedupstore.limits import BLOCK_BYTES_TARGET, BLOCK_CHUNKS_TARGET

_LEVEL_FAST = 1
_LEVEL_THOROUGH = 9
_SMALLER_BY_AT_LEAST = 32
"""A block is stored plain unless compression saves one part in this many."""

_compressors = threading.local()


class OpenBlock:
    """Chunks collected for one block, in the original bytes that ``buffer`` has room for."""

    def __init__(self, buffer: bytearray) -> None:
        self.buffer = buffer
        self.chunks: list[ChunkInfo] = []
        self.used_bytes = 0

    def has_room(self, chunk_bytes: int) -> bool:
        """Tell whether a chunk of that length still fits."""
        fits = self.used_bytes + chunk_bytes <= len(self.buffer)
        return fits and len(self.chunks) < BLOCK_CHUNKS_TARGET

    def add(self, id_: ChunkId, chunk: memoryview) -> None:
        """Append a copy of a chunk, for which there must be room."""
        end = self.used_bytes + len(chunk)
        memoryview(self.buffer)[self.used_bytes : end] = chunk
        self.used_bytes = end
        self.chunks.append(ChunkInfo(id_, len(chunk)))


@dataclass(frozen=True, slots=True)
class EncodedBlock:
    """A block ready to be appended to a pack."""

    data: bytes
    original_bytes: int
    chunks: tuple[ChunkInfo, ...]

    def at(self, offset: int) -> BlockInfo:
        """Describe the block as part of a pack in which it begins at ``offset``."""
        return BlockInfo(offset, len(self.data), self.original_bytes, self.chunks)


def encode_open_block(block: OpenBlock, *, thoroughly: bool = False) -> EncodedBlock:
    """Compress a block, plain if that does not pay, and prove it by decoding. Thread-safe.

    ``thoroughly`` makes text some 12 % smaller, in six times the time.

    Raises:
        DamageError: the block does not decode to what it was made of; nothing was stored.
    """
    original = memoryview(block.buffer)[: block.used_bytes]
    payload = _compressor(_LEVEL_THOROUGH if thoroughly else _LEVEL_FAST).compress(original)
    if len(payload) <= len(original) - len(original) // _SMALLER_BY_AT_LEAST:
        data = encode_block(CODEC_ZSTD, block.chunks, payload)
    else:
        data = encode_block(CODEC_STORED, block.chunks, bytes(original))
    decoded = decode_block(data)
    if decoded.chunks != tuple(block.chunks) or not _same_bytes(decoded.original(), original):
        raise DamageError(
            "a block did not decode to what was put into it",
            hint="nothing was stored; suspect the memory of this machine",
        )
    return EncodedBlock(data, len(original), decoded.chunks)


def _same_bytes(decoded: bytes | memoryview, original: memoryview) -> bool:
    # Views compare byte by byte; "startswith" is one memcmp.
    return len(decoded) == len(original) and bytes(decoded).startswith(original)


def _compressor(level: int) -> ZstdCompressor:
    by_level: dict[int, ZstdCompressor] | None = getattr(_compressors, "by_level", None)
    if by_level is None:
        by_level = _compressors.by_level = {}
    if level not in by_level:
        by_level[level] = ZstdCompressor(level, BLOCK_BYTES_TARGET)
    return by_level[level]
