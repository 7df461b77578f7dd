"""Comparing stored files by their bytes, of which as few as possible are read.

Equal bytes may be cut into other chunks: where a log grew from snapshot to snapshot, each end that
it had may be the end of a chunk.
"""

from __future__ import annotations

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.tree_reader import content_extents
from dedupstore.errors import FormatError
from dedupstore.format.entry import Content
from dedupstore.format.pieces import HOLE_ID, Extent

_NOTHING = Extent(0, HOLE_ID)


def begins_with(reader: ChunkReader, longer: Content, shorter: Content) -> bool:
    """Tell whether ``longer`` begins with all of ``shorter`` and goes on behind it.

    Raises:
        ChunkUnreadable, FormatError, UnsupportedFormat, StorageError: the files cannot be read.
    """
    shorter_bytes = shorter.content_bytes
    return longer.content_bytes > shorter_bytes and _begin_alike(
        reader, longer, shorter, shorter_bytes
    )


def have_same_bytes(reader: ChunkReader, first: Content, second: Content) -> bool:
    """Tell whether two files are equal.

    Raises:
        ChunkUnreadable, FormatError, UnsupportedFormat, StorageError: the files cannot be read.
    """
    if first == second:
        return True
    content_bytes = first.content_bytes
    return content_bytes == second.content_bytes and _begin_alike(
        reader, first, second, content_bytes
    )


def _begin_alike(reader: ChunkReader, first: Content, second: Content, length: int) -> bool:
    """Tell whether the first ``length`` bytes of two files are equal.

    Where chunks lie side by side, ids are compared; only where they do not are they read, up to the
    first byte that differs.
    """
    ours, theirs = _Walk(reader, first), _Walk(reader, second)
    while length:
        step = min(ours.left_bytes(), theirs.left_bytes(), length)
        if not step:
            return False
        if not ours.stands_like(theirs) and ours.peek(step) != theirs.peek(step):
            return False
        ours.skip(step)
        theirs.skip(step)
        length -= step
    return True


class _Walk:
    """A place in a file that moves on, with the extent that it is in."""

    def __init__(self, reader: ChunkReader, content: Content) -> None:
        self._reader = reader
        self._extents = content_extents(reader, content)
        self._extent = _NOTHING
        self._position = 0
        self._chunk: memoryview | None = None

    def left_bytes(self) -> int:
        """Return how much of an extent lies ahead; 0 at the end of the file."""
        if self._position == self._extent.extent_bytes:
            self._extent = next(self._extents, _NOTHING)
            self._position, self._chunk = 0, None
        return self._extent.extent_bytes - self._position

    def stands_like(self, other: _Walk) -> bool:
        """Tell whether both are in holes, or at the same place of the same chunk."""
        if self._extent.id == HOLE_ID:
            return other._extent.id == HOLE_ID
        return self._extent == other._extent and self._position == other._position

    def peek(self, length: int) -> memoryview:
        """Return the next bytes of the extent."""
        if self._extent.id == HOLE_ID:
            return memoryview(bytes(length))
        if self._chunk is None:
            self._chunk = self._reader.read(self._extent.id)
            if len(self._chunk) != self._extent.extent_bytes:
                raise FormatError("a chunk has another length than its list says")
        return self._chunk[self._position : self._position + length]

    def skip(self, length: int) -> None:
        """Move on within the extent."""
        self._position += length
