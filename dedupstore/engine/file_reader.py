"""Reading the content of a file back: its chunks in order, and its holes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.tree_reader import content_extents
from dedupstore.errors import FormatError
from dedupstore.format.entry import Content
from dedupstore.format.pieces import HOLE_ID

_WINDOW_EXTENTS = 2048


class FilePart(NamedTuple):
    """A run of a file: its length, and its bytes, or ``None`` for a hole."""

    part_bytes: int
    data: memoryview | None


def read_file_parts(reader: ChunkReader, content: Content) -> Iterator[FilePart]:
    """Yield the parts of a file in order; every chunk has been held against its id.

    Raises:
        ChunkUnreadable, FormatError, UnsupportedFormat, StorageError: see ``ChunkReader.read``.
    """
    extents = content_extents(reader, content)
    while window := list(islice(extents, _WINDOW_EXTENTS)):
        chunks = reader.stream([extent.id for extent in window if extent.id != HOLE_ID])
        for extent in window:
            if extent.id == HOLE_ID:
                yield FilePart(extent.extent_bytes, None)
                continue
            chunk = next(chunks)
            if len(chunk) != extent.extent_bytes:
                raise FormatError("a chunk has another length than its list says")
            yield FilePart(len(chunk), chunk)


def read_range(reader: ChunkReader, content: Content, begin: int, end: int) -> Iterator[memoryview]:
    """Yield the bytes of a file from offset ``begin`` up to ``end``; holes as zeros.

    Only the chunks that overlap the range are read.

    Raises:
        ChunkUnreadable, FormatError, UnsupportedFormat, StorageError: see ``ChunkReader.read``.
    """
    position = 0
    for extent in content_extents(reader, content):
        extent_end = position + extent.extent_bytes
        if position >= end:
            return
        if extent_end > begin:
            cut_begin, cut_end = max(begin, position), min(end, extent_end)
            if extent.id == HOLE_ID:
                yield from zeros(cut_end - cut_begin)
            else:
                chunk = reader.read(extent.id)
                yield chunk[cut_begin - position : cut_end - position]
        position = extent_end


_ZEROS = memoryview(bytes(1024 * 1024))


def zeros(length: int) -> Iterator[memoryview]:
    """Yield ``length`` zero bytes in pieces of bounded size."""
    while length:
        step = min(length, len(_ZEROS))
        yield _ZEROS[:step]
        length -= step
