"""The part of a stream's text that may still be looked at, addressed by position in the stream."""

from __future__ import annotations

WINDOW_BYTES = 32768
_FORGET_BYTES_MIN = 1 << 20


class SlidingText:
    """A text that grows at its end and is forgotten from its begin on.

    Attributes:
        data: the bytes that are there.
        begin: the position of the first of them.
    """

    __slots__ = ("begin", "data")

    def __init__(self) -> None:
        self.data = bytearray()
        self.begin = 0

    @property
    def end(self) -> int:
        """The position behind the last byte."""
        return self.begin + len(self.data)

    def part(self, begin: int, end: int) -> bytes:
        """Return the bytes from one position to another."""
        return bytes(self.data[begin - self.begin : end - self.begin])

    def forget(self, before: int) -> None:
        """Give up what is more than a window before a position; not at each call."""
        count = before - WINDOW_BYTES - 1 - self.begin
        if count >= _FORGET_BYTES_MIN:
            del self.data[:count]
            self.begin += count
