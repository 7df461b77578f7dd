"""Sizes, durations and times as people write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, tzinfo

import click

from dedupstore.clock import parse_time, parse_zone

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?)b?", re.IGNORECASE)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|mo|m|h|d|w|y)")
_EXPONENTS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_SECONDS = {
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
    "mo": 30 * 86400.0,
    "y": 365 * 86400.0,
}
_SIZE_MAX = 1 << 63
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")


def parse_size(text: str) -> int:
    """Return the bytes that ``64KiB``, ``10MB`` or ``4096`` mean.

    Raises:
        ValueError: the text is no size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a size: {text!r}; give one such as 64KiB or 10MB")
    number, prefix, binary = match.groups()
    unit_bytes: int = (1024 if binary else 1000) ** _EXPONENTS[prefix.lower()]
    size = float(number) * unit_bytes
    if size >= _SIZE_MAX:
        raise ValueError(f"not a size: {text[:40]!r} is more than 64 bits can count")
    return round(size)


def parse_percent(text: str) -> float:
    """Return the number that ``5%``, ``5`` or ``0.5%`` mean, from 0 to 100.

    Raises:
        ValueError: the text is no share.
    """
    match = re.fullmatch(r"(\d{1,3}(?:\.\d{1,9})?)\s*%?", text.strip(), re.ASCII)
    if match is None or float(match.group(1)) > 100:
        raise ValueError(f"not a share: {text[:40]!r}; give one from 0% to 100%")
    return float(match.group(1))


def parse_duration_seconds(text: str) -> float:
    """Return the seconds that ``90s``, ``15m``, ``12h``, ``7d``, ``4w``, ``6mo`` or ``2y`` mean.

    A month counts as 30 days and a year as 365; several may stand together, as in ``1h30m``.

    Raises:
        ValueError: the text is no duration.
    """
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"not a duration: {text!r}; give one such as 90s, 15m, 12h or 7d")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def format_size(size: int) -> str:
    """Return a size for people: exact below 1 KiB, else three or four digits."""
    if size < 1024:
        return f"{size} B"
    scaled = float(size)
    for unit in _UNITS:
        scaled /= 1024
        if scaled < 999.95 or unit == _UNITS[-1]:
            break
    return f"{scaled:.1f} {unit}"


class ParsedType(click.ParamType):  # type: ignore[type-arg]  # not generic in older clicks
    """A type of option values that a function reads and may refuse with a ``ValueError``."""

    def __init__(self, name: str, parse: Callable[[str], object]) -> None:
        self.name = name
        self._parse = parse

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        """Return what the text means, or fail with what is wrong with it."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


SIZE = ParsedType("size", parse_size)
PERCENT = ParsedType("percent", parse_percent)
DURATION = ParsedType("duration", parse_duration_seconds)
ZONE = ParsedType("zone", parse_zone)


def read_time(text: str, zone: tzinfo, option: str) -> datetime:
    """Return the time that the value of ``option`` means.

    Raises:
        click.BadParameter: it is no time.
    """
    try:
        return parse_time(text, zone)
    except ValueError as error:
        raise click.BadParameter(
            f"not a time: {text!r}; give ISO 8601, such as 2026-03-01T12:00:00Z",
            param_hint=option,
        ) from error
