"""Sizes, durations and zones are read as people mean them, or refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupstore.cli.quantities import (
    DURATION,
    SIZE,
    format_size,
    parse_duration_seconds,
    parse_size,
    read_time,
)
from dedupstore.clock import parse_zone

DAY = 86_400


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("4096b", 4096),
        ("64KiB", 65_536),
        ("64k", 64_000),
        ("64Ki", 65_536),
        ("10MB", 10_000_000),
        ("1.5 GiB", 1_610_612_736),
        (" 2tib ", 2 << 40),
        ("7 kb", 7_000),
        ("2T", 2 * 10**12),
        ("1P", 10**15),
    ],
)
def test_a_size_is_read(text: str, size: int) -> None:
    """Units with an i count by 1024, others by 1000, in letters of either case."""
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "", "k", "KiB", "-1", "1e3", "1.KiB", ".5k", "1 000", "1,5MB", "64 K i B", "1EB", "0x10",
        "10 parsecs", "∞", "9999999P", "9" * 400,
    ],
)  # fmt: skip
def test_what_is_no_size_is_refused(text: str) -> None:
    """Texts that are no size are refused with what they are."""
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


@given(st.integers(0, 1 << 50))
def test_whole_bytes_are_read_exactly(size: int) -> None:
    """A plain number of bytes is read as it is."""
    assert parse_size(str(size)) == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("12h", 43_200),
        ("7d", 7 * DAY),
        ("4w", 28 * DAY),
        ("6mo", 180 * DAY),
        ("2y", 730 * DAY),
        ("0s", 0),
        ("1h30m", 5_400),
        ("0.5s", 0.5),
        ("0.5d", 43_200),
        ("1m1mo", 60 + 30 * DAY),
    ],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    """Each unit counts what it says; m are minutes and mo months; several add up."""
    assert parse_duration_seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "10", "m", "-1h", "1 h", "1h ", "1h,2m", "1h-30m", "1H", "1x", "1hour", "1mon", "month"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    """A number without a unit, or anything around a duration, is refused."""
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration_seconds(text)


@pytest.mark.parametrize("name", ["UTC", "utc", "Z", "z"])
def test_utc_needs_no_zone_files(name: str) -> None:
    """UTC is known by its names wherever the program runs."""
    assert parse_zone(name) is UTC


def test_a_zone_is_found_by_name() -> None:
    """A zone of the IANA database is read with its summer time."""
    summer = datetime(2026, 7, 1, tzinfo=parse_zone("Europe/Paris"))
    assert summer.utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "a\0b"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    """Unknown names, and names that leave the database's folder, are refused."""
    with pytest.raises(ValueError, match="not a time zone"):
        parse_zone(name)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1023 * 1024, "1.0 MiB"),
        (1_048_524, "1.0 MiB"),
        (10 << 20, "10.0 MiB"),
        (999 << 30, "999.0 GiB"),
        (5 << 40, "5.0 TiB"),
        (5 << 50, "5.0 PiB"),
        (5000 << 50, "5000.0 PiB"),
    ],
)
def test_a_size_is_written_for_people(size: int, text: str) -> None:
    """Sizes are written in the unit that keeps the number short."""
    assert format_size(size) == text


@given(st.integers(0, 1 << 60))
def test_a_written_size_is_nearly_the_size(size: int) -> None:
    """What is written is never further than its last digit from the truth."""
    number, unit = format_size(size).split()
    scale = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "PiB": 1 << 50}
    assert abs(float(number) * scale[unit] - size) <= 0.0501 * scale[unit] * (unit != "B")


def test_a_wrong_value_is_wrong_usage() -> None:
    """What a parser refuses, the command line tells as wrong usage, and passes on its defaults."""
    assert SIZE.convert("64KiB", None, None) == 65_536
    assert DURATION.convert(0.0, None, None) == 0.0
    with pytest.raises(click.UsageError, match="not a duration"):
        DURATION.convert("soon", None, None)
    with pytest.raises(click.UsageError, match="not a time"):
        read_time("soon", UTC, "--time")
