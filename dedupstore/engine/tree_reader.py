"""Reading chunk lists and manifests back from their pieces, whole or what is left of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple, Protocol

from dedupstore.errors import DamageError, FormatError
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

_EXTENTS_AT_ONCE = 4096


class PieceReader(Protocol):
    """What reading a tree needs: chunks by id."""

    def read(self, id_: ChunkId) -> memoryview:
        """Return the bytes of a chunk."""


class LostExtent(NamedTuple):
    """A run of bytes whose part of the chunk list cannot be read."""

    extent_bytes: int
    damage: DamageError


class LostEntries(NamedTuple):
    """Entries of a manifest that cannot be read: all between two paths.

    ``after`` and ``before`` are the paths of the entries around them; ``None`` where there is none.
    """

    after: bytes | None
    before: bytes | None
    damage: DamageError

    def may_hold(self, path: bytes) -> bool:
        """Tell whether a path could be among the entries that are lost."""
        key = path_sort_key(path)
        return (self.after is None or path_sort_key(self.after) < key) and (
            self.before is None or key < path_sort_key(self.before)
        )


def content_extents(reader: PieceReader, content: Content) -> Iterator[Extent]:
    """Yield the chunks and holes of a file in order.

    Raises:
        ChunkUnreadable, FormatError, UnsupportedFormat: a piece of the list is missing or wrong.
    """
    for extent in readable_extents(reader, content):
        if isinstance(extent, LostExtent):
            raise extent.damage
        yield extent


def readable_extents(reader: PieceReader, content: Content) -> Iterator[Extent | LostExtent]:
    """Yield the chunks and holes of a file in order, and what stands for those that are lost.

    Raises:
        UnsupportedFormat, StorageError: a piece is newer, or the store could not deliver.
        FormatError: the list in the entry itself is wrong.
    """
    check_level_extents(content.level, content.extents)
    return _descend(reader, content.extents, content.level)


def extent_batches(reader: PieceReader, content: Content) -> Iterator[list[Extent]]:
    """Yield the chunks and holes of a file in order, some thousand at once, to be looked up.

    Raises:
        ChunkUnreadable, FormatError, UnsupportedFormat: see ``content_extents``.
    """
    extents = content_extents(reader, content)
    while batch := list(islice(extents, _EXTENTS_AT_ONCE)):
        yield batch


def manifest_entries(reader: PieceReader, manifest: ChunkId, level: int) -> Iterator[Entry]:
    """Yield the entries of a manifest in path order; each path is greater than the last.

    Raises:
        ChunkUnreadable, FormatError, UnsupportedFormat: the manifest is damaged or newer.
    """
    last_key = b""
    for piece in manifest_pieces(reader, manifest, level):
        for entry in entries_of_piece(piece, last_key):
            last_key = path_sort_key(entry.path)
            yield entry


def readable_entries(
    reader: PieceReader,
    manifest: ChunkId,
    level: int,
    on_lost: Callable[[LostEntries], None],
) -> Iterator[Entry]:
    """Yield the entries of a manifest that can be read; ``on_lost`` is told what is between them.

    Nothing is yielded of a piece in which something is wrong.

    Raises:
        ChunkUnreadable, FormatError: the manifest's top piece is missing or wrong.
        UnsupportedFormat, StorageError: a piece is newer, or the store could not deliver.
    """
    last_path: bytes | None = None
    lost: DamageError | None = None
    for piece in _readable_pieces(reader, manifest, level):
        try:
            if isinstance(piece, LostExtent):
                raise piece.damage
            entries = list(entries_of_piece(piece, path_sort_key(last_path) if last_path else b""))
        except DamageError as damage:
            if level == 0:
                raise
            lost = lost or damage
            continue
        for entry in entries:
            if lost is not None:
                on_lost(LostEntries(last_path, entry.path, lost))
                lost = None
            last_path = entry.path
            yield entry
    if lost is not None:
        on_lost(LostEntries(last_path, None, lost))


def manifest_pieces(reader: PieceReader, manifest: ChunkId, level: int) -> Iterator[memoryview]:
    """Yield the level-0 pieces of a manifest in order.

    Raises:
        ChunkUnreadable, FormatError, UnsupportedFormat: a piece is missing or wrong.
    """
    for piece in _readable_pieces(reader, manifest, level):
        if isinstance(piece, LostExtent):
            raise piece.damage
        yield piece


def manifest_piece_ids(reader: PieceReader, manifest: ChunkId, level: int) -> Iterator[ChunkId]:
    """Yield the ids of the level-0 pieces of a manifest in order; these are not read.

    Raises:
        ChunkUnreadable, FormatError, UnsupportedFormat: a piece above them is missing or wrong.
    """
    if level == 0:
        yield manifest
        return
    below = tuple(decode_extents(piece_body(reader.read(manifest), level)))
    for extent in content_extents(reader, Content(level - 1, below)):
        yield extent.id


def entries_of_piece(piece: memoryview, last_key: bytes) -> Iterator[Entry]:
    """Yield the entries of a level-0 piece, the first of which must be greater than ``last_key``.

    Raises:
        FormatError, UnsupportedFormat: the piece is wrong or newer.
    """
    for data in split_entries(piece_body(piece, 0)):
        entry = decode_entry(data)
        key = path_sort_key(entry.path)
        if key <= last_key:
            raise FormatError(f"a manifest is out of order at {entry.path[:200]!r}")
        last_key = key
        yield entry


def _readable_pieces(
    reader: PieceReader, manifest: ChunkId, level: int
) -> Iterator[memoryview | LostExtent]:
    top = reader.read(manifest)
    if level == 0:
        yield top
        return
    extents = decode_extents(piece_body(top, level))
    check_level_extents(level - 1, extents)
    for extent in _descend(reader, extents, level - 1):
        if isinstance(extent, LostExtent):
            yield extent
            continue
        try:
            piece: memoryview | LostExtent = piece_of_entries(reader, extent)
        except DamageError as damage:
            piece = LostExtent(extent.extent_bytes, damage)
        yield piece


def piece_of_entries(reader: PieceReader, extent: Extent) -> memoryview:
    """Return the level-0 piece that an extent of a manifest refers to.

    Raises:
        ChunkUnreadable, FormatError: it is missing, or of another length.
    """
    if extent.id == HOLE_ID:
        raise FormatError("a hole stands where a piece should be")
    piece = reader.read(extent.id)
    if len(piece) != extent.extent_bytes:
        raise FormatError("a piece of a manifest has another length than its list says")
    return piece


def _descend(
    reader: PieceReader, extents: tuple[Extent, ...] | list[Extent], level: int
) -> Iterator[Extent | LostExtent]:
    if level == 0:
        yield from extents
        return
    for extent in extents:
        try:
            below = list_below(reader, extent, level)
        except DamageError as damage:
            yield LostExtent(extent.extent_bytes, damage)
            continue
        yield from _descend(reader, below, level - 1)


def list_below(reader: PieceReader, extent: Extent, level: int) -> list[Extent]:
    """Return what the piece of ``level`` that an extent refers to lists; ``level`` is at least 1.

    Raises:
        ChunkUnreadable, FormatError, UnsupportedFormat: the piece is missing or wrong.
    """
    below = decode_extents(piece_body(reader.read(extent.id), level))
    if sum(part.extent_bytes for part in below) != extent.extent_bytes:
        raise FormatError("a piece of a chunk list covers another length than its list says")
    check_level_extents(level - 1, below)
    return below
