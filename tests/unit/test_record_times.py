"""The table of time formats: what each takes, what it means, and what is left alone."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dedupstore.logs.record_time.moments import TimeContext, epoch_ns, moment_ns
from dedupstore.logs.record_time.recognition import FORMATS, recognise
from rules.source_tree import ROOT

WRITTEN_NS = 1_772_409_600_000_000_000  # 2026-03-02T00:00:00Z
CONTEXT = TimeContext(UTC, WRITTEN_NS)

LINES = [
    # a line, the name of its format, the time in UTC
    ("2026-03-01T12:30:45Z up", "ISO 8601", "2026-03-01T12:30:45"),
    ("2026-03-01T12:30:45.123456789Z stdout F up", "ISO 8601", "2026-03-01T12:30:45.123456"),
    ("2026-03-01T12:30:45+01:00 host app: up", "ISO 8601", "2026-03-01T11:30:45"),
    ("2026-03-01T12:30:45.500-0530: 0.5: [GC]", "ISO 8601", "2026-03-01T18:00:45.5"),
    ("2026-03-01 12:30:45.123+00 LOG: up", "ISO 8601", "2026-03-01T12:30:45.123"),
    ("2026-03-01 12:30:45.123 UTC [7] LOG: up", "ISO 8601", "2026-03-01T12:30:45.123"),
    ("2026-03-01 12:30:45 +0200 up", "ISO 8601", "2026-03-01T10:30:45"),
    ("2026-03-01 12:30:45,978 INFO [main] up", "ISO 8601", "2026-03-01T12:30:45.978"),
    ("2026-03-01 12:30:45,282 - 139949494049568 - up", "ISO 8601", "2026-03-01T12:30:45.282"),
    ("2026-03-01 12:30:45.978:INFO:up", "ISO 8601", "2026-03-01T12:30:45.978"),
    ("[2026-03-01 12:30:45,609] TRACE up", "ISO 8601", "2026-03-01T12:30:45.609"),
    ("WARN  [2026-03-01 12:30:45] up", "ISO 8601", "2026-03-01T12:30:45"),
    ("2026-06-30T23:59:60Z a leap second", "ISO 8601", "2026-07-01T00:00:00"),
    ("<34>1 2026-03-01T12:30:45.003Z host su - ID47 - up", "RFC 5424", "2026-03-01T12:30:45.003"),
    ("<165>1 2026-03-01T12:30:45-07:00 host app", "RFC 5424", "2026-03-01T19:30:45"),
    ("Mar  1 12:30:45 host sshd[7]: up", "RFC 3164", "2026-03-01T12:30:45"),
    ("<13>Feb 28 12:30:45 host app: up", "RFC 3164", "2026-02-28T12:30:45"),
    ("Dec 31 23:59:59 host app: up", "RFC 3164", "2025-12-31T23:59:59"),
    ("Mar  2 23:00:00 host app: up", "RFC 3164", "2026-03-02T23:00:00"),
    ("Mar  4 00:00:00 host app: up", "RFC 3164", "2025-03-04T00:00:00"),
    ("Feb 29 12:00:00 host app: up", "RFC 3164", "2024-02-29T12:00:00"),
    ('::1 - - [01/Mar/2026:12:30:45 -0700] "GET / HTTP/1.1" 200', "CLF", "2026-03-01T19:30:45"),
    ('web:80 10.0.0.1 - ann lee [01/Mar/2026:12:30:45 +0000] "-"', "CLF", "2026-03-01T12:30:45"),
    ("2026/03/01 12:30:45 [error] 7#7: *1 up", "slashes", "2026-03-01T12:30:45"),
    ("2026/03/01 12:30:45.000123 main.go:1: up", "slashes", "2026-03-01T12:30:45.000123"),
    ("[Sun Mar 01 12:30:45.123456 2026] [core:error] up", "ctime", "2026-03-01T12:30:45.123456"),
    ("Sun Mar  1 12:30:45 2026 up", "ctime", "2026-03-01T12:30:45"),
    ("I0301 12:30:45.000001       7 main.go:1] up", "klog", "2026-03-01T12:30:45.000001"),
    ("E20260301 12:30:45.000001  7 main.cc:1] up", "klog", "2026-03-01T12:30:45.000001"),
    ('time="2026-03-01T12:30:45Z" level=info msg=up', "logfmt", "2026-03-01T12:30:45"),
    ("ts=2026-03-01T12:30:45.5Z caller=main.go:1", "logfmt", "2026-03-01T12:30:45.5"),
    ("type=USER msg=audit(1772368245.123:42): pid=7", "audit", "2026-03-01T12:30:45.123"),
    (
        "1772368245.123    87 10.0.0.1 TCP_MISS/200",
        "epoch seconds with fraction",
        "2026-03-01T12:30:45.123",
    ),
    (
        "1772368245.865716\tCqKst5\t10.47.1.100",
        "epoch seconds with fraction",
        "2026-03-01T12:30:45.865716",
    ),
    ("1772368245 up", "epoch seconds", "2026-03-01T12:30:45"),
    ("[1772368245] SERVICE ALERT: up", "epoch seconds", "2026-03-01T12:30:45"),
    ("1772368245123,up", "epoch milliseconds", "2026-03-01T12:30:45.123"),
    ("1772368245123456|up", "epoch microseconds", "2026-03-01T12:30:45.123456"),
    ("1772368245123456789 up", "epoch nanoseconds", "2026-03-01T12:30:45.123456"),
    (
        r'{"log":"\"time\":\"1999\"\n","stream":"stdout","time":"2026-03-01T12:30:45.1234Z"}',
        "JSON time",
        "2026-03-01T12:30:45.1234",
    ),
    ('{"a":{"ts":1},"ts":1772368245.5}', "JSON ts", "2026-03-01T12:30:45.5"),
    ('{"a":"\udcff","ts":1772368245.7}', "JSON ts", "2026-03-01T12:30:45.7"),
    ('{"timestamp":1772368245123,"pid":7}', "JSON timestamp", "2026-03-01T12:30:45.123"),
    (
        '{"time":"x","@timestamp":"2026-03-01T12:30:45Z","timestamp":7}',
        "JSON @timestamp",
        "2026-03-01T12:30:45",
    ),
    ('{"asctime":"2026-03-01 12:30:45,123"}', "JSON asctime", "2026-03-01T12:30:45.123"),
]

LEFT_ALONE = [
    "",
    "no time at all",
    "03/04/05 12:30:45 day, month or year first?",
    "15/10/18 18:01:47 INFO a day or a year?",
    "01.03.2026 12:30:45 a day or a month?",
    "081109 203518 143 INFO six digits",
    "[10.30 16:49:06] no year, in an order that nobody names",
    "12:30:45 no date",
    "2026-03-01 no time of day",
    "2026-03-01 12:30:45 CET a zone that is only named",
    "2026-03-01 12:30:45.123 CEST a zone that is only named",
    "2026-03-01 12:30:45 GMT+1 east or west?",
    "2026-03-01 12:30:45 -05 an offset, or a number?",
    "2026-03-01 12:30:45-7 an offset, or a number?",
    "2026-03-01 12:30:45+01:00:30 an offset with seconds",
    "2026-13-01 12:30:45 no such month",
    "2026-02-30 12:30:45 no such day",
    "2026-03-01 25:30:45 no such hour",
    "2026-03-01 12:30:99 no such second",
    "20260-03-01 12:30:45 more digits",
    "Mar  1 2026 12:30:45 a year before the time",
    "Mar  1 12:30:45 2026 a year behind the time",
    "12345678901 a number",
    "0772368245 a number",
    "1772368245x a number",
    '{"time":"2026-03-01T12:30:45Z"',
    '{"time":"yesterday"}',
    '{"time":true}',
    '{"time":NaN}',
    '{"time":1e400}',
    '{"time":{"time":"2026-03-01T12:30:45Z"}}',
    '["2026-03-01T12:30:45Z"]',
    '{"a":' * 5000,
    '{"time":' + "9" * 4000 + "}",
    '{"time":' + "9" * 5000 + "}",
    '{"time":-1e300}',
]


def read(line: str, context: TimeContext = CONTEXT) -> tuple[str, int] | None:
    """Return the first format that takes a line, and the time in nanoseconds since 1970."""
    for found in FORMATS:
        time_ns = found.time_ns(os.fsencode(line), context)
        if time_ns is not None:
            return found.name, time_ns
    return None


def nanoseconds(text: str) -> int:
    """Return the nanoseconds since 1970 of a time in UTC."""
    since = datetime.fromisoformat(text + "+00:00") - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1) * 1000


@pytest.mark.parametrize(("line", "name", "expected"), LINES)
def test_times_are_read(line: str, name: str, expected: str) -> None:
    """Each line of the table is of the format that it shows, and its time is the one written."""
    found = read(line)
    assert found is not None
    assert found[0] == name
    assert found[1] // 1000 * 1000 == nanoseconds(expected)


def test_every_format_is_shown() -> None:
    """No format of the table goes without an example, but for keys that differ in name only."""
    shown = {name for _, name, _ in LINES}
    assert {found.name for found in FORMATS} - shown == {"JSON datetime"}


@pytest.mark.parametrize("line", LEFT_ALONE, ids=lambda line: line[:40])
def test_what_is_not_certain_is_left_alone(line: str) -> None:
    """A time that could mean two moments, or is none, is not read."""
    assert read(line) is None


def test_every_format_is_in_the_manual() -> None:
    """The page on times in logs names every format, and every key of JSON objects."""
    page = (ROOT / "docs" / "log-times.md").read_text(encoding="utf-8")
    rows = "\n".join(line for line in page.splitlines() if line.startswith("| "))
    for found in FORMATS:
        kind, _, key = found.name.partition(" ")
        named = (
            f"`{key}`" if kind == "JSON" else f"| {'epoch' if kind == 'epoch' else found.name} |"
        )
        assert named in rows


def test_a_zone_holds_where_none_is_written() -> None:
    """Times without an offset are in the zone of the context, in summer as in winter."""
    berlin = TimeContext(ZoneInfo("Europe/Berlin"), WRITTEN_NS)
    for line, expected in (
        ("2025-07-01 12:00:00 up", "2025-07-01T10:00:00"),
        ("2025-12-01 12:00:00 up", "2025-12-01T11:00:00"),
        ("Jul  1 12:00:00 host app: up", "2025-07-01T10:00:00"),
        ("2025-07-01T12:00:00Z up", "2025-07-01T12:00:00"),
    ):
        found = read(line, berlin)
        assert found is not None
        assert found[1] == nanoseconds(expected)


def test_a_year_is_never_made_up() -> None:
    """Where it is not known when a log was written, times without a year are not read."""
    assert read("Mar  1 12:30:45 host sshd[7]: up", TimeContext(UTC, None)) is None
    assert read("I0301 12:30:45.000001 7 main.go:1] up", TimeContext(UTC, None)) is None


@pytest.mark.parametrize("edge", [-(1 << 63), -1, 0, (1 << 63) - 1])
def test_any_modification_time_can_be_taken(edge: int) -> None:
    """A log whose modification time is at an end of what 64 bits can say raises nothing."""
    found = read("Mar  1 12:30:45 host sshd[7]: up", TimeContext(UTC, edge))
    assert found is None or found[1] <= edge + 86_400_000_000_000


def test_a_float_is_no_later_than_it_was_written() -> None:
    """What a float adds to the microseconds of a time does not make it later."""
    assert epoch_ns(1_772_368_245.7) == 1_772_368_245_700_000_000
    assert epoch_ns(1_772_368_245_123.4) == 1_772_368_245_123_400_000


def test_impossible_moments_are_none() -> None:
    """Moments outside of the years 1 to 9999, and numbers too small for a time, are none."""
    assert moment_ns((0, 1, 1), (0, 0, 0), None, UTC) is None
    assert moment_ns((1, 1, 1), (0, 0, 0), None, 60) is None
    assert moment_ns((9999, 12, 31), (23, 59, 59), None, -60) is None
    assert epoch_ns(99_999_999) is None
    assert epoch_ns(10**20) is None


JAVA = b"""2026-03-01 12:30:45,978 ERROR [main] failed
java.lang.IllegalStateException: no
\tat a.B.c(B.java:1)
\tat a.B.d(B.java:2)
Caused by: java.io.IOException
\t... 2 more
2026-03-01 12:30:46,000 INFO [main] up"""


def test_stack_traces_do_not_hide_a_format() -> None:
    """A log that is mostly stack traces is recognised by its records."""
    found = recognise(JAVA.split(b"\n"), CONTEXT)
    assert found is not None
    assert found.name == "ISO 8601"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n\n",
        b"a shopping list\nbread\nmilk\n2026-03-01 12:30:45 eggs",
        b"2026-03-01 12:30:45 a\n2026/03/01 12:30:45 b\n",
        b"1772368245\n1172368245\n1972368245\n1072368245\n",
        b"4000000000 up\n",
        b"1972368245 a number in the future of its file\n",
    ],
)
def test_a_log_is_recognised_only_where_that_is_certain(text: bytes) -> None:
    """Few dated lines, lines of two formats, and numbers that jump make no log."""
    assert recognise(text.split(b"\n"), CONTEXT) is None


def test_numbers_that_go_on_are_times() -> None:
    """Seconds since 1970 are recognised if they hardly ever go back."""
    lines = [b"%d up" % (1_772_368_245 + number) for number in range(50)]
    lines[7], lines[8] = lines[8], lines[7]
    found = recognise(lines, CONTEXT)
    assert found is not None
    assert found.name == "epoch seconds"


HOSTILE = [
    b"[" * 200_000,
    b"2026-03-01 12:30:45." + b"1" * 200_000 + b"x",
    b"a" * 200_000 + b"[",
    b"type=" + b"a" * 200_000,
    b"node=" + b" " * 200_000,
    b"<1" * 100_000,
    b"Mar " * 50_000,
    b"INFO " * 40_000,
    b"1" * 200_000,
    b'{"time":"' + b"2026-03-01T12:30:45" * 10_000 + b'"}',
]


@pytest.mark.parametrize("line", HOSTILE, ids=lambda line: repr(line[:12]))
def test_a_hostile_line_takes_no_time(line: bytes) -> None:
    """No line makes a pattern go back and forth: a long one is read in milliseconds."""
    began = time.process_time()
    for found in FORMATS:
        found.time_ns(line, CONTEXT)
    assert time.process_time() - began < 1
