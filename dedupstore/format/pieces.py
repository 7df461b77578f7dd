"""Pieces: chunks of structure, out of which manifests and long chunk lists are made.

A piece begins with four bytes: magic ``DM``, version 1, level. Level 0 holds entries of a
manifest; level n > 0 holds extents that refer to level n - 1 (docs/format/manifests.md).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import partial
from itertools import starmap
from typing import NamedTuple

from dedupstore.errors import FormatError, UnsupportedFormat
from dedupstore.ids import ID_BYTES, ChunkId
from dedupstore.limits import PIECE_BYTES_MAX, TREE_LEVELS_MAX

PIECE_MAGIC = b"DM"
PIECE_VERSION = 1
HOLE_ID = bytes(ID_BYTES)
"""Stands in place of an id where a file has a hole: the extent reads as zeros."""

_HEADER = struct.Struct("<2sBB")
EXTENT = struct.Struct("<Q32s")

PIECE_HEADER_BYTES = _HEADER.size
EXTENT_BYTES = EXTENT.size


class Extent(NamedTuple):
    """A run of bytes: at level 0 one chunk or a hole, above it all that a piece leads to."""

    extent_bytes: int
    id: ChunkId


def encode_extents(extents: Sequence[Extent]) -> bytes:
    """Return the extents one after another, 40 bytes each: length (u64) and id."""
    return b"".join(starmap(EXTENT.pack, extents))


def decode_extents(data: bytes | memoryview) -> list[Extent]:
    """Read extents that fill ``data``.

    Raises:
        FormatError: ``data`` is cut off inside an extent, or an extent is empty.
    """
    if len(data) % EXTENT_BYTES:
        raise FormatError("a chunk list is cut off inside an extent")
    # What ``_make`` does, without a step of Python for each of what may be millions.
    extents = list(map(partial(tuple.__new__, Extent), EXTENT.iter_unpack(data)))
    if 0 in [extent_bytes for extent_bytes, _ in extents]:
        raise FormatError("a chunk list holds an empty extent")
    return extents


def encode_piece(level: int, body: bytes) -> bytes:
    """Return a piece: the four bytes of its header and its body."""
    return _HEADER.pack(PIECE_MAGIC, PIECE_VERSION, level) + body


def piece_body(piece: bytes | memoryview, level: int) -> memoryview:
    """Return what follows the header of a piece that must be of ``level``.

    Raises:
        UnsupportedFormat: a newer version of pieces.
        FormatError: the bytes are no piece, or one of another level.
    """
    if not PIECE_HEADER_BYTES < len(piece) <= PIECE_BYTES_MAX:
        raise FormatError(f"a piece cannot be {len(piece)} bytes long")
    magic, version, found_level = _HEADER.unpack_from(piece)
    if magic != PIECE_MAGIC:
        raise FormatError("a chunk that should be a piece of a manifest is not")
    if version != PIECE_VERSION:
        raise UnsupportedFormat(
            f"a manifest has version {version}, which this version cannot read",
            hint="use a newer version of dedupstore",
        )
    if found_level != level or level > TREE_LEVELS_MAX:
        raise FormatError(f"a piece of level {found_level} where level {level} should be")
    return memoryview(piece)[PIECE_HEADER_BYTES:]
