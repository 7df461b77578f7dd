"""Compressing blocks, and proving each by decoding it before it is trusted."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from dedupstore.errors import DamageError
from dedupstore.format.block import ChunkInfo, decode_block, encode_block
from dedupstore.format.codecs import CODEC_STORED, CODEC_ZSTD, ZstdCompressor
from dedupstore.format.pack import BlockInfo
from dedupstore.ids import ChunkId
from dedupstore.limits import BLOCK_BYTES_TARGET

_ZSTD_LEVEL = 1
_SMALLER_BY_AT_LEAST = 32
"""A block is stored plain unless compression saves one part in this many."""

_compressors = threading.local()


@dataclass(slots=True)
class OpenBlock:
    """Chunks collected for one block, in original bytes."""

    data: bytearray = field(default_factory=bytearray)
    chunks: list[ChunkInfo] = field(default_factory=list)

    def add(self, id_: ChunkId, chunk: memoryview) -> None:
        """Append a copy of a chunk."""
        self.data += chunk
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


def encode_open_block(block: OpenBlock) -> EncodedBlock:
    """Compress a block, plain if that does not pay, and prove it by decoding. Thread-safe.

    Raises:
        DamageError: the block does not decode to what it was made of; nothing was stored.
    """
    payload = _compressor().compress(block.data)
    if len(payload) <= len(block.data) - len(block.data) // _SMALLER_BY_AT_LEAST:
        data = encode_block(CODEC_ZSTD, block.chunks, payload)
    else:
        data = encode_block(CODEC_STORED, block.chunks, bytes(block.data))
    decoded = decode_block(data)
    # Comparing bytes is one memcmp; comparing views would go byte by byte.
    if not block.data == bytes(decoded.original()) or decoded.chunks != tuple(block.chunks):
        raise DamageError(
            "a block did not decode to what was put into it",
            hint="nothing was stored; suspect the memory of this machine",
        )
    return EncodedBlock(data, len(block.data), decoded.chunks)


def _compressor() -> ZstdCompressor:
    compressor: ZstdCompressor | None = getattr(_compressors, "zstd", None)
    if compressor is None:
        compressor = _compressors.zstd = ZstdCompressor(_ZSTD_LEVEL, BLOCK_BYTES_TARGET)
    return compressor
