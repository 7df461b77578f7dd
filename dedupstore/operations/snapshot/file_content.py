"""Reading a file into chunks: only its data, only as far as it reached when it was opened."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import NamedTuple

from dedupstore.chunking.chunker import Chunker
from dedupstore.chunking.chunks import Chunks
from dedupstore.chunking.window import BufferedWindow, HeldWindow, Window
from dedupstore.engine.buffers import fresh_buffer
from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.closing import Closing
from dedupstore.engine.monitor import Monitor
from dedupstore.engine.tree_writer import ExtentTreeWriter
from dedupstore.format.content import Content
from dedupstore.format.pieces import HOLE_ID, Extent
from dedupstore.limits import MIB
from dedupstore.operations.snapshot.continuation import Continuation
from dedupstore.operations.snapshot.followed_list import FollowedList
from dedupstore.operations.snapshot.read_ahead import ReadAhead, read_fully

_SEGMENT_BYTES = 4 * MIB
"""How much is read at once; what is longer is read ahead by a thread."""

_BUFFERS = 2
_SECTOR_BYTES = 512


class ReadFile(NamedTuple):
    """What reading a file gave: its chunk list, and how much was read from disk."""

    content: Content
    bytes_read: int


class ContentReader(Closing):
    """Reads files through a few buffers and stores their chunks."""

    def __init__(self, chunker: Chunker, writer: ChunkWriter, monitor: Monitor) -> None:
        self._chunker = chunker
        self._writer = writer
        self.monitor = monitor
        self._room_bytes = chunker.parameters.max_bytes
        buffer_bytes = self._room_bytes + max(_SEGMENT_BYTES, self._room_bytes)
        self._buffers = [fresh_buffer(buffer_bytes) for _ in range(_BUFFERS)]
        self._reading = ThreadPoolExecutor(1, "dedupstore-read")

    def close(self) -> None:
        """Stop the threads."""
        self._reading.shutdown(wait=True, cancel_futures=True)

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
            stored_bytes = self._store_range(descriptor, begin, data_end, lead, tree, followed)
            reached = begin - len(lead) + stored_bytes
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
            self._store_range(descriptor, known.begin, known.begin, lead, tree)
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
        bytes_read = self._store(BufferedWindow(read_into, self._buffers[0]), tree)
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
        self._store(BufferedWindow(read_into, self._buffers[0]), tree, followed)
        return tree.finish()

    def _store_range(
        self,
        descriptor: int,
        begin: int,
        end: int,
        lead: bytes,
        tree: ExtentTreeWriter,
        followed: FollowedList | None = None,
    ) -> int:
        """Store ``lead`` and a range of a file as one stream; return how many bytes there were."""
        if len(lead) + end - begin > len(self._buffers[0]):
            with ReadAhead(
                self._reading,
                descriptor,
                begin,
                end,
                lead=lead,
                buffers=self._buffers,
                room_bytes=self._room_bytes,
                on_read=self.monitor.advance,
            ) as ahead:
                return self._store(ahead, tree, followed)
        buffer = self._buffers[0]
        lead_end = len(lead)
        buffer[:lead_end] = lead
        got = read_fully(descriptor, buffer[lead_end : lead_end + end - begin], begin)
        self.monitor.advance(got)
        return self._store(HeldWindow(buffer[: lead_end + got]), tree, followed)

    def _store(
        self, window: Window, tree: ExtentTreeWriter, followed: FollowedList | None = None
    ) -> int:
        """Store what a window shows, and return how many bytes it was."""
        shown, taken = window.show(0), 0
        stored_bytes = 0
        while followed is not None and not followed.is_left and shown:
            extents = followed.match(shown, ends=window.ends)
            taken = self._store_matched(shown, extents)
            tree.extend(extents)
            stored_bytes += taken
            if len(shown) - taken > self._room_bytes and not window.ends:
                # Of a chunk that is longer than any that a chunker of this repository cuts.
                followed.leave()
            if not followed.is_left:
                shown, taken = window.show(taken), 0
        for chunks in self._chunker.batches(window, shown, taken):
            ids = self._writer.add_data(chunks)
            tree.extend(map(Extent, chunks.lengths(), ids))
            stored_bytes += chunks.ends[-1] - chunks.begin
        return stored_bytes

    def _store_matched(self, shown: memoryview, extents: list[Extent]) -> int:
        """Store those chunks at the beginning of a view that were lost; return their length."""
        if not extents:
            return 0
        ends = list(accumulate(extent.extent_bytes for extent in extents))
        self._writer.add_hashed([extent.id for extent in extents], Chunks(shown, 0, ends))
        return ends[-1]


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
