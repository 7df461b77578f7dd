"""Reading chunk lists and manifests back from their pieces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from dedupstore.errors import FormatError
from dedupstore.format.entry import (
    Content,
    Entry,
    check_level_extents,
    decode_entry,
    path_sort_key,
    split_entries,
)
from dedupstore.format.pieces import HOLE_ID, Extent, decode_extents, piece_body
from dedupstore.ids import ChunkId


class PieceReader(Protocol):
    """What reading a tree needs: chunks by id."""

    def read(self, id_: ChunkId) -> memoryview:
        """Return the bytes of a chunk."""


def content_extents(reader: PieceReader, content: Content) -> Iterator[Extent]:
    """Yield the chunks and holes of a file in order.

    Raises:
        ChunkUnreadable, FormatError, UnsupportedFormat: a piece of the list is missing or wrong.
    """
    return _descend(reader, content.extents, content.level)


def manifest_entries(reader: PieceReader, manifest: ChunkId, level: int) -> Iterator[Entry]:
    """Yield the entries of a manifest in path order; each path is greater than the last.

    Raises:
        ChunkUnreadable, FormatError, UnsupportedFormat: the manifest is damaged or newer.
    """
    last_key = b""
    for piece in manifest_pieces(reader, manifest, level):
        for data in split_entries(piece_body(piece, 0)):
            entry = decode_entry(data)
            key = path_sort_key(entry.path)
            if key <= last_key:
                raise FormatError(f"a manifest is out of order at {entry.path[:200]!r}")
            last_key = key
            yield entry


def manifest_pieces(reader: PieceReader, manifest: ChunkId, level: int) -> Iterator[memoryview]:
    """Yield the level-0 pieces of a manifest in order.

    Raises:
        ChunkUnreadable, FormatError, UnsupportedFormat: a piece is missing or wrong.
    """
    top = reader.read(manifest)
    if level == 0:
        yield top
        return
    extents = decode_extents(piece_body(top, level))
    for extent in _descend(reader, extents, level - 1):
        if extent.id == HOLE_ID:
            raise FormatError("a hole stands where a piece should be")
        piece = reader.read(extent.id)
        if len(piece) != extent.extent_bytes:
            raise FormatError("a piece of a manifest has another length than its list says")
        yield piece


def _descend(
    reader: PieceReader, extents: tuple[Extent, ...] | list[Extent], level: int
) -> Iterator[Extent]:
    check_level_extents(level, extents)
    if level == 0:
        yield from extents
        return
    for extent in extents:
        below = decode_extents(piece_body(reader.read(extent.id), level))
        if sum(part.extent_bytes for part in below) != extent.extent_bytes:
            raise FormatError("a piece of a chunk list covers another length than its list says")
        yield from _descend(reader, below, level - 1)
