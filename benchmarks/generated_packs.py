"""Writes packs of a generated repository: by the format's own encoders, without asking an index.

What the engine's writers do besides, such as looking chunks up, proving blocks by decoding them and
syncing each pack, is left out: nobody relies on what is generated, and it takes most of the time.
"""

from __future__ import annotations

import random

from dedupstore.engine.pack_writer import store_pack
from dedupstore.format.block import ChunkInfo, encode_block
from dedupstore.format.codecs import CODEC_ZSTD, ZstdCompressor
from dedupstore.format.hashing import digest
from dedupstore.format.pack import (
    PACK_HEADER_BYTES,
    BlockInfo,
    PackKind,
    PackTable,
    encode_pack_header,
)
from dedupstore.format.pieces import Extent
from dedupstore.ids import ChunkId
from dedupstore.limits import (
    BLOCK_BYTES_TARGET,
    BLOCK_CHUNKS_TARGET,
    MANIFEST_BLOCK_BYTES_TARGET,
    PACK_BYTES_TARGET,
    PACK_CHUNKS_TARGET,
)
from dedupstore.storage.contract import Buffer, WriteStore

from generated_logs import LogPattern

_CHUNK_BYTES_MIN, _CHUNK_BYTES_MAX = 100, 400
_LEVEL = 1


class GeneratedPacks:
    """Packs of one kind, of at most ``pack_chunks_max`` chunks each."""

    def __init__(self, store: WriteStore, kind: PackKind, pack_chunks_max: int) -> None:
        self._store = store
        self._kind = kind
        is_data = kind is PackKind.DATA
        self._block_bytes = BLOCK_BYTES_TARGET if is_data else MANIFEST_BLOCK_BYTES_TARGET
        self._pack_chunks_max = min(pack_chunks_max, PACK_CHUNKS_TARGET)
        self._compressor = ZstdCompressor(_LEVEL, self._block_bytes)
        self._open: list[bytes] = []
        self._open_bytes = 0
        self._begin_pack()

    def add(self, chunk: bytes) -> ChunkId:
        """Store a chunk and return its id."""
        if self._open_bytes + len(chunk) > self._block_bytes:
            self._close_block()
        self._open.append(chunk)
        self._open_bytes += len(chunk)
        self._pack_chunks += 1
        if self._pack_chunks >= self._pack_chunks_max or self._end >= PACK_BYTES_TARGET:
            self.close_pack()
        elif len(self._open) >= BLOCK_CHUNKS_TARGET:
            self._close_block()
        return digest(chunk)

    def close_pack(self) -> None:
        """Store what has been added so far."""
        self._close_block()
        if self._blocks:
            store_pack(self._store, PackTable(self._kind, tuple(self._blocks)), self._parts)
            self._begin_pack()

    def _begin_pack(self) -> None:
        self._parts: list[Buffer] = [encode_pack_header(self._kind)]
        self._blocks: list[BlockInfo] = []
        self._end = PACK_HEADER_BYTES
        self._pack_chunks = 0

    def _close_block(self) -> None:
        if not self._open:
            return
        chunks = tuple([ChunkInfo(digest(chunk), len(chunk)) for chunk in self._open])
        payload = self._compressor.compress(b"".join(self._open))
        block = encode_block(CODEC_ZSTD, chunks, payload)
        self._parts.append(block)
        self._blocks.append(BlockInfo(self._end, len(block), self._open_bytes, chunks))
        self._end += len(block)
        self._open, self._open_bytes = [], 0


class GeneratedPieces:
    """Stores pieces of manifests and chunk lists, each once."""

    def __init__(self, packs: GeneratedPacks) -> None:
        self._packs = packs
        self._stored: set[ChunkId] = set()

    def add(self, piece: bytes) -> ChunkId:
        """Store a piece if it is new, and return its id."""
        id_ = digest(piece)
        if id_ not in self._stored:
            self._stored.add(id_)
            self._packs.add(piece)
        return id_


class NewChunks:
    """Stores chunks of log lines, no two alike."""

    def __init__(self, packs: GeneratedPacks, seed: int) -> None:
        self._packs = packs
        self._random = random.Random(seed).random
        self._text = bytes(LogPattern(seed).text)
        self._made = 0

    def store(self, count: int) -> list[Extent]:
        """Store ``count`` chunks and return them as extents."""
        extents = []
        for _ in range(count):
            chunk = self._next()
            extents.append(Extent(len(chunk), self._packs.add(chunk)))
        return extents

    def _next(self) -> bytes:
        self._made += 1
        begin = int(self._random() * (len(self._text) - _CHUNK_BYTES_MAX))
        spread = _CHUNK_BYTES_MAX - _CHUNK_BYTES_MIN
        end = begin + _CHUNK_BYTES_MIN + int(self._random() * spread)
        return b"%012d %b" % (self._made, self._text[begin:end])
