"""Compressing blocks, and proving each by decoding it before it is trusted."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from dedupstore.chunking.chunks import Chunks
from dedupstore.engine.buffers import fresh_buffer
from dedupstore.engine.equal_bytes import are_equal
from dedupstore.errors import DamageError
from dedupstore.format.block import Block, ChunkInfo, decode_block, encode_block_head
from dedupstore.format.codecs import CODEC_STORED, CODEC_ZSTD, LEVEL_MAX, ZstdCompressor
from dedupstore.format.pack import BlockInfo
from dedupstore.ids import ChunkId
from dedupstore.limits import BLOCK_BYTES_TARGET, BLOCK_CHUNKS_TARGET, KIB

_SMALLER_BY_AT_LEAST = 32
"""A block is stored plain unless compression saves one part in this many."""

_PROBED_BYTES_MIN = 512 * KIB
_PROBE_STEP_BYTES = 64 * KIB
_PROBE_BYTES = 4 * KIB
_PROBE_LEVEL = 1

_PROOF_BYTES_MIN = 64 * KIB


class OpenBlock:
    """Chunks collected for one block, in the original bytes that ``buffer`` has room for."""

    def __init__(self, buffer: bytearray | memoryview) -> None:
        self.buffer = memoryview(buffer)
        self.chunks: list[ChunkInfo] = []
        self.used_bytes = 0

    def add(self, ids: Sequence[ChunkId], chunks: Chunks, first: int = 0) -> int:
        """Append copies of chunks from number ``first`` on, and return how many there was room for.

        ``ids`` are those of all ``chunks``.
        """
        begin = chunks.ends[first - 1] if first else chunks.begin
        room_end = begin + len(self.buffer) - self.used_bytes
        stop = min(
            bisect_right(chunks.ends, room_end, lo=first),
            first + BLOCK_CHUNKS_TARGET - len(self.chunks),
        )
        if stop > first:
            taken = chunks.part(first, stop)
            data = taken.data[begin : taken.ends[-1]]
            end = self.used_bytes + len(data)
            self.buffer[self.used_bytes : end] = data
            self.used_bytes = end
            self.chunks.extend(map(ChunkInfo, ids[first:stop], taken.lengths()))
        return stop - first


class EncodedBlock(NamedTuple):
    """A block ready to be appended to a pack; ``level`` as in its header."""

    data: bytes | memoryview
    original_bytes: int
    chunks: tuple[ChunkInfo, ...]
    level: int

    def at(self, offset: int) -> BlockInfo:
        """Describe the block as part of a pack in which it begins at ``offset``."""
        return BlockInfo(offset, len(self.data), self.original_bytes, self.chunks)


def encode_open_block(block: OpenBlock, level: int) -> EncodedBlock:
    """Compress a block, plain if that does not pay, and prove it by decoding. Thread-safe.

    ``level`` is zstd's, 1 to 19. Data that is compressed or encrypted already is told by samples,
    and no time spent on it.

    Raises:
        DamageError: the block does not decode to what it was made of; nothing was stored.
    """
    original = memoryview(block.buffer)[: block.used_bytes]
    data = _compressed_block(block.chunks, original, level)
    if data is None:
        # No level makes it smaller.
        data = _whole_block(CODEC_STORED, block.chunks, original, LEVEL_MAX)
    decoded = decode_block(data)
    if not _is_proved(decoded, block.chunks, original):
        raise DamageError(
            "a block did not decode to what was put into it",
            hint="nothing was stored; suspect the memory of this machine",
        )
    return EncodedBlock(data, len(original), decoded.chunks, decoded.header.level)


def _compressed_block(
    chunks: Sequence[ChunkInfo], original: memoryview, level: int
) -> memoryview | None:
    """Return a compressed block, ``None`` if that does not pay."""
    if _looks_compressed(original):
        return None
    payload = _own.compressor(level, BLOCK_BYTES_TARGET).compress(original)
    if not _pays(len(payload), len(original)):
        return None
    return _whole_block(CODEC_ZSTD, chunks, payload, level)


def _whole_block(
    codec: int, chunks: Sequence[ChunkInfo], payload: bytes | memoryview, level: int
) -> memoryview:
    """Return a block in memory of its own, which the system has back once the block is stored.

    The heap of each thread would keep as much for blocks to come, beside what is in use.
    """
    head = encode_block_head(codec, chunks, payload, level=level)
    data = fresh_buffer(len(head) + len(payload))
    data[: len(head)] = head
    data[len(head) :] = payload
    return data


def _looks_compressed(original: memoryview) -> bool:
    """Tell whether no sample of a block can be compressed; of text, the first one can.

    Samples lie so close together that a log between archives is not missed. All of them take a
    quarter of the time of compressing what cannot be.
    """
    if len(original) < _PROBED_BYTES_MIN:
        return False
    probe = _own.compressor(_PROBE_LEVEL, _PROBE_BYTES)
    for begin in range(0, len(original) - _PROBE_BYTES + 1, _PROBE_STEP_BYTES):
        if _pays(len(probe.compress(original[begin : begin + _PROBE_BYTES])), _PROBE_BYTES):
            return False
    return True


def _pays(payload_bytes: int, original_bytes: int) -> bool:
    return payload_bytes <= original_bytes - original_bytes // _SMALLER_BY_AT_LEAST


def _is_proved(decoded: Block, chunks: Sequence[ChunkInfo], original: memoryview) -> bool:
    if decoded.chunks != tuple(chunks) or decoded.header.original_bytes != len(original):
        return False
    if decoded.header.codec == CODEC_STORED:
        return are_equal(decoded.payload, original)
    proof = _own.memory(len(original))
    decoded.original_into(proof)
    return are_equal(proof, original)


class _OfThread(threading.local):
    """What a thread uses again and again: fresh memory costs more than what is done with it."""

    def __init__(self) -> None:
        self._compressors: dict[tuple[int, int], ZstdCompressor] = {}
        self._memory = memoryview(b"")

    def compressor(self, level: int, payload_bytes_max: int) -> ZstdCompressor:
        key = level, payload_bytes_max
        if key not in self._compressors:
            self._compressors[key] = ZstdCompressor(level, payload_bytes_max)
        return self._compressors[key]

    def memory(self, wanted_bytes: int) -> memoryview:
        """Return memory with anything in it."""
        if wanted_bytes > BLOCK_BYTES_TARGET:
            return fresh_buffer(wanted_bytes)
        if wanted_bytes > len(self._memory):
            memory_bytes = 1 << (max(wanted_bytes, _PROOF_BYTES_MIN) - 1).bit_length()
            self._memory = fresh_buffer(memory_bytes)
        return self._memory[:wanted_bytes]


_own = _OfThread()
