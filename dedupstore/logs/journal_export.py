"""The export format of the systemd journal, as ``journalctl -o export`` writes it.

An entry is a run of fields that ends with an empty line. A field is a line ``NAME=TEXT``, or,
where its value may hold anything, a line ``NAME``, the value's length as 8 bytes, little-endian,
the value and a newline. The format is described in systemd's document "Journal Export Formats".
"""

from __future__ import annotations

import hashlib
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

CURSOR_BYTES_MAX = 1024
"""No line with a cursor is longer."""

_NAME_BYTES_MAX = 4096
_VALUE_BYTES_MAX = 1 << 40
_CURSOR = b"__CURSOR="
_NEWLINE = b"\n"
_LENGTH_BYTES = 8
# Most entries hold text alone; these are found at once, all others field by field.
_TEXT_ENTRY = re.compile(
    rb"(?:__CURSOR=([^\n]{1,%d}+)\n)?+(?:[^\n=]++=[^\n]*+\n)++\n" % CURSOR_BYTES_MAX
)
_CURSOR_SHAPE = re.compile(
    rb"s=[0-9a-f]+;i=[0-9a-f]+;(b=[0-9a-f]+;m=[0-9a-f]+;t=([0-9a-f]{1,16});x=[0-9a-f]+)"
)
_CANDIDATES_MAX = 64
_BUCKETS = 256
_KEY_BYTES = 8


class ExportPart(NamedTuple):
    """A part of a stream, in order; an entry is one part or several.

    ``begins`` tells whether an entry begins with it; then ``cursor`` is what the entry's first
    line names as its cursor, ``None`` where that is another field.
    """

    data: bytes
    begins: bool
    cursor: bytes | None


class ExportSplitter:
    """Splits a stream into entries, holding no more of it than the start of a line.

    ``is_between`` is True where no entry is under way: at the start, and behind each empty line.
    """

    def __init__(self) -> None:
        self.is_between = True
        self._pending = b""
        self._value_bytes = 0
        self._ends_value = False
        self._in_text = False

    @property
    def is_whole(self) -> bool:
        """True where the stream may end: every entry that has begun is complete."""
        return self.is_between and not self._pending

    def feed(self, data: bytes) -> Iterator[ExportPart]:
        """Yield the parts of the next bytes of the stream; what is not yet clear waits.

        Raises:
            ValueError: the bytes are no such stream.
        """
        data, self._pending = self._pending + data, b""
        begin = position = 0
        begins, cursor = False, None
        while position < len(data):
            if self.is_between and (entry := _TEXT_ENTRY.match(data, position)):
                yield ExportPart(entry[0], True, entry[1])
                begin = position = entry.end()
                continue
            if self.is_between and data[position] != _NEWLINE[0]:
                known, cursor = _first_line(data, position)
                if not known:
                    break
                begins = True
            following = self._step(data, position)
            if following == position:
                break
            position = following
            if self.is_between:
                yield ExportPart(data[begin:position], begins, cursor)
                begin, begins, cursor = position, False, None
        self._pending = data[position:]
        if position > begin:
            yield ExportPart(data[begin:position], begins, cursor)

    def _step(self, data: bytes, position: int) -> int:
        """Return where the next part of a field ends; ``position`` where that is not clear yet."""
        if self._value_bytes:
            step = min(self._value_bytes, len(data) - position)
            self._value_bytes -= step
            return position + step
        if self._ends_value:
            if data[position] != _NEWLINE[0]:
                raise ValueError("a value is longer than its length says")
            self._ends_value = False
            return position + 1
        if self._in_text:
            end = data.find(_NEWLINE, position)
            self._in_text = end < 0
            return len(data) if end < 0 else end + 1
        if data[position] == _NEWLINE[0]:
            self.is_between = True
            return position + 1
        return self._begin_field(data, position)

    def _begin_field(self, data: bytes, position: int) -> int:
        name = data[position : position + _NAME_BYTES_MAX]
        equals, newline = name.find(b"="), name.find(_NEWLINE)
        if equals >= 0 and not 0 <= newline < equals:
            self.is_between, self._in_text = False, True
            return position + equals + 1
        if newline < 0:
            if len(name) == _NAME_BYTES_MAX:
                raise ValueError("a field has no name")
            return position
        value_begin = position + newline + 1 + _LENGTH_BYTES
        if value_begin > len(data):
            return position
        value_bytes = int.from_bytes(data[value_begin - _LENGTH_BYTES : value_begin], "little")
        if value_bytes > _VALUE_BYTES_MAX:
            raise ValueError(f"a value cannot be {value_bytes} bytes long")
        self.is_between, self._value_bytes, self._ends_value = False, value_bytes, True
        return value_begin


def _first_line(data: bytes, position: int) -> tuple[bool, bytes | None]:
    """Return whether the first line of an entry is known, and the cursor that it names."""
    begin = data[position : position + len(_CURSOR)]
    if begin != _CURSOR:
        return not _CURSOR.startswith(begin), None
    position += len(_CURSOR)
    end = data.find(_NEWLINE, position, position + CURSOR_BYTES_MAX + 1)
    if end >= 0:
        return True, data[position:end]
    if len(data) - position > CURSOR_BYTES_MAX:
        raise ValueError("a cursor is too long")
    return False, None


def cursor_identity(cursor: bytes) -> bytes | None:
    """Return what of a cursor names the entry itself; ``None`` where it is no cursor.

    These are its boot, its times and the checksum of its fields, by which journalctl, too, knows
    an entry in whatever file it stands. Not among them are the file and the number in it, which
    are others when the entry has been copied from the runtime journal to the persistent one.
    """
    found = _CURSOR_SHAPE.fullmatch(cursor)
    return found[1] if found else None


def cursor_time_us(cursor: bytes) -> int | None:
    """Return when an entry was taken, in microseconds since 1970; ``None`` of what is no cursor."""
    found = _CURSOR_SHAPE.fullmatch(cursor)
    return int(found[2], 16) if found else None


def last_cursor(tail: bytes, time_us: int) -> bytes | None:
    """Return the cursor of the last entry of a stream, given its last bytes, if it is among them.

    Anybody may log a value that looks like an entry. So the entry must end where the stream does,
    and be of ``time_us``: whoever writes a value does not know when it will be taken.
    """
    position = len(tail)
    for _ in range(_CANDIDATES_MAX):
        position = tail.rfind(b"\n\n" + _CURSOR, 0, position)
        # The stream may be no longer than its last entry.
        cursor = _only_cursor(tail[position + 2 :] if position >= 0 else tail)
        if cursor is not None and cursor_time_us(cursor) == time_us:
            return cursor
        if position < 0:
            break
    return None


def _only_cursor(data: bytes) -> bytes | None:
    """Return the cursor of the one whole entry that is all of ``data``; else ``None``."""
    splitter = ExportSplitter()
    first: ExportPart | None = None
    try:
        for part in splitter.feed(data):
            if part.begins and first is not None:
                return None
            first = first or part
    except ValueError:
        return None
    return first.cursor if first is not None and splitter.is_whole else None


class EntrySet:
    """A set of entries by their identity, in 8 bytes for each.

    All are added before the first is asked for. That two of a million entries share their 64 bits
    of BLAKE2b happens once in some 30 million sets.
    """

    def __init__(self) -> None:
        self._buckets = [array("Q") for _ in range(_BUCKETS)]
        self._is_sorted = False

    def add(self, cursor: bytes) -> None:
        """Add the entry with that cursor."""
        bucket, key = self._place(cursor)
        bucket.append(key)
        self._is_sorted = False

    def __contains__(self, cursor: bytes) -> bool:
        if not self._is_sorted:
            # Bucket by bucket: sorting all at once would take a multiple of the memory.
            self._buckets = [array("Q", sorted(bucket)) for bucket in self._buckets]
            self._is_sorted = True
        bucket, key = self._place(cursor)
        position = bisect_left(bucket, key)
        return position < len(bucket) and bucket[position] == key

    def _place(self, cursor: bytes) -> tuple[array[int], int]:
        identity = cursor_identity(cursor) or cursor
        key = hashlib.blake2b(identity, digest_size=_KEY_BYTES).digest()
        return self._buckets[key[0]], int.from_bytes(key, "big")
