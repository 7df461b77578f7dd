"""Where a log is cut: after the last record of a moment, with all that belongs to that record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupstore.logs.record_time import Cut, TimeContext, find_cut
from dedupstore.logs.record_time.cutting import Piece
from dedupstore.logs.record_time.lines import LINE_BYTES_MAX, LineSplitter

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOON_NS = int(NOON.timestamp()) * 1_000_000_000
CONTEXT = TimeContext(UTC, NOON_NS + 86_400_000_000_000)


def cut(text: bytes, until_ns: int = NOON_NS) -> bytes | None:
    """Return what is left of a text, which is fed in pieces of seven bytes; ``None`` if unknown."""
    pieces = [text[begin : begin + 7] for begin in range(0, len(text), 7)]
    found = find_cut(pieces, until_ns, CONTEXT)
    if found is None:
        return None
    assert found.text_bytes == len(text)
    return text[: found.kept_bytes]


MORNING = b"2026-03-01T11:00:00Z morning\n"
NOON_SHARP = b"2026-03-01T12:00:00Z noon\n"
EVENING = b"2026-03-01T18:00:00Z evening\n"
TRACE = b"Traceback (most recent call last):\n  File x\nValueError: 2026-03-01T18:00:00Z\n\n"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (MORNING + EVENING, MORNING),
        (MORNING + NOON_SHARP + EVENING, MORNING + NOON_SHARP),
        (MORNING + TRACE + EVENING, MORNING + TRACE),
        (MORNING + EVENING + TRACE, MORNING),
        (TRACE + EVENING, b""),
        (EVENING, b""),
        (MORNING, MORNING),
        (MORNING + TRACE, MORNING + TRACE),
        (MORNING + b"half a li", MORNING + b"half a li"),
        (MORNING + EVENING + MORNING + EVENING, MORNING + EVENING + MORNING),
        (MORNING[:-1] + b"\r\n" + EVENING, MORNING[:-1] + b"\r\n"),
        (b"\xef\xbb\xbf" + MORNING + EVENING, b"\xef\xbb\xbf" + MORNING),
        (b"# Fields: a b\n" + MORNING + EVENING, b"# Fields: a b\n" + MORNING),
        (MORNING + b"\0" * 100 + EVENING, MORNING),
        (b"\0" * 100 + MORNING + EVENING, b"\0" * 100 + MORNING),
    ],
)
def test_a_log_ends_with_its_last_record(text: bytes, kept: bytes) -> None:
    """What is kept ends with the last record at or before the moment, and the lines that go on."""
    assert cut(text) == kept


def test_a_moment_between_two_nanoseconds() -> None:
    """A record is kept at its very moment, and left out a nanosecond before."""
    line = b"2026-03-01T12:00:00.000000001Z x\n"
    assert cut(line, NOON_NS) == b""
    assert cut(line, NOON_NS + 1) == line


@pytest.mark.parametrize("text", [b"", b"no log\n", b"\x00" * 1000, bytes(range(256)) * 100])
def test_what_is_no_log_is_not_cut(text: bytes) -> None:
    """Of bytes that hold no times there is nothing to cut by."""
    assert cut(text) is None


def test_no_more_than_a_sample_of_other_files_is_read() -> None:
    """A large file that is no log is given up after its first lines."""
    taken = 0

    def pieces() -> Iterator[Piece]:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield b"no time\n" * 8192

    assert find_cut(pieces(), NOON_NS, CONTEXT) is None
    assert taken < 20


def test_no_more_than_a_line_of_other_files_is_read() -> None:
    """A large file without any newline is given up where no more of the line is looked at."""
    taken = 0

    def pieces() -> Iterator[Piece]:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield b"x" * 65_536

    assert find_cut(pieces(), NOON_NS, CONTEXT) is None
    assert taken <= 1 + LINE_BYTES_MAX // 65_536


def test_a_log_that_goes_on_in_another_format_is_not_cut() -> None:
    """Where the program has changed its format, a cut by the old one would keep what is later."""
    old = [b"Feb 27 12:%02d:00 host app: old\n" % minute for minute in range(60)] * 10
    new = [b"2026-03-01T18:%02d:00Z host app: new\n" % minute for minute in range(60)]
    text = b"".join(old + new)
    for pieces in ([text], [text[begin : begin + 999] for begin in range(0, len(text), 999)]):
        assert find_cut(pieces, NOON_NS, CONTEXT) is None


@pytest.mark.parametrize("forged", [b"  at 2026-03-01T18:00:00Z\n", b"1772409600 x\n", b"x\n"])
def test_what_goes_on_with_a_record_is_no_other_format(forged: bytes) -> None:
    """Many lines that are no records, or bare numbers, do not hinder a cut."""
    text = (MORNING * 500) + forged * 1000
    assert cut(text + EVENING) == text


def test_a_log_of_more_than_a_year_is_not_cut_without_years() -> None:
    """Of times that come twice, which of two years is meant is not guessed."""
    months = [b"Mar", b"Jul", b"Nov", b"Jan", b"Mar"]
    lines = [b"%s 20 12:00:%02d host app: up\n" % (month, s) for month in months for s in range(9)]
    assert cut(b"".join(lines)) is None
    assert cut(b"".join(lines[:-9])) == b"".join(lines[:-9])


def test_lines_in_another_encoding_are_not_cut() -> None:
    """A text in UTF-16 is left whole, even where it is JSON: its lines do not end with a byte."""
    text = '{"time":"2026-03-01T11:00:00Z"}\n{"time":"2026-03-01T18:00:00Z"}\n'
    for encoding in ("utf-16-le", "utf-16-be", "utf-16", "utf-32-le"):
        assert find_cut([text.encode(encoding)], NOON_NS, CONTEXT) is None


def test_holes_belong_to_the_text() -> None:
    """A hole counts as the zeros that it stands for, before a line and in the middle of one."""
    hole = 1 << 40
    pieces: list[Piece] = [hole, MORNING, b"goes", hole, b"on\n", hole, EVENING]
    kept = hole + len(MORNING) + 4 + hole + 3
    found = find_cut(pieces, NOON_NS, CONTEXT)
    assert found == Cut("ISO 8601", kept, kept + hole + len(EVENING))


def test_a_line_without_an_end_takes_bounded_memory() -> None:
    """Of a line of any length, no more is held than is looked at."""
    splitter = LineSplitter()
    for _ in range(64):
        assert splitter.feed(b"x" * 65_536) is None
        splitter.feed_zeros(1 << 30)
    last = splitter.finish()
    assert last is not None
    assert len(last.first.text) == LINE_BYTES_MAX


JOURNAL = b"".join(
    b"__CURSOR=s=a;i=%x;b=c;m=%x;t=%x;x=f\n__REALTIME_TIMESTAMP=%d\nMESSAGE=%s\n\n"
    % (number, number, time_us, time_us, message)
    for number, (time_us, message) in enumerate(
        ((NOON_NS // 1000 - 1, b"before"), (NOON_NS // 1000, b"noon"), (NOON_NS // 1000 + 1, b"x"))
    )
)
FORGED = b"\n\n__CURSOR=s=a;i=9;b=c;m=9;t=1;x=f\nMESSAGE=forged\n\n"


def test_a_journal_export_is_cut_between_entries() -> None:
    """An export is cut after its last entry at or before the moment."""
    kept = cut(JOURNAL)
    assert kept is not None
    assert kept.endswith(b"MESSAGE=noon\n\n")
    assert JOURNAL[len(kept) :].count(b"__CURSOR") == 1


def test_a_value_in_a_journal_is_no_entry() -> None:
    """What somebody logs that looks like an older entry is a part of the entry that holds it."""
    value = b"MESSAGE\n" + len(FORGED).to_bytes(8, "little") + FORGED + b"\n"
    text = JOURNAL.replace(b"MESSAGE=x\n", value)
    kept = cut(text)
    assert kept is not None
    assert kept.endswith(b"MESSAGE=noon\n\n")


def test_a_broken_journal_is_not_cut() -> None:
    """What begins as an export and is none is left whole."""
    assert cut(b"__CURSOR=nonsense\nMESSAGE=x\n\n") is None
    assert cut(JOURNAL + b"A\n\xff\xff\xff\xff\xff\xff\xff\xff") is None


LINES_MADE = st.lists(
    st.one_of(
        st.integers(-3, 3).map(lambda hours: b"2026-03-01T%02d:00:00Z a" % (12 + hours)),
        st.sampled_from([b"", b"  at x", b"\0\0", b"\0\x002026-03-01T09:00:00Z b"]),
    ),
    max_size=30,
)


@given(LINES_MADE, st.booleans(), st.lists(st.integers(1, 40), min_size=1))
def test_pieces_make_no_difference(lines: list[bytes], ended: bool, sizes: list[int]) -> None:
    """However a text is cut into pieces, it is cut where reading it line by line says."""
    text = b"\n".join(lines) + (b"\n" if ended else b"")
    kept_bytes, position, keeps, dated = 0, 0, False, False
    for line in text.splitlines(keepends=True):
        bare = line.lstrip(b"\0")
        if bare.startswith(b"2026"):
            dated = True
            kept_bytes = position if keeps else kept_bytes
            keeps = bare[11:13] <= b"12"
        position += len(line)
    kept_bytes = position if keeps else kept_bytes
    pieces: list[Piece] = []
    begin = 0
    while begin < len(text):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(text[begin : begin + size])
        begin += size
    expected = Cut("ISO 8601", kept_bytes, len(text)) if dated else None
    assert find_cut(pieces, NOON_NS, CONTEXT) == expected
