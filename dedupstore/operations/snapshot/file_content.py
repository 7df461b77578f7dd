"""Reading a file into chunks: only its data, only as far as it reached when it was opened."""

from __future__ import annotations

import errno
import os
from collections.abc import Generator, Iterable, Iterator
from typing import NamedTuple

from dedupstore.chunking.chunker import Chunker, ReadInto, fill
from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.monitor import Monitor
from dedupstore.engine.tree_writer import ExtentTreeWriter
from dedupstore.format.content import Content
from dedupstore.format.pieces import HOLE_ID, Extent
from dedupstore.limits import MIB
from dedupstore.operations.snapshot.continuation import Continuation
from dedupstore.operations.snapshot.followed_list import FollowedList

READ_BUFFER_BYTES = 4 * MIB
_SECTOR_BYTES = 512


class ReadFile(NamedTuple):
    """What reading a file gave: its chunk list, and how much was read from disk."""

    content: Content
    bytes_read: int


class ContentReader:
    """Reads files through one buffer and stores their chunks."""

    def __init__(self, chunker: Chunker, writer: ChunkWriter, monitor: Monitor) -> None:
        self._chunker = chunker
        self._writer = writer
        self.monitor = monitor
        self._buffer = bytearray(max(READ_BUFFER_BYTES, 2 * chunker.parameters.max_bytes))

    def read_file(
        self, descriptor: int, status: os.stat_result, followed: FollowedList | None = None
    ) -> ReadFile:
        """Read the first ``status.st_size`` bytes of an open file, or up to its end if it shrank.

        Holes are not read. The list ``followed`` says where to cut as far as the file fits it.

        Raises:
            OSError: the file cannot be read.
            DamageError, NoSpace, StorageError: its chunks could not be stored.
        """
        nothing = Continuation(ExtentTreeWriter(self._writer.add_piece), b"", 0)
        return self._read_behind(descriptor, status, nothing, followed)

    def continue_file(
        self, descriptor: int, status: os.stat_result, known: Continuation
    ) -> ReadFile:
        """Read what follows ``known`` in an open file, up to ``status.st_size``.

        The content is that of the whole file; see ``read_file`` for all else.

        Raises:
            OSError: the file cannot be read.
            DamageError, NoSpace, StorageError: its chunks could not be stored.
        """
        return self._read_behind(descriptor, status, known, None)

    def _read_behind(
        self,
        descriptor: int,
        status: os.stat_result,
        known: Continuation,
        followed: FollowedList | None,
    ) -> ReadFile:
        tree, lead = known.tree, known.lead
        bytes_read = 0
        for begin, end, is_data in _ranges(descriptor, status, known.begin):
            data_end = end if is_data else begin
            reached = begin - len(lead)
            for extent in self._store_range(descriptor, begin, data_end, lead, followed):
                tree.add(extent)
                reached += extent.extent_bytes
            lead = b""
            bytes_read += reached - begin
            if reached < data_end:
                break
            if not is_data:
                tree.add(Extent(end - begin, HOLE_ID))
                if followed is not None:
                    followed.pass_hole(end - begin)
                self.monitor.advance(end - begin)
        if lead:
            # Nothing follows any more: the file has shrunk to what is known, or below.
            for extent in self._store_range(descriptor, known.begin, known.begin, lead):
                tree.add(extent)
        return ReadFile(tree.finish(), bytes_read)

    def read_stream(self, descriptor: int) -> ReadFile:
        """Read a pipe, or whatever else has no size, to its end.

        Raises:
            OSError: it cannot be read.
            DamageError, NoSpace, StorageError: its chunks could not be stored.
        """

        def read_into(view: memoryview) -> int:
            got = os.readv(descriptor, [view])
            self.monitor.advance(got)
            return got

        tree = ExtentTreeWriter(self._writer.add_piece)
        bytes_read = 0
        for extent in self._store(read_into):
            tree.add(extent)
            bytes_read += extent.extent_bytes
        return ReadFile(tree.finish(), bytes_read)

    def read_parts(
        self,
        parts: Iterable[bytes | memoryview],
        tree: ExtentTreeWriter | None = None,
        followed: FollowedList | None = None,
    ) -> Content:
        """Store bytes that come in parts and return their chunk list, behind what ``tree`` holds.

        For ``followed`` see ``read_file``.

        Raises:
            DamageError, NoSpace, StorageError: the chunks could not be stored.
        """
        remaining = iter(parts)
        part = memoryview(b"")

        def read_into(view: memoryview) -> int:
            nonlocal part
            while not part:
                following = next(remaining, None)
                if following is None:
                    return 0
                part = memoryview(following)
            got = min(len(view), len(part))
            view[:got] = part[:got]
            part = part[got:]
            return got

        tree = tree or ExtentTreeWriter(self._writer.add_piece)
        for extent in self._store(read_into, followed):
            tree.add(extent)
        return tree.finish()

    def _store_range(
        self,
        descriptor: int,
        begin: int,
        end: int,
        lead: bytes,
        followed: FollowedList | None = None,
    ) -> Iterator[Extent]:
        """Store ``lead`` and a range of a file as one stream."""
        position = begin - len(lead)

        def read_into(view: memoryview) -> int:
            nonlocal position
            if position < begin:
                got = min(len(view), begin - position)
                view[:got] = lead[position - begin :][:got]
                position += got
                return got
            wanted = min(len(view), end - position)
            if not wanted:
                return 0
            got = os.preadv(descriptor, [view[:wanted]], position)
            position += got
            self.monitor.advance(got)
            return got

        return self._store(read_into, followed)

    def _store(self, read_into: ReadInto, followed: FollowedList | None = None) -> Iterator[Extent]:
        left_bytes = 0
        if followed is not None and not followed.is_left:
            left_bytes = yield from self._follow(read_into, followed)
        for chunks in self._chunker.batches(read_into, self._buffer, left_bytes):
            ids = self._writer.add_data(chunks)
            lengths = [len(chunk) for chunk in chunks]
            yield from map(Extent, lengths, ids)

    def _follow(self, read_into: ReadInto, followed: FollowedList) -> Generator[Extent, None, int]:
        """Store what fits a list, and return how many bytes of the rest the buffer holds."""
        view = memoryview(self._buffer)
        filled, ends = 0, False
        while not followed.is_left and not ends:
            filled, ends = fill(read_into, view, filled)
            extents = followed.match(view[:filled], ends=ends)
            if extents:
                done = self._store_matched(view, extents)
                yield from extents
                view[: filled - done] = view[done:filled]
                filled -= done
            if filled == len(view):
                # A chunk as long as the buffer, which no chunker of this repository has cut.
                followed.leave()
        return filled

    def _store_matched(self, view: memoryview, extents: list[Extent]) -> int:
        """Store those chunks at the beginning of a view that were lost; return their length."""
        chunks = []
        begin = 0
        for extent in extents:
            chunks.append(view[begin : begin + extent.extent_bytes])
            begin += extent.extent_bytes
        self._writer.add_hashed([extent.id for extent in extents], chunks)
        return begin


def _ranges(
    descriptor: int, status: os.stat_result, position: int
) -> Iterator[tuple[int, int, bool]]:
    """Yield the ranges of a file from ``position`` on: begin, end, and whether there is data."""
    size = status.st_size
    if status.st_blocks * _SECTOR_BYTES >= size:
        if size > position:
            yield position, size, True
        return
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
