"""Collecting small chunks, so that many are looked up and stored at once."""

from __future__ import annotations

from collections.abc import Sequence

from dedupstore.chunking.chunks import Chunks
from dedupstore.engine.buffers import fresh_buffer
from dedupstore.ids import ChunkId
from dedupstore.limits import KIB

_BYTES_MAX = 256 * KIB
_CHUNKS_MAX = 256
_SMALL_BYTES = 4 * KIB


class SmallChunks:
    """Copies of the chunks of some small logs, in the order in which they came."""

    def __init__(self) -> None:
        self._buffer = fresh_buffer(_BYTES_MAX)
        self._ids: list[ChunkId] = []
        self._ends: list[int] = [0]

    def take(self, ids: Sequence[ChunkId], chunks: Chunks) -> bool:
        """Take a copy of the one chunk there is; ``False`` where it is long, or one of several."""
        if len(ids) != 1:
            return False
        data = chunks.data[chunks.begin : chunks.ends[0]]
        begin = self._ends[-1]
        end = begin + len(data)
        if len(data) > _SMALL_BYTES or end > _BYTES_MAX or len(self._ids) == _CHUNKS_MAX:
            return False
        self._buffer[begin:end] = data
        self._ids.append(ids[0])
        self._ends.append(end)
        return True

    def empty(self) -> tuple[list[ChunkId], Chunks]:
        """Return the ids and the chunks that were taken, until the next is; hold none any more."""
        collected = self._ids, Chunks(self._buffer, 0, self._ends[1:])
        self._ids, self._ends = [], [0]
        return collected
