"""What the name of a file says about rotation: which log it is a part of, and how old a part.

The names are those of logrotate (numbers, ``dateext`` with its ``dateformat``, ``extension``),
newsyslog and savelog, syslog-ng, Python's ``RotatingFileHandler`` and
``TimedRotatingFileHandler``, log4j, log4j2 and logback, Kafka, Tomcat, glog and IIS.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import cache
from typing import NamedTuple

COMPRESSION_SUFFIXES = (b".gz", b".bz2", b".xz", b".zst", b".Z", b".lzma", b".lz4", b".zip")

_NUMBER_DIGITS_MAX = 4
_LOG_EXTENSIONS = frozenset(
    (
        b"audit", b"csv", b"err", b"error", b"json", b"jsonl", b"log", b"ndjson", b"out", b"trace",
        b"txt",
    )
)  # fmt: skip
_LOG_NAMES = frozenset(
    (
        b"alert", b"audit", b"boot", b"btmp", b"cron", b"daemon", b"debug", b"dmesg", b"error",
        b"kern", b"local", b"mail", b"messages", b"secure", b"security", b"spooler", b"trace",
        b"user", b"warn", b"wtmp",
    )
)  # fmt: skip
_LOG_FOLDERS = frozenset((b"log", b"logs"))

_YEAR = rb"(?P<year>(?:19[7-9]|20[0-9])[0-9])"
_MONTH = rb"(?P<month>0[1-9]|1[0-2])"
_DAY = rb"(?P<day>0[1-9]|[12][0-9]|3[01])"
# What stands behind a date: hours, minutes, an index, a process, seconds since 1970. Whatever it
# is, a greater number is younger.
_MORE = rb"(?P<more>(?:[-_.T:][0-9]{1,10}){0,4})"
_DATES = (
    _YEAR + rb"(?P<between>[-_.])" + _MONTH + rb"(?P=between)" + _DAY + _MORE,
    _YEAR + _MONTH + _DAY + rb"(?P<joined>(?:[0-9]{2}){0,3})" + _MORE,
    _YEAR + rb"[-_]?" + _MONTH,
    _YEAR,
)
_SEPARATOR = rb"[-._]"
# Every name that is sure has one of these: a year or seconds, a number or "old" of its own, a date
# of IIS. Most names have none, and need not be looked at further.
_TELLING = re.compile(
    rb"[-._](?:(?:19[7-9]|20[0-9])[0-9]|1[0-9]{9})"
    rb"|\.(?:[0-9]{1,%d}|old)(?:\.|\Z)"
    rb"|(?:ex|in|nc)[0-9]{6}" % _NUMBER_DIGITS_MAX
)


class _Patterns(NamedTuple):
    dated: tuple[re.Pattern[bytes], ...]
    epoch: re.Pattern[bytes]
    numbered: re.Pattern[bytes]
    old: re.Pattern[bytes]
    iis: re.Pattern[bytes]
    version: re.Pattern[bytes]
    manual: re.Pattern[bytes]


@cache
def _patterns() -> _Patterns:
    """Compile them all, for the first name that is looked at: those of known files are not."""
    stem = rb"(?P<stem>.*[^-._])"
    number = rb"(?P<number>[0-9]{1,%d})" % _NUMBER_DIGITS_MAX
    iis_stem = rb"(?P<stem>(?:u_|x_)?(?:ex|in|nc))"
    iis_day = rb"(?P<year>[0-9]{2})" + _MONTH + _DAY
    return _Patterns(
        # The earliest separator that leaves a date behind it wins: the base never takes a part of
        # it.
        dated=tuple(
            re.compile(rb"(?P<stem>.*?[^-._])" + _SEPARATOR + date, re.DOTALL) for date in _DATES
        ),
        epoch=re.compile(stem + _SEPARATOR + rb"(?P<seconds>1[0-9]{9})", re.DOTALL),
        numbered=re.compile(stem + rb"\." + number, re.DOTALL),
        old=re.compile(stem + rb"\.old", re.DOTALL),
        iis=re.compile(iis_stem + iis_day + rb"(?P<hour>[0-9]{2})?"),
        version=re.compile(rb"(?:.*[-._])?v?[0-9]+|.*\.so", re.DOTALL),
        manual=re.compile(rb"(?:^|/)man(?:/|[0-9][^/]*/)"),
    )


class Certainty(IntEnum):
    """How sure a name alone makes it that a file is a part of the log it seems to be of."""

    WITH_BASE = 1
    """Only if that log exists: ``worker.1.log`` may be a log of its own."""
    WITH_OTHERS = 2
    """If that log, or another part of it, exists: ``notes.2``."""
    CERTAIN = 3
    """It looks like a part of a log by itself: ``app.log.2``."""


class Scheme(IntEnum):
    """How the age of a part is told; the orders of two schemes cannot be compared."""

    LIVE = 1
    NUMBER = 2
    DATE = 3
    EPOCH = 4
    OLD = 5
    COMPRESSED = 6


class RotatedName(NamedTuple):
    """What a path says.

    ``base`` is the path of the log; ``order`` is greater for younger parts of the same
    ``scheme``; ``compression`` is the suffix, such as ``.gz``, or empty. A path that says nothing
    is the log itself: ``LIVE``, and ``base`` is the path.
    """

    base: bytes
    scheme: Scheme
    order: tuple[int, ...]
    compression: bytes
    certainty: Certainty


def rotated_name(path: bytes) -> RotatedName:
    """Return what the name at the end of ``path`` says about rotation.

    Whether it may be believed is for the caller to decide, who may know what else exists.
    """
    folder, slash, name = path.rpartition(b"/")
    above = folder + slash
    stem, compression = _without_compression(name)
    found = _parse(stem)
    if found is not None:
        base, scheme, order, certainty = found
        if certainty is Certainty.CERTAIN and not _looks_like_log(above, base):
            certainty = Certainty.WITH_OTHERS
        return RotatedName(above + base, scheme, order, compression, certainty)
    if compression:
        base = above + stem
        return RotatedName(base, Scheme.COMPRESSED, (), compression, Certainty.WITH_OTHERS)
    return RotatedName(path, Scheme.LIVE, (), b"", Certainty.CERTAIN)


def lineage_of(path: bytes) -> bytes:
    """Return the path of the log that ``path`` is an older part of, where its name makes it sure.

    Empty where it does not, or ``path`` is the log itself.
    """
    if not _TELLING.search(path, path.rfind(b"/") + 1):
        return b""
    name = rotated_name(path)
    if name.scheme is Scheme.LIVE or name.certainty is not Certainty.CERTAIN:
        return b""
    return name.base


def beginning_of_parts(log: bytes) -> bytes:
    """Return what the path of every file begins with whose ``rotated_name`` has ``log`` as base."""
    folder, slash, name = log.rpartition(b"/")
    front, dot, _ = name.rpartition(b".")
    # Numbers and dates may stand before the extension.
    return folder + slash + (front if dot else name)


def _without_compression(name: bytes) -> tuple[bytes, bytes]:
    if not name.endswith(COMPRESSION_SUFFIXES):
        return name, b""
    for suffix in COMPRESSION_SUFFIXES:
        if name.endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)], suffix
    return name, b""


_Found = tuple[bytes, Scheme, tuple[int, ...], Certainty]


def _parse(stem: bytes) -> _Found | None:
    """Return what an uncompressed name says: behind the log's name, or before its extension."""
    patterns = _patterns()
    found = _parse_dated(stem)
    if found is not None:
        base, scheme, order = found
        return base, scheme, order, Certainty.CERTAIN
    if (number := patterns.numbered.fullmatch(stem)) and not patterns.version.fullmatch(
        number["stem"]
    ):
        return number["stem"], Scheme.NUMBER, (-int(number["number"]),), Certainty.CERTAIN
    if old := patterns.old.fullmatch(stem):
        return old["stem"], Scheme.OLD, (), Certainty.CERTAIN
    front, dot, extension = stem.rpartition(b".")
    if not front or extension.lower() not in _LOG_EXTENSIONS:
        return None
    found = _parse_iis(front) or _parse_dated(front)
    if found is not None:
        base, scheme, order = found
        return base + dot + extension, scheme, order, Certainty.CERTAIN
    if number := patterns.numbered.fullmatch(front):
        base = number["stem"] + dot + extension
        return base, Scheme.NUMBER, (-int(number["number"]),), Certainty.WITH_BASE
    return None


def _parse_dated(stem: bytes) -> tuple[bytes, Scheme, tuple[int, ...]] | None:
    for pattern in _patterns().dated:
        if dated := pattern.fullmatch(stem):
            parts = dated.groupdict(b"")
            day = (int(parts["year"]), int(parts.get("month") or 0), int(parts.get("day") or 0))
            joined = (int(parts["joined"].ljust(6, b"0")),) if parts.get("joined") else ()
            more = tuple(map(int, re.findall(rb"[0-9]+", parts.get("more", b""))))
            return parts["stem"], Scheme.DATE, (*day, *joined, *more)
    if epoch := _patterns().epoch.fullmatch(stem):
        return epoch["stem"], Scheme.EPOCH, (int(epoch["seconds"]),)
    return None


def _parse_iis(front: bytes) -> tuple[bytes, Scheme, tuple[int, ...]] | None:
    dated = _patterns().iis.fullmatch(front)
    if dated is None:
        return None
    hour = (int(dated["hour"]),) if dated["hour"] else ()
    day = (2000 + int(dated["year"]), int(dated["month"]), int(dated["day"]))
    return dated["stem"], Scheme.DATE, (*day, *hour)


def _looks_like_log(above: bytes, base: bytes) -> bool:
    lowered = base.lower()
    if _patterns().manual.search(above) or lowered.endswith(b".so"):
        return False
    if b"log" in lowered or not _LOG_FOLDERS.isdisjoint(above.lower().split(b"/")):
        return True
    front, _, extension = lowered.rpartition(b".")
    return lowered in _LOG_NAMES or (bool(front) and extension in (b"out", b"err"))
