"""Compression: whole blocks as the engine makes them, beside zstd and zlib at some levels."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import zstandard
from dedupstore.engine.block_encoder import OpenBlock, encode_open_block
from dedupstore.engine.compression import Compression
from dedupstore.format.block import ChunkInfo, decode_block
from dedupstore.format.hashing import digest
from dedupstore.ids import ChunkId
from dedupstore.limits import BLOCK_BYTES_TARGET

from parts.contender import Contender, Group

_LEVELS = (1, 3, 6, 9)
_DATA_BYTES = 48_000_000


def compression(data: bytes, chunk_bytes: int) -> Group:
    """Return all that compresses the same `data` in blocks, and what decodes these."""
    part = data[:_DATA_BYTES]
    return Group("compression", "GB/s", 10**9, list(_contenders(part, chunk_bytes)))


def _contenders(data: bytes, chunk_bytes: int) -> Iterator[Contender]:
    open_blocks = [_open_block(block, chunk_bytes) for block in _blocks(data)]
    for level in dict.fromkeys(Compression.AUTO.levels):
        encode = partial(encode_open_block, level=level)
        encoded = [encode(block).data for block in open_blocks]
        run, note = partial(_for_each, encode, open_blocks), _ratio(data, encoded)
        yield Contender(f"block, level {level}, encoded and proved", run, len(data), note)
    yield Contender("block, decoded", partial(_for_each, _decode, encoded), len(data))
    for level in _LEVELS:
        yield _compressor(f"zstd {level}", zstandard.ZstdCompressor(level).compress, data)
    for level in (1, 6):
        yield _compressor(f"zlib {level}", partial(zlib.compress, level=level), data)


def _compressor(name: str, compress: Callable[[memoryview], bytes], data: bytes) -> Contender:
    blocks = _blocks(data)
    note = _ratio(data, list(map(compress, blocks)))
    run = partial(_for_each, compress, blocks)
    return Contender(name, run, len(data), note, is_yardstick=True)


def _blocks(data: bytes) -> list[memoryview]:
    view = memoryview(data)
    return [
        view[start : start + BLOCK_BYTES_TARGET]
        for start in range(0, len(view), BLOCK_BYTES_TARGET)
    ]


def _open_block(data: memoryview, chunk_bytes: int) -> OpenBlock:
    block = OpenBlock(bytearray(data))
    block.used_bytes = len(data)
    for start in range(0, len(data), chunk_bytes):
        chunk = data[start : start + chunk_bytes]
        block.chunks.append(ChunkInfo(ChunkId(digest(chunk)), len(chunk)))
    return block


def _decode(block: bytes) -> object:
    return decode_block(block).original()


def _for_each(run: Callable[[Any], object], items: Sequence[object]) -> None:
    for item in items:
        run(item)


def _ratio(data: bytes, compressed: Sequence[bytes]) -> str:
    return f"{len(data) / sum(map(len, compressed)):.1f} : 1"
