"""Reading a range of a file by threads, while what was read before is worked at."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from typing import NamedTuple

from dedupstore.engine.closing import Closing


class _Segment(NamedTuple):
    """Bytes from ``position`` on that are being read into ``room``, a part of ``buffer``."""

    buffer: memoryview
    room: memoryview
    position: int
    reading: Future[int]


class ReadAhead(Closing):
    """Shows bytes ``begin`` to ``end`` of an open file behind those of ``lead``; see ``Window``.

    Use it in a ``with`` block, and keep the file open until that has ended. The first
    ``room_bytes`` of each of ``buffers`` are for what was left of the bytes shown before; the rest
    is read at once, by ``reading``: into all but the one that is shown. ``on_read`` is told, in the
    thread that uses the window, how many bytes have come.
    """

    def __init__(
        self,
        reading: Executor,
        descriptor: int,
        begin: int,
        end: int,
        *,
        lead: bytes,
        buffers: Sequence[memoryview],
        room_bytes: int,
        on_read: Callable[[int], None],
    ) -> None:
        self.ends = begin == end
        self._reading = reading
        self._descriptor = descriptor
        self._position = begin
        self._end = end
        self._room_bytes = room_bytes
        self._on_read = on_read
        self._shown = memoryview(lead)
        self._segments: deque[_Segment] = deque()
        self._free = list(buffers)
        self._showing = self._free.pop()
        self._read_on()

    def close(self) -> None:
        """Wait until nothing reads the file any more."""
        for segment in self._segments:
            segment.reading.cancel()
        wait([segment.reading for segment in self._segments])

    def show(self, taken_bytes: int) -> memoryview:
        """See ``Window.show``.

        Raises:
            OSError: the file cannot be read.
        """
        rest = self._shown[taken_bytes:]
        if not self.ends:
            rest = self._shown_behind(rest)
        self._shown = rest
        return rest

    def _read_on(self) -> None:
        """Let as much be read as there are buffers for."""
        while self._free and self._position < self._end:
            buffer = self._free.pop()
            room = buffer[self._room_bytes :][: self._end - self._position]
            reading = self._reading.submit(read_fully, self._descriptor, room, self._position)
            self._segments.append(_Segment(buffer, room, self._position, reading))
            self._position += len(room)

    def _shown_behind(self, rest: memoryview) -> memoryview:
        """Put what was left before the segment that follows it."""
        segment = self._segments[0]
        if segment.reading.cancel():
            # Nobody has begun: to wait for a thread would take longer than to read.
            got = read_fully(self._descriptor, segment.room, segment.position)
        else:
            got = segment.reading.result()
        self._segments.popleft()
        self._free.append(self._showing)
        self._showing = segment.buffer
        begin = self._room_bytes - len(rest)
        segment.buffer[begin : self._room_bytes] = rest
        self.ends = got < len(segment.room) or segment.position + got == self._end
        self._on_read(got)
        self._read_on()
        return segment.buffer[begin : self._room_bytes + got]


def read_fully(descriptor: int, view: memoryview, position: int) -> int:
    """Read from a position of a file until a view is full or the file ends; return the bytes read.

    Raises:
        OSError: the file cannot be read.
    """
    filled = 0
    while filled < len(view):
        got = os.preadv(descriptor, [view[filled:]], position + filled)
        if not got:
            break
        filled += got
    return filled
