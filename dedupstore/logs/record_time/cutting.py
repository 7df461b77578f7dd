"""Where a log ends at a moment: behind the last record that had been written by then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from dedupstore.logs.record_time import export_records
from dedupstore.logs.record_time.export_records import ExportRecords
from dedupstore.logs.record_time.lines import Lines, LineSplitter
from dedupstore.logs.record_time.moments import TimeContext
from dedupstore.logs.record_time.recognition import (
    SAMPLE_BYTES,
    SAMPLE_LINES,
    FormatWatch,
    RecordFormat,
    recognise,
)

Piece = bytes | memoryview | int
"""The next bytes of a text, or the number of those of a hole."""


class Cut(NamedTuple):
    """What of a log is left: its first ``kept_bytes`` of ``text_bytes``; ``format`` is its name."""

    format: str
    kept_bytes: int
    text_bytes: int


def find_cut(pieces: Iterable[Piece], until_ns: int, context: TimeContext) -> Cut | None:
    """Return where a log is cut so that it ends with its last record of ``until_ns`` or before.

    A record begins with a line that has a time, and ends where the next begins: so a stack trace
    stays with its record. Records that stand before the last one are kept whatever their times.
    Where no record is as old, nothing is kept. ``None`` if the format of the times is not certain:
    mostly the first lines tell, and little more has been read; or it does not stay the same.

    Memory is bounded by the length of a line, of which no more than 1 MiB is looked at, and of a
    piece.

    Args:
        pieces: the text in order.
        until_ns: nanoseconds since 1970.
        context: what the records do not say of their times.
    """
    stream = iter(pieces)
    first = list(_first_pieces(stream))
    stream = chain(first, stream)
    if _begins_export(first):
        return _cut_export(stream, until_ns)
    return _cut_lines(stream, until_ns, context)


def _first_pieces(stream: Iterator[Piece]) -> Iterator[Piece]:
    """Take as many pieces as tell a journal export."""
    taken_bytes = 0
    for piece in stream:
        yield piece
        taken_bytes += piece if isinstance(piece, int) else len(piece)
        if taken_bytes >= len(export_records.FIRST_BYTES):
            return


def _begins_export(first: list[Piece]) -> bool:
    begin = b"".join(b"\0" if isinstance(piece, int) else bytes(piece) for piece in first)
    return begin.startswith(export_records.FIRST_BYTES)


class _Cutter:
    """Takes the records in order; ``kept_bytes`` is where the last one to be kept ends."""

    def __init__(self, until_ns: int) -> None:
        self._until_ns = until_ns
        self._keeps_last = False
        self.kept_bytes = 0

    def record(self, begin: int, time_ns: int) -> None:
        if self._keeps_last:
            self.kept_bytes = begin
        self._keeps_last = time_ns <= self._until_ns

    def lines(self, lines: Lines, found: RecordFormat, context: TimeContext) -> None:
        """Take the records that begin in some lines.

        Only the last one to be kept counts, so they are looked at from the end, and mostly few.
        """
        following: int | None = None
        for line in lines.newest_first():
            time_ns = found.time_ns(line.text, context)
            if time_ns is None:
                continue
            if time_ns <= self._until_ns:
                self._keeps_last = following is None
                if following is not None:
                    self.kept_bytes = following
                return
            following = line.begin
        if self._keeps_last and following is not None:
            self.kept_bytes, self._keeps_last = following, False

    def finish(self, text_bytes: int) -> int:
        if self._keeps_last:
            self.kept_bytes = text_bytes
        return self.kept_bytes


def _cut_export(stream: Iterator[Piece], until_ns: int) -> Cut | None:
    records = ExportRecords()
    cutter = _Cutter(until_ns)
    try:
        for piece in stream:
            if isinstance(piece, int):
                return None
            for begin, time_ns in records.feed(bytes(piece)):
                cutter.record(begin, time_ns)
    except ValueError:
        return None
    kept_bytes = cutter.finish(records.fed_bytes)
    return Cut(export_records.NAME, kept_bytes, records.fed_bytes)


def _cut_lines(stream: Iterator[Piece], until_ns: int, context: TimeContext) -> Cut | None:
    splitter = LineSplitter()
    sample = _sample(splitter, stream)
    texts = [text for lines in sample for text in lines.texts()]
    found = recognise(texts[:SAMPLE_LINES], context)
    if found is None:
        return None
    cutter = _Cutter(until_ns)
    watch = FormatWatch(found, context)
    for lines in chain(sample, _lines(splitter, stream)):
        if not watch.agrees(lines):
            return None
        cutter.lines(lines, found, context)
    return Cut(found.name, cutter.finish(splitter.fed_bytes), splitter.fed_bytes)


def _sample(splitter: LineSplitter, stream: Iterator[Piece]) -> list[Lines]:
    """Return the lines that decide; none, where the first is longer than what is looked at."""
    sample: list[Lines] = []
    line_count = sample_bytes = 0
    for lines in _lines(splitter, stream, gives_up=True):
        sample.append(lines)
        line_count += 1 + len(lines.others)
        sample_bytes += len(lines.first.text) + sum(map(len, lines.others))
        if line_count >= SAMPLE_LINES or sample_bytes >= SAMPLE_BYTES:
            break
    return sample


def _lines(
    splitter: LineSplitter, stream: Iterator[Piece], *, gives_up: bool = False
) -> Iterator[Lines]:
    """Yield the lines of a text; with ``gives_up``, up to one that is too long to look at."""
    for piece in stream:
        if isinstance(piece, int):
            splitter.feed_zeros(piece)
        elif (lines := splitter.feed(bytes(piece))) is not None:
            yield lines
        if gives_up and splitter.overflows:
            return
    if (lines := splitter.finish()) is not None:
        yield lines
