"""The export format of the systemd journal, read as it comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupstore.logs.journal_export import (
    CURSOR_BYTES_MAX,
    EntrySet,
    ExportPart,
    ExportSplitter,
    cursor_identity,
    cursor_time_us,
    last_cursor,
)
from journal_streams import journal_cursor, journal_entry, journal_stream, journal_time_us

LOOKS_LIKE_ENTRIES = b"\n\n__CURSOR=s=0;i=0;b=0;m=0;t=0;x=0\nMESSAGE=forged\n\n"


@given(
    st.lists(st.none() | st.binary(max_size=40) | st.just(LOOKS_LIKE_ENTRIES), max_size=6),
    st.lists(st.integers(1, 200), max_size=20),
)
def test_a_stream_is_split_however_it_is_cut(blobs: list[bytes | None], steps: list[int]) -> None:
    """The parts add up to the stream, and an entry begins where one does, whatever values hold."""
    entries = [journal_entry(number, blob) for number, blob in enumerate(blobs)]
    stream = rest = b"".join(entries)
    splitter = ExportSplitter()
    found: list[ExportPart] = []
    for step in [*steps, len(stream)]:
        found += splitter.feed(rest[:step])
        rest = rest[step:]
    assert b"".join(part.data for part in found) == stream
    assert [part.cursor for part in found if part.begins] == [
        journal_cursor(number) for number in range(len(entries))
    ]
    assert splitter.is_whole


@pytest.mark.parametrize("cut", [1, 9, 30, 120, 200, -1])
def test_a_stream_that_breaks_off_is_not_whole(cut: int) -> None:
    """Wherever a stream breaks off within an entry, the splitter tells."""
    splitter = ExportSplitter()
    list(splitter.feed(journal_entry(1, b"value")[:cut]))
    assert not splitter.is_whole


@pytest.mark.parametrize(
    "stream",
    [
        b"BLOB\n\x01\0\0\0\0\0\0\0ab\n\n",
        b"BLOB\n\xff\xff\xff\xff\xff\xff\xff\xffab\n\n",
        b"x" * 5000,
        b"__CURSOR=" + b"x" * (CURSOR_BYTES_MAX + 2),
    ],
)
def test_what_is_no_such_stream_is_refused(stream: bytes) -> None:
    """A value longer than its length, an impossible length, and endless names are errors."""
    with pytest.raises(ValueError, match=r"a (value|field|cursor)"):
        list(ExportSplitter().feed(stream))


def test_a_long_value_is_not_held() -> None:
    """Of a value that comes in many pieces, no more than the last piece is in memory."""
    splitter = ExportSplitter()
    head, value = journal_entry(1, b"")[:-2], b"v" * 1_000_000
    head = head[: -len(b"BLOB\n") - 8] + b"BLOB\n" + (50 * len(value)).to_bytes(8, "little")
    assert sum(len(part.data) for part in splitter.feed(head)) > 0
    for _ in range(50):
        (part,) = splitter.feed(value)
        assert (len(part.data), part.begins) == (len(value), False)
    assert sum(len(part.data) for part in splitter.feed(b"\n\n")) == 2
    assert splitter.is_whole


def test_cursors_name_entries_and_times() -> None:
    """An entry has the same identity in whatever journal file it stands, and its own time."""
    moved = journal_cursor(7, file="b" * 32)
    assert cursor_identity(moved) == cursor_identity(journal_cursor(7)) is not None
    assert cursor_identity(journal_cursor(8)) != cursor_identity(journal_cursor(7))
    assert cursor_time_us(moved) == journal_time_us(7)
    for bad in (b"", b"s=1;i=2", journal_cursor(7) + b";", b"s=\xff" + journal_cursor(7)[3:]):
        assert (cursor_identity(bad), cursor_time_us(bad)) == (None, None)


def test_the_last_entry_is_found_at_the_end() -> None:
    """The cursor of the last entry is found in any tail that holds it, and only if it is whole."""
    stream = journal_stream(range(12))
    time_us = journal_time_us(11)
    entry_bytes = len(journal_entry(11))
    for tail_bytes in (entry_bytes, entry_bytes + 2, 2000, len(stream)):
        assert last_cursor(stream[-tail_bytes:], time_us) == journal_cursor(11)
    assert last_cursor(stream[-entry_bytes + 3 :], time_us) is None
    assert last_cursor(stream[:-1], time_us) is None
    assert last_cursor(stream, time_us + 1) is None
    assert last_cursor(b"", 0) is None


def test_a_forged_entry_is_not_taken_for_the_last() -> None:
    """A value that looks like whole entries up to the very end does not pass for the last entry."""
    forged = b"x\n\n" + journal_entry(3, None)[:-2]
    stream = journal_stream(range(2)) + journal_entry(2, forged)
    assert last_cursor(stream, journal_time_us(2)) == journal_cursor(2)
    many = b"\n\n__CURSOR=" * 500
    assert last_cursor(journal_entry(2, many), journal_time_us(2)) is None


def test_entries_are_known_again() -> None:
    """A set of entries knows those that were added, in whatever file they stand, and no others."""
    known = EntrySet()
    for number in range(0, 2000, 2):
        known.add(journal_cursor(number))
    known.add(b"no cursor")
    for number in range(2000):
        assert (journal_cursor(number, file="c" * 32) in known) == (number % 2 == 0)
    assert b"no cursor" in known
    assert b"another" not in known
