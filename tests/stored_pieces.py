"""Pieces kept in memory, as trees are written to and read from."""

from __future__ import annotations

from dedupstore.errors import ChunkUnreadable
from dedupstore.format.hashing import digest
from dedupstore.ids import ChunkId


class StoredPieces:
    """A store of pieces by their ids; ``stored`` holds all that were ever put into it."""

    def __init__(self, *pieces: bytes) -> None:
        self.stored: dict[ChunkId, bytes] = {}
        for piece in pieces:
            self.store(piece)

    def store(self, piece: bytes) -> ChunkId:
        """Keep a piece and return its id."""
        id_ = digest(piece)
        self.stored[id_] = piece
        return id_

    def read(self, id_: ChunkId) -> memoryview:
        """Return a piece.

        Raises:
            ChunkUnreadable: there is none.
        """
        if id_ not in self.stored:
            raise ChunkUnreadable(f"no chunk {id_.hex()}")
        return memoryview(self.stored[id_])
