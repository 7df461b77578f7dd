"""Splitting a text into lines, of which no more is held than tells their times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

LINE_BYTES_MAX = 1024 * 1024
"""What stands in a line behind this is not looked at."""

_BOM = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """A line: the offset in bytes at which it begins, and its first bytes.

    Zeros at its beginning, which a log has where its writer went on behind a truncation, belong to
    the line, but are left out of ``text``.
    """

    begin: int
    text: bytes


class Lines(NamedTuple):
    """Lines that follow each other: the first, the texts of the others, and where they end.

    None of ``others`` is shortened but for zeros at its beginning, so their offsets follow from
    ``end``; ``others`` still has these zeros.
    """

    first: Line
    others: list[bytes]
    end: int

    def newest_first(self) -> Iterator[Line]:
        """Yield the lines from the last to the first."""
        begin = self.end
        for text in reversed(self.others):
            begin -= len(text) + 1
            yield Line(begin, text.lstrip(b"\0"))
        yield self.first

    def texts(self) -> list[bytes]:
        """Return the texts of the lines in order."""
        return [self.first.text, *(text.lstrip(b"\0") for text in self.others)]


class LineSplitter:
    """Splits a text that is fed piece by piece."""

    def __init__(self) -> None:
        self.fed_bytes = 0
        self._begin = 0
        self._held: list[bytes] = []
        self._held_bytes = 0

    @property
    def overflows(self) -> bool:
        """True where the line under way is longer than what is looked at of it."""
        return self._held_bytes == LINE_BYTES_MAX

    def feed(self, data: bytes) -> Lines | None:
        """Return the lines that end within the next bytes of the text, if any do."""
        first, *others = data.split(b"\n")
        self._hold(first)
        self.fed_bytes += len(data)
        if not others:
            return None
        rest = others.pop()
        ended = Lines(self._take_line(), others, self.fed_bytes - len(rest))
        self._begin = ended.end
        self._hold(rest)
        return ended

    def feed_zeros(self, zero_bytes: int) -> None:
        """Take a hole in the text."""
        if self._held_bytes:
            self._hold(bytes(min(zero_bytes, LINE_BYTES_MAX)))
        self.fed_bytes += zero_bytes

    def finish(self) -> Lines | None:
        """Return the last line, if it has no newline."""
        if self._begin == self.fed_bytes:
            return None
        last = Lines(self._take_line(), [], self.fed_bytes)
        self._begin = self.fed_bytes
        return last

    def _hold(self, data: bytes) -> None:
        if not self._held_bytes:
            data = data.lstrip(b"\0")
        room = LINE_BYTES_MAX - self._held_bytes
        if data and room:
            self._held.append(data[:room])
            self._held_bytes += min(len(data), room)

    def _take_line(self) -> Line:
        text = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        self._held, self._held_bytes = [], 0
        return Line(self._begin, text if self._begin else text.removeprefix(_BOM))
