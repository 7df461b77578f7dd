"""Salvage: what a damaged block still gives, each chunk proved by its id."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from dedupstore.errors import FormatError, UnsupportedFormat
from dedupstore.format.block import (
    DIRECTORY_ENTRY_BYTES,
    HEADER_BYTES,
    ChunkInfo,
    decode_block_header,
    decode_directory,
)
from dedupstore.format.codecs import decode_damaged_zstd
from dedupstore.format.hashing import digest
from dedupstore.ids import ChunkId
from dedupstore.limits import BLOCK_BYTES_MAX

_Chunks = tuple[ChunkInfo, ...]


def salvage_chunks(
    data: bytes | memoryview, listed: Sequence[ChunkInfo] = ()
) -> dict[ChunkId, memoryview]:
    """Return the chunks that can still be read of a damaged block, whatever is wrong with it.

    ``data`` begins where the block does; it may be cut off, or go on behind the block, and holds
    anything, such as zeros, where bytes could not be read. ``listed`` are the chunks that the
    pack's table says it has, where there is one; the block's own directory is tried as well. Of
    stored bytes every chunk has its chance, of a zstd frame those that still come out of it.
    """
    found: dict[ChunkId, memoryview] = {}
    for chunks, payload in _ways_to_read(memoryview(data), tuple(listed)):
        original_bytes = sum(chunk.chunk_bytes for chunk in chunks)
        if original_bytes > BLOCK_BYTES_MAX:
            continue
        for original in (decode_damaged_zstd(payload, original_bytes), payload):
            _take_right_ones(memoryview(original), chunks, found)
    return found


def _ways_to_read(view: memoryview, listed: _Chunks) -> list[tuple[_Chunks, memoryview]]:
    """Return lists of chunks that may be right, and the payload that belongs to each."""
    ways: list[tuple[_Chunks, memoryview]] = []
    notes_bytes = 0
    with suppress(FormatError, UnsupportedFormat):
        header = decode_block_header(view)
        notes_bytes = header.notes_bytes
        directory_end = HEADER_BYTES + header.chunk_count * DIRECTORY_ENTRY_BYTES
        begin = directory_end + notes_bytes
        chunks = decode_directory(view[HEADER_BYTES:directory_end], header.original_bytes)
        ways.append((chunks, view[begin : begin + header.payload_bytes]))
    if listed:
        directory_end = HEADER_BYTES + len(listed) * DIRECTORY_ENTRY_BYTES
        ways += [(listed, view[directory_end + notes :]) for notes in {0, notes_bytes}]
    return ways


def _take_right_ones(
    original: memoryview, chunks: _Chunks, found: dict[ChunkId, memoryview]
) -> None:
    begin = 0
    for id_, chunk_bytes in chunks:
        part = original[begin : begin + chunk_bytes]
        begin += chunk_bytes
        if len(part) == chunk_bytes and id_ not in found and digest(part) == id_:
            found[id_] = part
