"""Moments out of the digits of a record, as nanoseconds since 1970 in UTC."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

NANOS_PER_SECOND = 1_000_000_000
_NANOS_PER_MICROSECOND = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_CACHED_MAX = 4096
_LEAP_SECOND = 60
# A clock that is ahead, and times in the zone that is farthest from UTC, are still believed.
_AHEAD_SECONDS_MAX = 86_400
# From one 29 February to the next it may take eight years.
_YEARS_BACK_MAX = 8
_EPOCH_SECONDS_MIN = 100_000_000
_EPOCH_UNITS = (
    (10**3 * _EPOCH_SECONDS_MIN, NANOS_PER_SECOND),
    (10**6 * _EPOCH_SECONDS_MIN, 1_000_000),
    (10**9 * _EPOCH_SECONDS_MIN, 1000),
    (10**12 * _EPOCH_SECONDS_MIN, 1),
)


@dataclass(frozen=True, slots=True)
class TimeContext:
    """What a record does not say of its time.

    ``zone`` holds for times without an offset. ``written_ns`` is when the log was last written, in
    nanoseconds since 1970: times without a year are of the last year in which they lie before it.
    ``None`` where that is not known; such times are then not read.
    """

    zone: tzinfo
    written_ns: int | None


def moment_ns(
    date: tuple[int, int, int],
    time: tuple[int, int, int],
    fraction: bytes | None,
    zone: tzinfo | int,
) -> int | None:
    """Return a moment; ``None`` where there is none, such as on 30 February.

    ``date`` is year, month and day, ``time`` hours, minutes and seconds, 60 for a leap second;
    ``fraction`` the digits behind the decimal sign; ``zone`` a zone, or minutes east of UTC. Of a
    time that a zone has twice, the first is meant.
    """
    seconds = _seconds(date, time, zone)
    if seconds is None:
        return None
    return seconds * NANOS_PER_SECOND + (int(fraction[:9].ljust(9, b"0")) if fraction else 0)


def moment_without_year_ns(
    month_and_day: tuple[int, int],
    time: tuple[int, int, int],
    fraction: bytes | None,
    context: TimeContext,
) -> int | None:
    """Return the last moment of that day and time before the log was last written, or a day later.

    ``None`` where there is none, or it is not known when the log was written.
    """
    seconds = _seconds_without_year(month_and_day, time, context)
    if seconds is None:
        return None
    return seconds * NANOS_PER_SECOND + (int(fraction[:9].ljust(9, b"0")) if fraction else 0)


def epoch_ns(number: int | float) -> int | None:
    """Return the moment that a number since 1970 means, whose size tells its unit.

    Seconds, milliseconds, microseconds and nanoseconds do not overlap between the years 1973 and
    5138; ``None`` for all other numbers.
    """
    if not number >= _EPOCH_SECONDS_MIN:  # not even a NaN is
        return None
    for end, unit_ns in _EPOCH_UNITS:
        if number < end:
            if isinstance(number, int):
                return number * unit_ns
            whole = math.floor(number)
            # No more than microseconds: what a float adds to them, nobody has written.
            microseconds = round((number - whole) * unit_ns / _NANOS_PER_MICROSECOND)
            return whole * unit_ns + microseconds * _NANOS_PER_MICROSECOND
    return None


def _seconds(
    date: tuple[int, int, int], time: tuple[int, int, int], zone: tzinfo | int
) -> int | None:
    hours, minutes, seconds = time
    minute_seconds = _minute_seconds(date, hours, minutes, zone)
    if minute_seconds is None or seconds > _LEAP_SECOND:
        return None
    return minute_seconds + seconds


@functools.lru_cache(_CACHED_MAX)
def _minute_seconds(
    date: tuple[int, int, int], hours: int, minutes: int, zone: tzinfo | int
) -> int | None:
    """Return when a minute begins, in seconds since 1970: neighbouring records share it."""
    try:
        moment = datetime(*date, hours, minutes, tzinfo=UTC)
        if isinstance(zone, int):
            moment -= timedelta(minutes=zone)
        else:
            moment = moment.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return (moment - _EPOCH) // _SECOND


def _seconds_without_year(
    month_and_day: tuple[int, int], time: tuple[int, int, int], context: TimeContext
) -> int | None:
    if context.written_ns is None:
        return None
    latest = context.written_ns // NANOS_PER_SECOND + _AHEAD_SECONDS_MAX
    year = _year_after(latest)
    for candidate in range(year, year - _YEARS_BACK_MAX - 2, -1):
        seconds = _seconds((candidate, *month_and_day), time, context.zone)
        if seconds is not None and seconds <= latest:
            return seconds
    return None


@functools.lru_cache(1)
def _year_after(seconds: int) -> int:
    """Return the year behind the one of a moment: in some zone it may have begun."""
    return (_EPOCH + seconds * _SECOND).year + 1
