"""Times have one text, and texts one time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupstore.clock import SystemClock, format_time, format_time_ns, parse_time

YEAR_1_NS = -62_135_596_800 * 10**9
YEAR_10000_NS = 253_402_300_800 * 10**9


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01T12:00:00Z"),
        (datetime(2026, 3, 1, 12, 0, 0, 250, tzinfo=UTC), "2026-03-01T12:00:00.000250Z"),
        (datetime(2026, 3, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2026-02-28T23:00:00Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
        (datetime.max.replace(tzinfo=UTC), "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_moment_has_one_text(moment: datetime, text: str) -> None:
    """A moment is written in UTC, with microseconds only where there are some."""
    assert format_time(moment) == text


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_is_read_back(moment: datetime) -> None:
    """What is written is read as the same moment."""
    assert parse_time(format_time(moment)) == moment


def test_seconds_since_1970_are_read() -> None:
    """What could be a date is one; more digits are seconds."""
    assert parse_time("1772366400") == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert parse_time("999999999") == datetime(2001, 9, 9, 1, 46, 39, tzinfo=UTC)
    assert parse_time("20260301") == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (1_772_366_400_000_000_001, "2026-03-01T12:00:00.000000001Z"),
        (YEAR_1_NS, "0001-01-01T00:00:00.000000000Z"),
        (YEAR_1_NS - 1, "@-62135596801.999999999"),
        (YEAR_10000_NS - 1, "9999-12-31T23:59:59.999999999Z"),
        (YEAR_10000_NS, "@253402300800.000000000"),
    ],
)
def test_nanoseconds_have_one_text(nanoseconds: int, text: str) -> None:
    """Nanoseconds are written to the last digit, and years without four digits as seconds."""
    assert format_time_ns(nanoseconds) == text


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_any_64_bits_have_a_text_of_their_own(nanoseconds: int) -> None:
    """No time that can be stored fails to be written, and its text holds all of it."""
    text = format_time_ns(nanoseconds)
    seconds, fraction = divmod(nanoseconds, 10**9)
    assert text.removesuffix("Z").endswith(f".{fraction:09d}")
    assert parse_time(text[:-11] + "Z") == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        seconds=seconds
    )


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01", datetime(2026, 2, 28, 23, tzinfo=UTC)),
        ("2026-07-01T12:00", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("2026-03-01T12:00:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00:00-05:30", datetime(2026, 3, 1, 17, 30, tzinfo=UTC)),
    ],
)
def test_a_text_without_offset_is_of_the_zone_that_is_given(text: str, moment: datetime) -> None:
    """The zone holds for texts that say none, with its summer time; an offset goes first."""
    read = parse_time(text, ZoneInfo("Europe/Paris"))
    assert read == moment
    assert read.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "2026-13-01", "2026-02-30", "10000-01-01", "17723664000", "Z"),
        *("0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"),
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Texts that are no times, or leave the years 1 to 9999 in UTC, are refused."""
    with pytest.raises(ValueError, match=r"time|month|day|year|isoformat"):
        parse_time(text)


def test_the_machines_clock_is_in_utc_and_goes_on() -> None:
    """The clock gives aware times in UTC, and seconds that do not go back."""
    clock = SystemClock()
    begun = clock.monotonic_seconds()
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.monotonic_seconds() >= begun
