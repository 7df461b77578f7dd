"""The manifest of a generated host: of each snapshot only what changed is written.

A manifest may be cut into pieces anywhere. Here it is cut where groups of paths end that are fixed
from the start, so that a million entries need not be gone through for each snapshot.
"""

from __future__ import annotations

from collections.abc import Sequence

from dedupstore.format.entry import path_sort_key
from dedupstore.format.pieces import Extent, encode_extents, encode_piece
from dedupstore.ids import ChunkId

from generated_packs import GeneratedPieces

_GROUPS_PER_SHELF = 128


class GroupedManifest:
    """Entries by group; a group is a piece, a shelf of groups the piece above them."""

    def __init__(self, pieces: GeneratedPieces, groups: Sequence[bytes]) -> None:
        """``groups`` are their names: no path of a group sorts before one of an earlier group."""
        self._pieces = pieces
        self._places = {name: place for place, name in enumerate(groups)}
        self._entries: list[dict[bytes, bytes]] = [{} for _ in groups]
        self._extents: list[Extent | None] = [None] * len(groups)
        shelves = -(-len(groups) // _GROUPS_PER_SHELF)
        self._shelves: list[Extent | None] = [None] * shelves
        self._changed: set[int] = set()

    def put(self, group: bytes, path: bytes, encoded: bytes) -> None:
        """Set the entry of a path."""
        place = self._places[group]
        self._entries[place][path] = encoded
        self._changed.add(place)

    def remove(self, group: bytes, path: bytes) -> None:
        """Remove the entry of a path, if there is one."""
        place = self._places[group]
        self._entries[place].pop(path, None)
        self._changed.add(place)

    def write(self) -> tuple[ChunkId, int]:
        """Store the pieces that have changed and return the top piece's id and level."""
        for place in self._changed:
            self._extents[place] = self._store_group(self._entries[place])
        for shelf in {place // _GROUPS_PER_SHELF for place in self._changed}:
            begin = shelf * _GROUPS_PER_SHELF
            self._shelves[shelf] = self._store_list(
                self._extents[begin : begin + _GROUPS_PER_SHELF], 1
            )
        self._changed.clear()
        top = self._store_list(self._shelves, 2)
        if top is None:
            raise ValueError("a manifest needs at least one entry")
        return top.id, 2

    def _store_group(self, entries: dict[bytes, bytes]) -> Extent | None:
        if not entries:
            return None
        piece = encode_piece(
            0, b"".join(entries[path] for path in sorted(entries, key=path_sort_key))
        )
        return Extent(len(piece), self._pieces.add(piece))

    def _store_list(self, extents: Sequence[Extent | None], level: int) -> Extent | None:
        there = [extent for extent in extents if extent is not None]
        if not there:
            return None
        piece = encode_piece(level, encode_extents(there))
        return Extent(sum(extent.extent_bytes for extent in there), self._pieces.add(piece))
