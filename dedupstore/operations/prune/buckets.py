"""The hours, days, weeks, months and years that rules of retention count, as a zone has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple

_EPOCH = datetime(1, 1, 1)
_SECOND = timedelta(seconds=1)


class Bucket(NamedTuple):
    """A stretch of time: ``position`` orders those of one rule, ``name`` is for people."""

    position: int
    name: str


def local_time(moment: datetime, zone: tzinfo) -> datetime:
    """Return a moment as clocks in ``zone`` show it.

    Where that is outside the years 1 to 9999, as on their first and last day, it is left in UTC.
    """
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment.astimezone(UTC)


def hour_of(local: datetime) -> Bucket:
    """Return the hour of a local time, told apart from the one that clocks show twice.

    An hour is what clocks show together with their distance from UTC; so the hour that is
    repeated when summer time ends is two, and hours are in the order in which they pass.
    """
    offset = local.utcoffset() or timedelta()
    # With the zone itself, the hour's first minute could be at another distance than the moment.
    shown = local.replace(minute=0, second=0, microsecond=0, tzinfo=timezone(offset))
    begins = shown.replace(tzinfo=None) - _EPOCH - offset
    return Bucket(begins // _SECOND, shown.isoformat(timespec="hours"))


def day_of(local: datetime) -> Bucket:
    """Return the day of a local time."""
    return Bucket(local.toordinal(), local.date().isoformat())


def week_of(local: datetime) -> Bucket:
    """Return the ISO week of a local time; it belongs to the ISO year that its Thursday is in."""
    year, week, _ = local.isocalendar()
    return Bucket(100 * year + week, f"{year:04}-W{week:02}")


def month_of(local: datetime) -> Bucket:
    """Return the month of a local time."""
    return Bucket(12 * local.year + local.month, local.date().isoformat()[:7])


def year_of(local: datetime) -> Bucket:
    """Return the year of a local time."""
    return Bucket(local.year, f"{local.year:04}")
