"""Decoded blocks whose chunks are held against their ids: all at once, or when they are wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dedupstore.errors import ChunkUnreadable
from dedupstore.format.block import Block
from dedupstore.format.hashing import digest
from dedupstore.ids import ChunkId


class VerifiedBlock(NamedTuple):
    """The chunks of a block by id, without those whose bytes are not their own (``damaged``)."""

    chunks: dict[ChunkId, memoryview]
    damaged: tuple[ChunkId, ...]

    def chunk(self, id_: ChunkId) -> memoryview:
        """Return the bytes of a chunk.

        Raises:
            ChunkUnreadable: the block does not hold it, or holds other bytes under its id.
        """
        found = self.chunks.get(id_)
        if found is None:
            raise _not_there(id_)
        return found


class DecodedBlock:
    """The chunks of a block by id; each is held against it when it is first asked for.

    ``damage`` says what is wrong with a block of which ``chunks`` are all that could be salvaged.
    """

    def __init__(self, chunks: dict[ChunkId, memoryview], damage: str = "") -> None:
        self._unproved = chunks
        self._sound: dict[ChunkId, memoryview] = {}
        self.damage = damage

    def prove(self, ids: Iterable[ChunkId]) -> None:
        """Hold chunks against their ids that are going to be asked for."""
        for id_ in ids:
            self._proved(id_)

    def chunk(self, id_: ChunkId) -> memoryview:
        """Return the bytes of a chunk.

        Raises:
            ChunkUnreadable: the block does not hold it, holds other bytes under its id, or is
                damaged, and this could not be salvaged.
        """
        found = self._sound.get(id_)
        if found is None:
            found = self._proved(id_)
        if found is None:
            if self.damage:
                raise ChunkUnreadable(f"chunk {id_.hex()[:16]} cannot be read: {self.damage}")
            raise _not_there(id_)
        return found

    def _proved(self, id_: ChunkId) -> memoryview | None:
        chunk = self._unproved.pop(id_, None)
        if chunk is None or digest(chunk) != id_:
            return None
        self._sound[id_] = chunk
        return chunk


def decoded_block(block: Block) -> DecodedBlock:
    """Decode a block.

    Raises:
        FormatError, UnsupportedFormat: the payload does not decode.
    """
    return DecodedBlock(dict(_chunks_of(block)))


def verify_block(block: Block) -> VerifiedBlock:
    """Decode a block and hash each of its chunks.

    Raises:
        FormatError, UnsupportedFormat: the payload does not decode.
    """
    chunks: dict[ChunkId, memoryview] = {}
    damaged: list[ChunkId] = []
    for id_, view in _chunks_of(block):
        if digest(view) == id_:
            chunks[id_] = view
        else:
            damaged.append(id_)
    return VerifiedBlock(chunks, tuple(damaged))


def _chunks_of(block: Block) -> Iterator[tuple[ChunkId, memoryview]]:
    original = memoryview(block.original())
    begin = 0
    for id_, chunk_bytes in block.chunks:
        yield id_, original[begin : begin + chunk_bytes]
        begin += chunk_bytes


def _not_there(id_: ChunkId) -> ChunkUnreadable:
    return ChunkUnreadable(f"chunk {id_.hex()[:16]} is not where it should be")
