"""The formats whose time stands at the beginning of a line: a pattern each, and how it is read.

What a pattern takes is bounded, and it never goes back over it: whoever writes a log cannot make
it slow. Where digits could mean two things, such as ``03/04/05``, there is no format for them.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

from dedupstore.logs.record_time.moments import (
    TimeContext,
    epoch_ns,
    moment_ns,
    moment_without_year_ns,
)

_Match = re.Match[bytes]
_ReadMatch = Callable[[_Match, TimeContext], int | None]

_MONTHS = {
    name: number
    for number, name in enumerate(
        (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun",
         b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"),
        start=1,
    )
}  # fmt: skip
_MONTH_NAME = rb"(?P<month>" + b"|".join(_MONTHS) + rb")"
_DAY_NAME = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_DAY = rb"(?P<day>[ 0-3]?[0-9])"
_CLOCK = rb"(?P<hour>[0-2][0-9]):(?P<minute>[0-5][0-9]):(?P<second>[0-6][0-9])"
# Possessive, as the offset is: a pattern that fits only without them does not fit.
_FRACTION = rb"(?:[.,](?P<fraction>[0-9]{1,9})[0-9]*+)?+"
# A zone that is only named, such as CET, has an offset that nobody wrote down; and what looks like
# an offset, but is none, may have been meant as one.
_OTHER_ZONES = (
    rb"[ ]?(?:A[CEKW]?[SD]T|AEST|AEDT|ART|BR[ST]T?|BST|CES?T|C[SD]T|EES?T|E[SD]T|HKT|H[SD]T|IST|JST"
    rb"|GMT|KST|MSK|M[SD]T|NZ[SD]T|P[SD]T|SAST|SGT|UTC|WES?T)\b"
    rb"|[ ]?[+-][0-9]"
)
_OFFSET = (
    rb"(?:[ ]?(?P<utc>[Zz]|UTC|GMT)\b(?![+-])"
    rb"|[ ]?(?P<sign>[+-])(?P<offset>[0-9]{2}:?[0-9]{2})(?!:?[0-9])"
    rb"|(?P<sign_of_hours>[+-])(?P<hours>[0-9]{2})(?!:?[0-9]))?+"
)
ISO = (
    rb"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})[Tt ]" + _CLOCK
    + _FRACTION + _OFFSET + rb"(?![0-9])(?!" + _OTHER_ZONES + rb")"
)  # fmt: skip
_LEVEL = rb"(?:(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL|SEVERE)[ :]{1,8})?"
_BRACKET = rb"\[?"
_PRIORITY = rb"<[0-9]{1,3}>"
_EPOCH_END = rb"(?=[\s,;|:\]]|\Z)"


@dataclass(frozen=True)
class LineFormat:
    """A format: the pattern that the beginning of a record has, and how its time is read.

    The pattern is compiled when a log is looked at: commands that cut no log start without it.

    ``is_number`` says that the time is a bare number, which alone proves little, and
    ``lacks_year`` that there may be no year in it.
    """

    name: str
    pattern: bytes
    read: _ReadMatch
    is_number: bool = False
    lacks_year: bool = False

    def time_ns(self, line: bytes, context: TimeContext) -> int | None:
        """Return the time of the record that begins with ``line``; ``None`` where none does."""
        found = self._compiled.match(line)
        return self.read(found, context) if found else None

    @functools.cached_property
    def _compiled(self) -> re.Pattern[bytes]:
        return re.compile(self.pattern, re.DOTALL)


def read_iso(found: _Match, context: TimeContext) -> int | None:
    """Return the moment of a match of ``ISO``."""
    date = int(found["year"]), int(found["month"]), int(found["day"])
    zone = context.zone if (offset := _offset_minutes(found)) is None else offset
    return moment_ns(date, _time(found), found["fraction"], zone)


def _offset_minutes(found: _Match) -> int | None:
    if found["utc"]:
        return 0
    digits = (found["offset"] or found["hours"] or b"").replace(b":", b"")
    if not digits:
        return None
    minutes = int(digits[:2]) * 60 + int(digits[2:] or b"0")
    return -minutes if b"-" in (found["sign"], found["sign_of_hours"]) else minutes


def _time(found: _Match) -> tuple[int, int, int]:
    return int(found["hour"]), int(found["minute"]), int(found["second"])


def _read_local(found: _Match, context: TimeContext) -> int | None:
    """Read a time with a year, but without a zone."""
    date = int(found["year"]), _month(found), int(found["day"])
    return moment_ns(date, _time(found), found["fraction"], context.zone)


def _read_without_year(found: _Match, context: TimeContext) -> int | None:
    day = _month(found), int(found["day"])
    return moment_without_year_ns(day, _time(found), found["fraction"], context)


def _month(found: _Match) -> int:
    name: bytes = found["month"]
    return _MONTHS.get(name) or int(name)


def _read_clf(found: _Match, context: TimeContext) -> int | None:
    date = int(found["year"]), _month(found), int(found["day"])
    offset = int(found["sign"] + found["hours"]) * 60 + int(found["sign"] + found["minutes"])
    return moment_ns(date, _time(found), None, offset)


def _read_epoch(found: _Match, context: TimeContext) -> int | None:
    whole = epoch_ns(int(found["number"]))
    if whole is None or not found["fraction"]:
        return whole
    return whole + int(found["fraction"].ljust(9, b"0"))


def _read_klog(found: _Match, context: TimeContext) -> int | None:
    return (_read_local if found["year"] else _read_without_year)(found, context)


def _line_format(
    name: str, pattern: bytes, read: _ReadMatch, *, lacks_year: bool = False
) -> LineFormat:
    return LineFormat(name, pattern, read, lacks_year=lacks_year)


def _epoch_format(unit: str, digits: int) -> LineFormat:
    pattern = _BRACKET + rb"(?P<number>1[0-9]{%d})(?P<fraction>)" % (digits - 1) + _EPOCH_END
    return LineFormat(f"epoch {unit}", pattern, _read_epoch, is_number=True)


LINE_FORMATS = (
    _line_format("ISO 8601", _LEVEL + _BRACKET + ISO, read_iso),
    _line_format("RFC 5424", _PRIORITY + rb"[0-9]{1,2} " + ISO, read_iso),
    _line_format(
        "RFC 3164",
        rb"(?:" + _PRIORITY + rb")?" + _MONTH_NAME + rb" " + _DAY + rb" " + _CLOCK + _FRACTION
        + rb"(?= )(?! (?:19|20)[0-9]{2}\b)",
        _read_without_year,
        lacks_year=True,
    ),
    _line_format(
        "CLF",
        rb'[^\["]{1,512}+\[(?P<day>[0-9]{2})/' + _MONTH_NAME + rb"/(?P<year>[0-9]{4}):" + _CLOCK
        + rb" (?P<sign>[+-])(?P<hours>[0-9]{2})(?P<minutes>[0-9]{2})\]",
        _read_clf,
    ),
    _line_format(
        "slashes",
        _BRACKET + rb"(?P<year>[0-9]{4})/(?P<month>[0-9]{2})/(?P<day>[0-9]{2}) " + _CLOCK
        + _FRACTION + rb"(?![0-9])(?!" + _OTHER_ZONES + rb")",
        _read_local,
    ),
    _line_format(
        "ctime",
        _BRACKET + _DAY_NAME + rb" " + _MONTH_NAME + rb" " + _DAY + rb" " + _CLOCK + _FRACTION
        + rb" (?P<year>[0-9]{4})\b",
        _read_local,
    ),
    _line_format(
        "klog",
        rb"[IWEF](?P<year>[0-9]{4})?(?P<month>[0-9]{2})(?P<day>[0-9]{2}) " + _CLOCK
        + rb"\.(?P<fraction>[0-9]{6})(?= )",
        _read_klog,
        lacks_year=True,
    ),
    _line_format(
        "logfmt",
        rb"(?:time|timestamp|ts|t|at)=\"?" + ISO,
        read_iso,
    ),
    _line_format(
        "audit",
        rb"(?:node=[^ ]{1,256} )?type=[^ ]{1,64} msg=audit\((?P<number>[0-9]{10})"
        rb"\.(?P<fraction>[0-9]{3}):[0-9]{1,20}\)",
        _read_epoch,
    ),
    _line_format(
        "epoch seconds with fraction",
        _BRACKET + rb"(?P<number>1[0-9]{9})\.(?P<fraction>[0-9]{3,9})" + _EPOCH_END,
        _read_epoch,
    ),
    _epoch_format("seconds", 10),
    _epoch_format("milliseconds", 13),
    _epoch_format("microseconds", 16),
    _epoch_format("nanoseconds", 19),
)  # fmt: skip
"""The formats, in the order in which they are tried."""
