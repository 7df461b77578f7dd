"""A decoded block of which every chunk has been held against its id."""

from __future__ import annotations

from typing import NamedTuple

from dedupstore.errors import ChunkUnreadable
from dedupstore.format.block import Block
from dedupstore.format.hashing import digest
from dedupstore.ids import ChunkId


class VerifiedBlock(NamedTuple):
    """The chunks of a block by id, without those whose bytes are not their own (``damaged``).

    ``damage`` says what is wrong with a block of which ``chunks`` are all that could be salvaged.
    """

    chunks: dict[ChunkId, memoryview]
    damaged: tuple[ChunkId, ...]
    damage: str = ""

    def chunk(self, id_: ChunkId) -> memoryview:
        """Return the bytes of a chunk.

        Raises:
            ChunkUnreadable: the block does not hold it, holds other bytes under its id, or is
                damaged, and this could not be salvaged.
        """
        found = self.chunks.get(id_)
        if found is None:
            if self.damage:
                raise ChunkUnreadable(f"chunk {id_.hex()[:16]} cannot be read: {self.damage}")
            raise ChunkUnreadable(f"chunk {id_.hex()[:16]} is not where it should be")
        return found


def verify_block(block: Block) -> VerifiedBlock:
    """Decode a block and hash each of its chunks.

    Raises:
        FormatError, UnsupportedFormat: the payload does not decode.
    """
    original = memoryview(block.original())
    chunks: dict[ChunkId, memoryview] = {}
    damaged: list[ChunkId] = []
    begin = 0
    for id_, chunk_bytes in block.chunks:
        view = original[begin : begin + chunk_bytes]
        begin += chunk_bytes
        if digest(view) == id_:
            chunks[id_] = view
        else:
            damaged.append(id_)
    return VerifiedBlock(chunks, tuple(damaged))
