"""Time, as something that is handed in, and its one text form."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, tzinfo
from typing import Protocol

from dedupstore.limits import ZONE_CHARACTERS_MAX

_EPOCH_SECONDS = re.compile("[0-9]{9,10}")
_DURATION_UNITS = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


class Clock(Protocol):
    """What the engine knows of time. Only ``SystemClock`` asks the machine."""

    def now(self) -> datetime:
        """Return the current time in UTC, with microseconds."""

    def monotonic_seconds(self) -> float:
        """Return seconds that never go back, for measuring durations."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the machine's current time in UTC."""
        return datetime.now(UTC)

    def monotonic_seconds(self) -> float:
        """Return the machine's monotonic clock."""
        return time.monotonic()


def format_time(moment: datetime) -> str:
    """Return ISO 8601 in UTC with ``Z``; microseconds only where they are not zero."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat() + "Z"


def format_time_ns(nanoseconds: int) -> str:
    """Return ISO 8601 in UTC with ``Z`` and nine digits for nanoseconds since 1970.

    Any 64-bit value has a text: years outside 1 to 9999 are given as ``@SECONDS.NANOS``.
    """
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    try:
        moment = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    except (OverflowError, ValueError, OSError):
        return f"@{seconds}.{fraction:09d}"
    return f"{moment.isoformat()}.{fraction:09d}Z"


def parse_time(text: str, zone: tzinfo = UTC) -> datetime:
    """Read an ISO 8601 date or time, or seconds since 1970, and return it in UTC.

    ``zone`` holds for texts without ``Z`` or an offset. A date alone means its midnight. Seconds
    are 9 or 10 digits: fewer are a date.

    Raises:
        ValueError: the text is neither, or lies outside the years 1 to 9999.
    """
    if _EPOCH_SECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(text), UTC)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"time out of range: {text}") from error


def parse_zone(name: str) -> tzinfo:
    """Return the time zone ``name``, such as ``Europe/Paris`` or ``UTC``; its text is its name.

    Raises:
        ValueError: there is no such zone.
    """
    if name.upper() in ("UTC", "Z"):
        return UTC
    import zoneinfo

    try:
        if len(name) > ZONE_CHARACTERS_MAX:
            raise ValueError("too long")
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"not a time zone: {name[:40]!r}; give one such as Europe/Paris"
        ) from error


def format_duration(seconds: int) -> str:
    """Return a duration in days, hours, minutes and seconds, as in ``7d`` or ``1d12h``."""
    parts = []
    for unit, unit_seconds in _DURATION_UNITS:
        count, seconds = divmod(seconds, unit_seconds)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
