"""Blocks: consecutive chunks compressed together, self-describing (docs/format/packs.md)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from dedupstore.errors import FormatError, UnsupportedFormat
from dedupstore.format.codecs import decode_payload, decode_payload_into
from dedupstore.format.hashing import CHECKSUM_BYTES, checksum
from dedupstore.ids import ChunkId
from dedupstore.limits import (
    BLOCK_BYTES_MAX,
    BLOCK_CHUNKS_MAX,
    BLOCK_NOTES_BYTES_MAX,
    CHUNK_BYTES_MAX,
)

BLOCK_MAGIC = b"DBLK"
BLOCK_VERSION = 1
REQUIRED_FLAGS = 0xFF00
_LEVEL_SHIFT = 1
_LEVEL_MASK = 0x1F

_FIXED = struct.Struct("<4sBBHIIII")
_DIRECTORY_ENTRY = struct.Struct("<32sI")

HEADER_BYTES = _FIXED.size + CHECKSUM_BYTES
DIRECTORY_ENTRY_BYTES = _DIRECTORY_ENTRY.size


class ChunkInfo(NamedTuple):
    """A chunk as a block lists it: its id and its length in original bytes."""

    id: ChunkId
    chunk_bytes: int


class BlockHeader(NamedTuple):
    """The fixed part of a block, checked against the limits.

    ``level`` is that of the compression that was tried, 0 where it is not known.
    """

    codec: int
    chunk_count: int
    original_bytes: int
    payload_bytes: int
    notes_bytes: int
    level: int = 0

    @property
    def stored_bytes(self) -> int:
        """Bytes of the whole block in a pack: header, directory, notes and payload."""
        directory_bytes = self.chunk_count * DIRECTORY_ENTRY_BYTES
        return HEADER_BYTES + directory_bytes + self.notes_bytes + self.payload_bytes


class Block(NamedTuple):
    """A block whose checksum and structure are right; the payload is still coded."""

    header: BlockHeader
    chunks: tuple[ChunkInfo, ...]
    notes: memoryview
    payload: memoryview

    def original(self) -> bytes | memoryview:
        """Return the original bytes of all chunks, one after another.

        Raises:
            FormatError, UnsupportedFormat: see ``decode_payload``.
        """
        return decode_payload(self.header.codec, self.payload, self.header.original_bytes)

    def original_into(self, buffer: bytearray | memoryview) -> None:
        """Put the original bytes into ``buffer``, which is as long as they are.

        Raises:
            FormatError, UnsupportedFormat: see ``decode_payload``.
        """
        decode_payload_into(self.header.codec, self.payload, buffer)


def level_flags(level: int) -> int:
    """Return the optional flags of a block, or of a pack's trailer, that hold a level, 0 to 31."""
    return (level & _LEVEL_MASK) << _LEVEL_SHIFT


def level_of_flags(flags: int) -> int:
    """Return the level that flags of a block, or of a pack's trailer, hold."""
    return flags >> _LEVEL_SHIFT & _LEVEL_MASK


def encode_directory(chunks: Sequence[ChunkInfo]) -> bytes:
    """Return the directory of ``chunks``: id (32 bytes) and length (u32) of each, in order."""
    pack = _DIRECTORY_ENTRY.pack
    return b"".join([pack(chunk.id, chunk.chunk_bytes) for chunk in chunks])


def decode_directory(data: bytes | memoryview, original_bytes: int) -> tuple[ChunkInfo, ...]:
    """Read a directory whose lengths must add up to ``original_bytes``.

    Raises:
        FormatError: it is cut off, a length is zero or above the limit, or the sum is another.
    """
    if len(data) % DIRECTORY_ENTRY_BYTES:
        raise FormatError("the directory of a block is cut off")
    # What ``_make`` does, without a step of Python for each of what may be millions.
    make = partial(tuple.__new__, ChunkInfo)
    chunks = tuple(map(make, _DIRECTORY_ENTRY.iter_unpack(data)))
    lengths = [chunk_bytes for _, chunk_bytes in chunks]
    for chunk_bytes in (min(lengths, default=1), max(lengths, default=1)):
        if not 0 < chunk_bytes <= CHUNK_BYTES_MAX:
            raise FormatError(f"a chunk of {chunk_bytes} bytes is out of range")
    total = sum(lengths)
    if total != original_bytes:
        raise FormatError(f"the chunks of a block add up to {total} bytes, not {original_bytes}")
    return chunks


def encode_block(
    codec: int,
    chunks: Sequence[ChunkInfo],
    payload: bytes | bytearray | memoryview,
    *,
    level: int = 0,
) -> bytes:
    """Return a whole block: header, directory, no notes, payload; ``level`` is for the header."""
    return b"".join((encode_block_head(codec, chunks, payload, level=level), payload))


def encode_block_head(
    codec: int,
    chunks: Sequence[ChunkInfo],
    payload: bytes | bytearray | memoryview,
    *,
    level: int = 0,
) -> bytes:
    """Return what stands before the payload in the block that ``encode_block`` gives."""
    original_bytes = sum(chunk.chunk_bytes for chunk in chunks)
    fixed = _FIXED.pack(
        BLOCK_MAGIC,
        BLOCK_VERSION,
        codec,
        level_flags(level),
        len(chunks),
        original_bytes,
        len(payload),
        0,
    )
    directory = encode_directory(chunks)
    return b"".join((fixed, checksum(fixed, directory, payload), directory))


def decode_block_header(data: bytes | memoryview) -> BlockHeader:
    """Read the first ``HEADER_BYTES`` of a block; its checksum is for ``decode_block``.

    Raises:
        UnsupportedFormat: a newer block version, or an unknown required flag.
        FormatError: no block begins here, or a size is beyond the limits.
    """
    if len(data) < HEADER_BYTES:
        raise FormatError("a block is cut off inside its header")
    magic, version, codec, flags, chunk_count, original_bytes, payload_bytes, notes_bytes = (
        _FIXED.unpack_from(data)
    )
    if magic != BLOCK_MAGIC:
        raise FormatError("no block begins where one should")
    if version != BLOCK_VERSION or flags & REQUIRED_FLAGS:
        raise UnsupportedFormat(
            f"a block has version {version} and flags {flags:#06x}, which this version cannot read",
            hint="use a newer version of dedupstore",
        )
    if not 0 < chunk_count <= BLOCK_CHUNKS_MAX or not 0 < original_bytes <= BLOCK_BYTES_MAX:
        raise FormatError(f"a block of {chunk_count} chunks and {original_bytes} bytes")
    if payload_bytes > BLOCK_BYTES_MAX or notes_bytes > BLOCK_NOTES_BYTES_MAX:
        raise FormatError(f"a block with {payload_bytes} stored bytes and {notes_bytes} of notes")
    level = level_of_flags(flags)
    return BlockHeader(codec, chunk_count, original_bytes, payload_bytes, notes_bytes, level)


def decode_block(data: bytes | memoryview) -> Block:
    """Read one whole block, which must fill ``data`` exactly, and verify its checksum.

    Raises:
        UnsupportedFormat: see ``decode_block_header``.
        FormatError: the block breaks a rule of the format or its checksum is wrong.
    """
    view = memoryview(data)
    if view[: len(BLOCK_MAGIC)] != BLOCK_MAGIC:
        raise FormatError("no block begins where one should")
    # The checksum is in one place in all versions, so that a flipped bit in the version is damage.
    if checksum(view[: _FIXED.size], view[HEADER_BYTES:]) != view[_FIXED.size : HEADER_BYTES]:
        raise FormatError("the checksum of a block is wrong")
    header = decode_block_header(view)
    if len(view) != header.stored_bytes:
        raise FormatError(f"a block fills {header.stored_bytes} bytes, not {len(view)}")
    directory_end = HEADER_BYTES + header.chunk_count * DIRECTORY_ENTRY_BYTES
    notes_end = directory_end + header.notes_bytes
    chunks = decode_directory(view[HEADER_BYTES:directory_end], header.original_bytes)
    return Block(header, chunks, view[directory_end:notes_end], view[notes_end:])
