"""Which format the times of a log have: one that its first lines agree on, or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice, pairwise
from typing import Protocol

from dedupstore.logs.record_time.json_lines import JSON_FORMATS
from dedupstore.logs.record_time.line_formats import LINE_FORMATS
from dedupstore.logs.record_time.lines import Lines
from dedupstore.logs.record_time.moments import NANOS_PER_SECOND, TimeContext

SAMPLE_LINES = 500
SAMPLE_BYTES = 1024 * 1024

_AGREEING_SHARE_MIN = 0.9
_DATED_SHARE_MIN = 0.5
_ASCENDING_SHARE_MIN = 0.9
_AHEAD_NS_MAX = 86_400 * NANOS_PER_SECOND
_WATCHED_LINES = 20
_OTHER_LINES_MIN = 10
_BACK_NS_MAX = 183 * 86_400 * NANOS_PER_SECOND
# Lines that go on with the record before them: indented, a comment, or part of a stack trace.
_CONTINUES = (
    b" ", b"\t", b"#", b"Caused by:", b"Suppressed:", b"Traceback ", b"...", b"}", b"]", b")",
)  # fmt: skip


class RecordFormat(Protocol):
    """A format whose records begin with a line of their own."""

    @property
    def name(self) -> str:
        """What the format is called."""

    @property
    def is_number(self) -> bool:
        """Whether the time is a bare number, which alone proves little."""

    @property
    def lacks_year(self) -> bool:
        """Whether there may be no year in the time."""

    def time_ns(self, line: bytes, context: TimeContext) -> int | None:
        """Return the time of the record that begins with a line; ``None`` where none does."""


FORMATS: tuple[RecordFormat, ...] = (*LINE_FORMATS, *JSON_FORMATS)


def recognise(lines: Sequence[bytes], context: TimeContext) -> RecordFormat | None:
    """Return the format of a log that begins with ``lines``; ``None`` where that is not certain.

    A line is of the first format of the table that fits. Nine tenths of the lines that are of any
    must be of the same one, and no fewer than half of those that look as if they began a record.
    Bare numbers are times only if they hardly ever go back, and none lies in the future of the
    log.
    """
    counts: Counter[RecordFormat] = Counter()
    undated = 0
    for line in lines:
        found = _first_format(line, context)
        if found is not None:
            counts[found] += 1
        elif line.strip() and not line.startswith(_CONTINUES):
            undated += 1
    if not counts:
        return None
    (found, count), *_ = counts.most_common(1)
    dated = counts.total()
    if count < dated * _AGREEING_SHARE_MIN or dated < (dated + undated) * _DATED_SHARE_MIN:
        return None
    if found.is_number and not _are_times(found, lines, context):
        return None
    return found


def _first_format(line: bytes, context: TimeContext) -> RecordFormat | None:
    return next((each for each in FORMATS if each.time_ns(line, context) is not None), None)


def _are_times(found: RecordFormat, lines: Sequence[bytes], context: TimeContext) -> bool:
    times = [time for line in lines if (time := found.time_ns(line, context)) is not None]
    ascending = sum(before <= after for before, after in pairwise(times))
    if ascending < (len(times) - 1) * _ASCENDING_SHARE_MIN:
        return False
    return context.written_ns is None or max(times) <= context.written_ns + _AHEAD_NS_MAX


class FormatWatch:
    """Tells whether a log goes on in the format that its first lines have."""

    def __init__(self, found: RecordFormat, context: TimeContext) -> None:
        self._format = found
        self._context = context
        self._last_ns = 0
        self._last_hour = b""

    def agrees(self, lines: Lines) -> bool:
        """Tell whether the next lines may be read in that format.

        They may not where most of the last of them are of another one, nor where times without a
        year fall back by half a year: then the log goes back for more than one.
        """
        if self._format.lacks_year and self._falls_back(lines.texts()):
            return False
        ours = others = 0
        for line in islice(lines.newest_first(), _WATCHED_LINES):
            if self._format.time_ns(line.text, self._context) is not None:
                ours += 1
            else:
                other = _first_format(line.text, self._context)
                others += other is not None and not other.is_number
        return others < _OTHER_LINES_MIN or others <= ours

    def _falls_back(self, texts: Sequence[bytes]) -> bool:
        for text in texts:
            # Not each time is read, but the first of an hour.
            if self._last_hour and text.startswith(self._last_hour):
                continue
            time_ns = self._format.time_ns(text, self._context)
            if time_ns is None:
                continue
            if time_ns < self._last_ns - _BACK_NS_MAX:
                return True
            self._last_ns = time_ns
            self._last_hour = text[: text.find(b":")]
        return False
