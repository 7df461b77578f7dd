"""Finding entries of a manifest by path, without reading all of it.

Entries are in path order, so the piece that a path is in is found by halving: each step reads the
first entry below a piece. Of a million entries that takes some thirty pieces.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from dedupstore.engine.tree_reader import (
    PieceReader,
    entries_of_piece,
    list_below,
    piece_of_entries,
)
from dedupstore.format.entry import Entry, check_level_extents, path_sort_key
from dedupstore.format.pieces import Extent, decode_extents, piece_body
from dedupstore.ids import ChunkId


class ManifestSearch:
    """Reads parts of a manifest; ``level`` is that of its top piece.

    What it does not have to read is not looked at, be it damaged or out of order.
    """

    def __init__(self, reader: PieceReader, manifest: ChunkId, level: int) -> None:
        self._reader = reader
        self._manifest = manifest
        self._level = level
        self._first_keys: dict[tuple[int, ChunkId], bytes] = {}

    def entries_from(self, key: bytes) -> Iterator[Entry]:
        """Yield the entries whose ``path_sort_key`` is ``key`` or greater, in order.

        Raises:
            ChunkUnreadable, FormatError, UnsupportedFormat: a piece on the way is missing or wrong.
        """
        top = self._reader.read(self._manifest)
        if self._level == 0:
            yield from _at_or_after(key, entries_of_piece(top, b""))
            return
        extents = decode_extents(piece_body(top, self._level))
        check_level_extents(self._level - 1, extents)
        yield from self._entries_below(extents, self._level - 1, key)

    def _entries_below(self, extents: Sequence[Extent], level: int, key: bytes) -> Iterator[Entry]:
        """Yield what is below pieces of ``level``, which follow one another."""
        begin = 0
        if key:
            after = bisect_right(extents, key, key=lambda extent: self._first_key(extent, level))
            begin = max(0, after - 1)
        for extent in extents[begin:]:
            if level:
                below = list_below(self._reader, extent, level)
                yield from self._entries_below(below, level - 1, key)
            else:
                piece = piece_of_entries(self._reader, extent)
                yield from _at_or_after(key, entries_of_piece(piece, b""))
            key = b""

    def _first_key(self, extent: Extent, level: int) -> bytes:
        """Return the sort key of the first path below a piece of ``level``."""
        known = self._first_keys.get((level, extent.id))
        if known is not None:
            return known
        if level:
            key = self._first_key(list_below(self._reader, extent, level)[0], level - 1)
        else:
            piece = piece_of_entries(self._reader, extent)
            key = path_sort_key(next(entries_of_piece(piece, b"")).path)
        self._first_keys[level, extent.id] = key
        return key


def _at_or_after(key: bytes, entries: Iterator[Entry]) -> Iterator[Entry]:
    return (entry for entry in entries if path_sort_key(entry.path) >= key)
