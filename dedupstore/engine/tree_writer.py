"""Writing chunk lists and manifests as trees of pieces.

Pieces are cut where the content says so, between extents or entries: after an extent whose id, or
an entry whose path's checksum, has certain bits zero, and between a log and its older parts, which
do not change while it grows. So a list that grew at its end shares all pieces but the last with its
older self, and each piece can be read by itself.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable

from dedupstore.format.entry import Content, EncodedEntry, Entry, path_sort_key
from dedupstore.format.pieces import Extent, encode_extents, encode_piece
from dedupstore.ids import ChunkId
from dedupstore.limits import INLINE_EXTENTS_MAX

StorePiece = Callable[[bytes], ChunkId]

_EXTENTS_MIN = 64
_EXTENTS_MAX = 1024
_EXTENT_CUT_MASK = 0x7F
_ENTRIES_BYTES_MIN = 2 * 1024
_ENTRIES_BYTES_MAX = 64 * 1024
_ENTRY_CUT_MASK = 0x0F


class ExtentTreeWriter:
    """Turns a list of extents into a ``Content``; equal lists give equal contents.

    ``store_piece`` stores a piece as a chunk and returns its id.
    """

    def __init__(self, store_piece: StorePiece) -> None:
        self._store_piece = store_piece
        self._levels: list[list[Extent]] = [[]]

    def add(self, extent: Extent) -> None:
        """Append an extent to the list."""
        self._extend((extent,), 0)

    def extend(self, extents: Iterable[Extent]) -> None:
        """Append extents to the list."""
        self._extend(extents, 0)

    def finish(self) -> Content:
        """Return the whole list as the content of an entry, and begin anew."""
        level = 0
        while len(self._levels) > level + 1 or len(self._levels[level]) > INLINE_EXTENTS_MAX:
            if self._levels[level]:
                self._cut(level)
            level += 1
        content = Content(level, tuple(self._levels[level]))
        self._levels = [[]]
        return content

    def _extend(self, extents: Iterable[Extent], level: int) -> None:
        pending = self._levels[level]
        for extent in extents:
            pending.append(extent)
            count = len(pending)
            if count >= _EXTENTS_MIN and (
                not extent.id[0] & _EXTENT_CUT_MASK or count >= _EXTENTS_MAX
            ):
                self._cut(level)
                pending = self._levels[level]

    def _cut(self, level: int) -> None:
        pending = self._levels[level]
        self._levels[level] = []
        if len(self._levels) == level + 1:
            self._levels.append([])
        piece = encode_piece(level + 1, encode_extents(pending))
        total_bytes = sum(extent.extent_bytes for extent in pending)
        self._extend((Extent(total_bytes, self._store_piece(piece)),), level + 1)


class ManifestWriter:
    """Writes the entries of a snapshot, which must come in path order."""

    def __init__(self, store_piece: StorePiece) -> None:
        self._store_piece = store_piece
        self._tree = ExtentTreeWriter(store_piece)
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._last_key = b""
        self._among_older_parts = False

    def add(self, entry: Entry) -> None:
        """Append an entry.

        Raises:
            ValueError: the path may not stand in a manifest, or does not follow the last one.
        """
        self.add_encoded(*EncodedEntry.of(entry))

    def add_encoded(self, path: bytes, data: bytes, is_older_part: bool = False) -> None:
        """Append an entry that is encoded already; see ``EncodedEntry``.

        Raises:
            ValueError: the path does not follow the last one.
        """
        if is_older_part != self._among_older_parts:
            self._cut()
            self._among_older_parts = is_older_part
        key = path_sort_key(path)
        if key <= self._last_key:
            raise ValueError(f"entries out of order at {path[:200]!r}")
        self._last_key = key
        if self._pending_bytes + len(data) > _ENTRIES_BYTES_MAX:
            self._cut()
        self._pending.append(data)
        self._pending_bytes += len(data)
        if self._pending_bytes >= _ENTRIES_BYTES_MIN and not zlib.crc32(path) & _ENTRY_CUT_MASK:
            self._cut()

    def finish(self) -> tuple[ChunkId, int]:
        """Store what is left and return the id and the level of the manifest's top piece.

        Raises:
            ValueError: there are no entries.
        """
        self._cut()
        content = self._tree.finish()
        if not content.extents:
            raise ValueError("a manifest needs at least one entry")
        if len(content.extents) == 1:
            return content.extents[0].id, content.level
        piece = encode_piece(content.level + 1, encode_extents(content.extents))
        return self._store_piece(piece), content.level + 1

    def _cut(self) -> None:
        if self._pending:
            piece = encode_piece(0, b"".join(self._pending))
            self._tree.add(Extent(len(piece), self._store_piece(piece)))
            self._pending, self._pending_bytes = [], 0
