"""What names say about rotation, for the programs that rotate, and for names that only look so."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupstore.logs.rotation_names import (
    Certainty,
    Scheme,
    beginning_of_parts,
    lineage_of,
    rotated_name,
)

CERTAIN = [
    # logrotate: numbers, extension, dateext with several dateformats, olddir
    ("var/log/syslog.1", "var/log/syslog", Scheme.NUMBER),
    ("var/log/syslog.2.gz", "var/log/syslog", Scheme.NUMBER),
    ("var/log/nginx/access.log.14.gz", "var/log/nginx/access.log", Scheme.NUMBER),
    ("srv/app.log.1.xz", "srv/app.log", Scheme.NUMBER),
    ("srv/app.log.1.bz2", "srv/app.log", Scheme.NUMBER),
    ("srv/app.log.1.zst", "srv/app.log", Scheme.NUMBER),
    ("var/log/messages-20260301", "var/log/messages", Scheme.DATE),
    ("var/log/messages-20260301.gz", "var/log/messages", Scheme.DATE),
    ("var/log/app.log-2026-03-01", "var/log/app.log", Scheme.DATE),
    ("var/log/app-20260301.log", "var/log/app.log", Scheme.DATE),
    ("var/log/app.log-2026030112", "var/log/app.log", Scheme.DATE),
    ("var/log/app.log-20260301-1772366400", "var/log/app.log", Scheme.DATE),
    ("var/log/app.log-1772366400.gz", "var/log/app.log", Scheme.EPOCH),
    ("var/log/old/app.log.1", "var/log/old/app.log", Scheme.NUMBER),
    # savelog and newsyslog
    ("var/log/dmesg.0", "var/log/dmesg", Scheme.NUMBER),
    ("var/log/aptitude.6.gz", "var/log/aptitude", Scheme.NUMBER),
    ("var/log/messages.0.bz2", "var/log/messages", Scheme.NUMBER),
    ("var/log/Xorg.0.log.old", "var/log/Xorg.0.log", Scheme.OLD),
    # Python's handlers
    ("srv/app.log.3", "srv/app.log", Scheme.NUMBER),
    ("srv/app.log.2026-03-01", "srv/app.log", Scheme.DATE),
    ("srv/app.log.2026-03-01_14-05-59", "srv/app.log", Scheme.DATE),
    # log4j, log4j2, logback, Kafka, Tomcat
    ("srv/server.log.2026-03-01-16", "srv/server.log", Scheme.DATE),
    ("srv/logs/app-2026-03-01.log.gz", "srv/logs/app.log", Scheme.DATE),
    ("srv/logs/app.2026-03-01.0.log.gz", "srv/logs/app.log", Scheme.DATE),
    ("srv/logs/app-2026-03-01-1.log", "srv/logs/app.log", Scheme.DATE),
    ("srv/logs/catalina.2026-03-01.log", "srv/logs/catalina.log", Scheme.DATE),
    ("srv/logs/catalina.out.1", "srv/logs/catalina.out", Scheme.NUMBER),
    # IIS
    ("inetpub/logs/u_ex260301.log", "inetpub/logs/u_ex.log", Scheme.DATE),
]

NOT_CERTAIN = [
    # libraries, versions and manual pages end in numbers, too
    "usr/lib/libfoo.so.1",
    "usr/lib/libfoo.so.1.2.3",
    "usr/share/man/man1/ls.1.gz",
    "usr/share/man/de/man8/logrotate.8.gz",
    "opt/release-1.2",
    "opt/python3.11",
    "opt/app-v2.1",
    "srv/data/1.2.3.4",
    "srv/backup/db.sql.gz",
    "srv/photos/IMG_20260301.jpg",
    "srv/notes.2",
    "home/report-2026-03-01",
    "home/letter.old",
    # a log of its own: the second worker's
    "srv/logs/worker.1.log",
    # the logs themselves
    "var/log/syslog",
    "srv/app.log",
    "srv/logs/worker-1.log",
]


@pytest.mark.parametrize(("path", "log", "scheme"), CERTAIN)
def test_rotated_names_are_known(path: str, log: str, scheme: Scheme) -> None:
    """The name of a rotated log tells of which log it is a part, and how its age is told."""
    name = rotated_name(path.encode())
    assert (name.base.decode(), name.scheme, name.certainty) == (log, scheme, Certainty.CERTAIN)
    assert lineage_of(path.encode()).decode() == log


@pytest.mark.parametrize("path", NOT_CERTAIN)
def test_other_names_are_no_parts_of_logs(path: str) -> None:
    """A name that something else may have, too, does not by itself make a file a part of a log."""
    assert lineage_of(path.encode()) == b""


@pytest.mark.parametrize(
    "names",
    [
        ("app.log.10.gz", "app.log.9", "app.log.2", "app.log.1", "app.log.0"),
        ("app.log-20251231", "app.log-20260101", "app.log-20260301.gz"),
        ("app.2026-03-01.0.log", "app.2026-03-01.1.log", "app.2026-03-02.0.log"),
        ("app.log.2026-03-01-09", "app.log.2026-03-01-10", "app.log.2026-03-02-00"),
        ("app.log-202512", "app.log-202601"),
        ("app.log-1772366400", "app.log-1772452800"),
    ],
    ids=lambda names: names[0],
)
def test_younger_parts_come_later(names: tuple[str, ...]) -> None:
    """Of parts that are named in the same way, a younger one has the greater order."""
    orders = [rotated_name(name.encode()).order for name in names]
    assert all(before < after for before, after in pairwise(orders))


NAMES = st.lists(
    st.sampled_from(
        b"app u_ex a/ . - _ 1 260301 20260301 2026-03-01 1772366400 .log .out .old .gz .so".split()
    ),
    max_size=8,
).map(b"".join)


@given(NAMES)
def test_a_part_begins_as_its_log_does(path: bytes) -> None:
    """Whatever a name says, it begins with what all parts of its log begin with."""
    base = rotated_name(path).base
    assert path.startswith(beginning_of_parts(base))
    assert base.startswith(beginning_of_parts(base))


@given(NAMES)
def test_a_lineage_is_a_base_that_is_certain(path: bytes) -> None:
    """No look at a name is saved that would have said of which log it is a part."""
    name = rotated_name(path)
    is_sure = name.scheme is not Scheme.LIVE and name.certainty is Certainty.CERTAIN
    assert lineage_of(path) == (name.base if is_sure else b"")


def test_what_another_file_confirms() -> None:
    """Names that are no proof say what would have to exist as well, and of which log they are."""
    worker = rotated_name(b"srv/logs/worker.1.log")
    assert (worker.base, worker.certainty) == (b"srv/logs/worker.log", Certainty.WITH_BASE)
    notes = rotated_name(b"srv/notes.2")
    assert (notes.base, notes.certainty) == (b"srv/notes", Certainty.WITH_OTHERS)
    packed = rotated_name(b"srv/app.log.gz")
    assert (packed.base, packed.scheme) == (b"srv/app.log", Scheme.COMPRESSED)
    assert packed.compression == b".gz"


@pytest.mark.parametrize(
    "path",
    [b"", b"/", b".1", b".gz", b"a/.1", b"a/.gz.gz", b"\xff\xfe.1", b"-.-1", b"1" * 4096, b"a\n.1"],
)
def test_odd_names_are_taken(path: bytes) -> None:
    """A name that nobody would give is read without an error, and never as a part of itself."""
    assert lineage_of(path) != path or not path


@pytest.mark.timeout(5)
def test_a_hostile_name_takes_no_time() -> None:
    """A long name of digits and separators is read at once, however it nearly fits."""
    for name in (b"1-" * 2000, b"2026-03-01" * 400, b"2026" * 1000 + b".x", b"a-._" * 1000):
        rotated_name(name)
        rotated_name(name + b".log.gz")
