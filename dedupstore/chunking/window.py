"""What a stream is cut through: some of its bytes at a time, one after another in memory."""

from collections.abc import Callable
from typing import Protocol

ReadInto = Callable[[memoryview], int | None]
"""Reads some bytes into a buffer and returns their number, 0 at the end of the data."""


class Window(Protocol):
    """Shows a stream part by part; what was not taken of a part begins the next."""

    @property
    def ends(self) -> bool:
        """Whether the stream ends with the bytes shown last."""

    def show(self, taken_bytes: int) -> memoryview:
        """Go on behind the first `taken_bytes` of what was shown last; 0 to begin with.

        Args:
            taken_bytes: how many are done with; so many that at most max_bytes are left, unless
                the stream ends.

        Returns:
            What was left and the bytes behind it: at least 2 * max_bytes, unless the stream ends;
            none where it has ended and all was taken. They hold until the next call.
        """


class HeldWindow:
    """Shows a stream of which all is in memory.

    Args:
        data: the whole stream.
    """

    ends = True

    def __init__(self, data: memoryview) -> None:
        self._shown = data

    def show(self, taken_bytes: int) -> memoryview:
        """See `Window.show`."""
        self._shown = self._shown[taken_bytes:]
        return self._shown


class BufferedWindow:
    """Shows a stream that is read through one buffer.

    Args:
        read_into: fills the start of the memoryview it is given and returns how many bytes it
            wrote, 0 at the end of the data; may return short.
        buffer: at least 2 * max_bytes; some hundred KiB make what is read at once worth its
            overhead.
    """

    def __init__(self, read_into: ReadInto, buffer: bytearray | memoryview) -> None:
        self.ends = False
        self._read_into = read_into
        self._buffer = memoryview(buffer)
        self._shown = self._buffer[:0]

    def show(self, taken_bytes: int) -> memoryview:
        """See `Window.show`.

        Raises:
            ValueError: read_into returned what it cannot have read.
        """
        rest = self._shown[taken_bytes:]
        if not self.ends:
            buffer = self._buffer
            if taken_bytes:
                buffer[: len(rest)] = rest
            filled, self.ends = _fill(self._read_into, buffer, len(rest))
            rest = buffer[:filled]
        self._shown = rest
        return rest


def _fill(read_into: ReadInto, view: memoryview, filled: int) -> tuple[int, bool]:
    """Read until the view is full or the data ends; return bytes held and whether it ended."""
    while filled < len(view):
        got = read_into(view[filled:])
        if got == 0:
            return filled, True
        if got is None or not 0 < got <= len(view) - filled:
            raise ValueError(f"read_into returned {got} for {len(view) - filled} bytes")
        filled += got
    return filled, False
