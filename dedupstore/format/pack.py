"""Packs: immutable files of blocks that end in a table (docs/format/packs.md).

::

    header (8) │ block │ block │ … │ table │ trailer (48)
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from dedupstore.errors import FormatError, UnsupportedFormat
from dedupstore.format.block import (
    DIRECTORY_ENTRY_BYTES,
    HEADER_BYTES,
    REQUIRED_FLAGS,
    ChunkInfo,
    decode_directory,
    encode_directory,
    level_flags,
    level_of_flags,
)
from dedupstore.format.hashing import checksum
from dedupstore.format.pack_kind import PackKind as PackKind
from dedupstore.limits import (
    BLOCK_BYTES_MAX,
    BLOCK_CHUNKS_MAX,
    BLOCK_NOTES_BYTES_MAX,
    GENERATION_MAX,
    PACK_BYTES_MAX,
    PACK_TABLE_BYTES_MAX,
)

PACK_MAGIC = b"DSPK"
TABLE_MAGIC = b"DTBL"
TRAILER_MAGIC = b"DEND"
PACK_VERSION = 1

_HEADER = struct.Struct("<4sBBH")
_TABLE_FIXED = struct.Struct("<4sI")
_TABLE_BLOCK = struct.Struct("<IIII")
_TRAILER = struct.Struct("<QQQ16sI4s")
_SIGNED_BEGIN = slice(0, 24)
_SIGNED_END = slice(40, 48)

PACK_HEADER_BYTES = _HEADER.size
TRAILER_BYTES = _TRAILER.size
PACK_BYTES_MIN = PACK_HEADER_BYTES + _TABLE_FIXED.size + TRAILER_BYTES


class BlockInfo(NamedTuple):
    """A block as the table lists it; offsets count from the start of the pack."""

    offset: int
    stored_bytes: int
    original_bytes: int
    chunks: tuple[ChunkInfo, ...]


class PackTable(NamedTuple):
    """All blocks of a pack in file order.

    ``generation`` is that of the repository when the pack's writer began; 0 where it is not known.
    ``level`` is the lowest at which one of the blocks is compressed; 0 where that is not known.
    """

    kind: PackKind
    blocks: tuple[BlockInfo, ...]
    generation: int = 0
    level: int = 0

    @property
    def chunk_count(self) -> int:
        """How many chunks the pack holds."""
        return sum(len(block.chunks) for block in self.blocks)


class PackTrailer(NamedTuple):
    """Where the table of a pack is, what the trailer says besides, and the checksum over both."""

    table_offset: int
    table_bytes: int
    generation: int
    checksum: bytes
    flags: int

    @property
    def level(self) -> int:
        """The lowest level at which a block of the pack is compressed; 0: it is not known."""
        return level_of_flags(self.flags)


def encode_pack_header(kind: PackKind) -> bytes:
    """Return the first 8 bytes of a pack."""
    return _HEADER.pack(PACK_MAGIC, PACK_VERSION, kind, 0)


def decode_pack_header(data: bytes | memoryview) -> PackKind:
    """Read the first 8 bytes of a pack.

    Raises:
        UnsupportedFormat: a newer version, an unknown kind or an unknown required flag.
        FormatError: the bytes are no pack's.
    """
    if len(data) < PACK_HEADER_BYTES:
        raise FormatError("a pack is cut off inside its header")
    magic, version, kind, flags = _HEADER.unpack_from(data)
    if magic != PACK_MAGIC:
        raise FormatError("the file does not begin like a pack")
    if version != PACK_VERSION or flags & REQUIRED_FLAGS or kind not in set(PackKind):
        raise UnsupportedFormat(
            f"a pack has version {version}, kind {kind} and flags {flags:#06x}, "
            "which this version cannot read",
            hint="use a newer version of dedupstore",
        )
    return PackKind(kind)


def encode_table_and_trailer(table: PackTable) -> bytes:
    """Return what follows the last block of a pack: the table and the trailer."""
    blocks = table.blocks
    parts = [_TABLE_FIXED.pack(TABLE_MAGIC, len(blocks))]
    parts.extend(
        _TABLE_BLOCK.pack(block.offset, block.stored_bytes, block.original_bytes, len(block.chunks))
        for block in blocks
    )
    parts.extend(encode_directory(block.chunks) for block in blocks)
    encoded = b"".join(parts)
    last = blocks[-1] if blocks else None
    table_offset = last.offset + last.stored_bytes if last else PACK_HEADER_BYTES
    trailer = PackTrailer(
        table_offset, len(encoded), table.generation, bytes(16), level_flags(table.level)
    )
    signed = _table_checksum(encode_pack_header(table.kind), encoded, trailer)
    return encoded + _encode_trailer(trailer, signed)


def decode_trailer(tail: bytes | memoryview, pack_bytes: int) -> PackTrailer:
    """Read the trailer from the last bytes of a pack that is ``pack_bytes`` long.

    Nothing of it is trusted before ``decode_table`` has verified its checksum.

    Raises:
        FormatError: the pack is cut off, or the place of the table is impossible.
    """
    if not PACK_BYTES_MIN <= pack_bytes <= PACK_BYTES_MAX or len(tail) < TRAILER_BYTES:
        raise FormatError(f"a pack cannot be {pack_bytes} bytes long")
    table_offset, table_bytes, generation, table_checksum, flags, magic = _TRAILER.unpack(
        tail[len(tail) - TRAILER_BYTES :]
    )
    if magic != TRAILER_MAGIC:
        raise FormatError("the file does not end like a pack; it may be cut off")
    if table_bytes > PACK_TABLE_BYTES_MAX or table_offset < PACK_HEADER_BYTES:
        raise FormatError("the place of a pack's table is out of range")
    if table_offset + table_bytes + TRAILER_BYTES != pack_bytes:
        raise FormatError("the table of a pack is not where its trailer says")
    return PackTrailer(table_offset, table_bytes, generation, table_checksum, flags)


def decode_table(
    header: bytes | memoryview, table: bytes | memoryview, trailer: PackTrailer
) -> PackTable:
    """Read a pack's table; ``header`` is the pack's first 8 bytes, which the checksum covers.

    Raises:
        UnsupportedFormat: see ``decode_pack_header``; or an unknown required flag of the trailer.
        FormatError: the table breaks a rule of the format or its checksum is wrong.
    """
    if len(table) != trailer.table_bytes or len(table) < _TABLE_FIXED.size:
        raise FormatError("the table of a pack is cut off")
    header = header[:PACK_HEADER_BYTES]
    if _table_checksum(header, table, trailer) != trailer.checksum:
        raise FormatError("the checksum of a pack's table is wrong")
    # Versions and flags are judged only now, so that a flipped bit in them is called damage.
    kind = decode_pack_header(header)
    if trailer.flags & REQUIRED_FLAGS:
        raise UnsupportedFormat(
            f"a pack's trailer has flags {trailer.flags:#06x}, which this version cannot read",
            hint="use a newer version of dedupstore",
        )
    if trailer.generation > GENERATION_MAX:
        raise FormatError(f"a pack's trailer names the generation {trailer.generation}")
    magic, block_count = _TABLE_FIXED.unpack_from(table)
    chunks_begin = _TABLE_FIXED.size + block_count * _TABLE_BLOCK.size
    if magic != TABLE_MAGIC or chunks_begin > len(table):
        raise FormatError("the table of a pack is malformed")
    blocks = _decode_blocks(memoryview(table), chunks_begin, trailer.table_offset)
    return PackTable(kind, blocks, trailer.generation, trailer.level)


def _encode_trailer(trailer: PackTrailer, table_checksum: bytes) -> bytes:
    return _TRAILER.pack(
        trailer.table_offset,
        trailer.table_bytes,
        trailer.generation,
        table_checksum,
        trailer.flags,
        TRAILER_MAGIC,
    )


def _table_checksum(
    header: bytes | memoryview, table: bytes | memoryview, trailer: PackTrailer
) -> bytes:
    encoded = _encode_trailer(trailer, bytes(16))
    return checksum(header, table, encoded[_SIGNED_BEGIN], encoded[_SIGNED_END])


def _decode_blocks(
    table: memoryview, chunks_begin: int, table_offset: int
) -> tuple[BlockInfo, ...]:
    blocks = []
    expected_offset = PACK_HEADER_BYTES
    position = chunks_begin
    for offset, stored_bytes, original_bytes, chunk_count in _TABLE_BLOCK.iter_unpack(
        table[_TABLE_FIXED.size : chunks_begin]
    ):
        directory_bytes = chunk_count * DIRECTORY_ENTRY_BYTES
        if offset != expected_offset or stored_bytes < HEADER_BYTES + directory_bytes:
            raise FormatError("the blocks of a pack do not follow each other")
        if not 0 < chunk_count <= BLOCK_CHUNKS_MAX or not 0 < original_bytes <= BLOCK_BYTES_MAX:
            raise FormatError("a block in a pack's table is out of range")
        if stored_bytes > HEADER_BYTES + directory_bytes + BLOCK_NOTES_BYTES_MAX + BLOCK_BYTES_MAX:
            raise FormatError(f"a pack's table lists a block that fills {stored_bytes} bytes")
        if position + directory_bytes > len(table):
            raise FormatError("the table of a pack lists more chunks than it holds")
        directory = table[position : position + directory_bytes]
        chunks = decode_directory(directory, original_bytes)
        blocks.append(BlockInfo(offset, stored_bytes, original_bytes, chunks))
        position += directory_bytes
        expected_offset = offset + stored_bytes
    if position != len(table) or expected_offset != table_offset:
        raise FormatError("the table of a pack does not account for all of its bytes")
    return tuple(blocks)
