"""Reading a file into chunks: only its data, only as far as it reached when it was opened."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass

from dedupstore.chunking.chunker import Chunker, ReadInto
from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.monitor import Monitor
from dedupstore.engine.tree_writer import ExtentTreeWriter
from dedupstore.format.entry import Content
from dedupstore.format.pieces import HOLE_ID, Extent
from dedupstore.limits import MIB
from dedupstore.operations.snapshot.growth import GrowthProof

READ_BUFFER_BYTES = 4 * MIB
_SECTOR_BYTES = 512


@dataclass(frozen=True, slots=True)
class ReadFile:
    """What reading a file gave: its chunk list, and how much was read from disk."""

    content: Content
    bytes_read: int


class ContentReader:
    """Reads files through one buffer and stores their chunks."""

    def __init__(self, chunker: Chunker, writer: ChunkWriter, monitor: Monitor) -> None:
        self._chunker = chunker
        self._writer = writer
        self._monitor = monitor
        self._buffer = bytearray(max(READ_BUFFER_BYTES, 2 * chunker.parameters.max_bytes))

    def read_file(
        self, descriptor: int, status: os.stat_result, growth: GrowthProof | None = None
    ) -> ReadFile:
        """Read the first ``status.st_size`` bytes of an open file, or up to its end if it shrank.

        Holes are not read. ``growth`` is shown each extent as it is found.

        Raises:
            OSError: the file cannot be read.
            DamageError, NoSpace, StorageError: its chunks could not be stored.
        """
        tree = ExtentTreeWriter(self._writer.add_piece)
        bytes_read = 0
        for begin, end, is_data in _ranges(descriptor, status):
            if not is_data:
                _add_extent(tree, growth, Extent(end - begin, HOLE_ID))
                self._monitor.advance(end - begin)
                continue
            reached = begin
            for extent in self._store_range(descriptor, begin, end):
                _add_extent(tree, growth, extent)
                reached += extent.extent_bytes
            bytes_read += reached - begin
            if reached < end:
                break
        return ReadFile(tree.finish(), bytes_read)

    def read_stream(self, descriptor: int) -> ReadFile:
        """Read a pipe, or whatever else has no size, to its end.

        Raises:
            OSError: it cannot be read.
            DamageError, NoSpace, StorageError: its chunks could not be stored.
        """
        tree = ExtentTreeWriter(self._writer.add_piece)
        bytes_read = 0
        for extent in self._store(lambda view: os.readv(descriptor, [view])):
            tree.add(extent)
            bytes_read += extent.extent_bytes
        return ReadFile(tree.finish(), bytes_read)

    def _store_range(self, descriptor: int, begin: int, end: int) -> Iterator[Extent]:
        position = begin

        def read_into(view: memoryview) -> int:
            nonlocal position
            wanted = min(len(view), end - position)
            if not wanted:
                return 0
            got = os.preadv(descriptor, [view[:wanted]], position)
            position += got
            return got

        return self._store(read_into)

    def _store(self, read_into: ReadInto) -> Iterator[Extent]:
        for chunks in self._chunker.batches(read_into, self._buffer):
            ids = self._writer.add_data(chunks)
            lengths = [len(chunk) for chunk in chunks]
            yield from map(Extent, lengths, ids)
            self._monitor.advance(sum(lengths))


def _add_extent(tree: ExtentTreeWriter, growth: GrowthProof | None, extent: Extent) -> None:
    tree.add(extent)
    if growth is not None:
        growth.observe(extent)


def _ranges(descriptor: int, status: os.stat_result) -> Iterator[tuple[int, int, bool]]:
    """Yield the ranges of a file up to its size: begin, end, and whether there is data."""
    size = status.st_size
    if status.st_blocks * _SECTOR_BYTES >= size:
        if size:
            yield 0, size, True
        return
    position = 0
    while position < size:
        data_begin = _seek(descriptor, position, os.SEEK_DATA)
        if data_begin is None:
            # Behind the last data: a hole up to where the file ends now.
            end = min(size, os.fstat(descriptor).st_size)
            if end > position:
                yield position, end, False
            return
        data_begin = min(data_begin, size)
        if data_begin > position:
            yield position, data_begin, False
        hole_begin = _seek(descriptor, data_begin, os.SEEK_HOLE) if data_begin < size else size
        end = min(size, size if hole_begin is None else hole_begin)
        if end > data_begin:
            yield data_begin, end, True
        position = max(end, data_begin)


def _seek(descriptor: int, position: int, whence: int) -> int | None:
    """Seek to data or a hole; ``None`` where there is none behind ``position``."""
    try:
        return os.lseek(descriptor, position, whence)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):
            # A file system that does not tell holes: all of it is data.
            return position if whence == os.SEEK_DATA else None
        raise
