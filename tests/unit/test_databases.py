"""SQLite databases in a snapshot: consistent copies, also while they are written to."""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import dedupstore
from dedupstore import FileChange, Repository, SnapshotOptions, SnapshotReport
from dedupstore.operations.snapshot import databases, sqlite_source

ROWS = 400


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Return an empty folder."""
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


def make_database(path: Path, mode: str = "DELETE") -> sqlite3.Connection:
    """Make a log of some rows in a database and return the open connection."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE log (line TEXT)")
    add_rows(connection, ROWS)
    return connection


def add_rows(connection: sqlite3.Connection, count: int) -> None:
    """Add rows in one transaction."""
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO log VALUES (?)", ((f"line {n} " * 9,) for n in range(count))
    )
    connection.execute("COMMIT")


def take(
    repository: Repository, logs: Path, *, reread: bool = False, copies_databases: bool = True
) -> SnapshotReport:
    """Take a snapshot of the folder."""
    options = SnapshotOptions("logs", reread=reread, copies_databases=copies_databases)
    return dedupstore.snapshot(repository, [logs], options)


def restored(repository: Repository, report: SnapshotReport, base: Path, logs: Path) -> Path:
    """Restore a snapshot; return where the folder is."""
    assert report.snapshot is not None
    target = base / report.snapshot.hex()[:8]
    found = dedupstore.load_snapshot(repository, report.snapshot)
    dedupstore.restore(repository, found, target)
    return target / logs.relative_to("/")


def row_count(path: Path) -> int:
    """Return how many rows a database has, which must be sound."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(connection.execute("SELECT count(*) FROM log").fetchone()[0])


def kinds(report: SnapshotReport) -> list[str]:
    """Return the kinds of a report's events."""
    return [event.kind for event in report.events]


def settle(logs: Path) -> None:
    """Wait until the files are old enough for their times to prove something."""
    while time.time_ns() < max(p.stat().st_ctime_ns for p in logs.iterdir()) + 30_000_000:
        time.sleep(0.005)


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_a_copy_has_all_that_was_committed(
    repository: Repository, logs: Path, tmp_path: Path, mode: str
) -> None:
    """The copy of a database in use is sound and has every row, those in its -wal file, too."""
    with closing(make_database(logs / "app.db", mode)):
        report = take(repository, logs)
        siblings = {event.path for event in report.events if event.kind == "in-database"}
        expected = {os.fsencode(logs / f"app.db{end}") for end in ("-shm", "-wal")}
        assert siblings == (expected if mode == "WAL" else set())
    back = restored(repository, report, tmp_path, logs)
    assert [path.name for path in back.iterdir()] == ["app.db"]
    assert row_count(back / "app.db") == ROWS
    assert report.complete


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_an_unchanged_database_is_not_copied_again(
    repository: Repository, logs: Path, tmp_path: Path, mode: str
) -> None:
    """Without a new row nothing is read; with one in the -wal file alone, it is copied again."""
    with closing(make_database(logs / "app.db", mode)) as connection:
        settle(logs)
        take(repository, logs)
        again = take(repository, logs)
        assert (again.bytes_read, again.changes[FileChange.UNCHANGED]) == (0, 1)
        assert row_count(restored(repository, again, tmp_path, logs) / "app.db") == ROWS
        main = (logs / "app.db").stat()
        add_rows(connection, 1)
        changed = take(repository, logs)
        if mode == "WAL":
            assert (logs / "app.db").stat() == main
        assert changed.bytes_read > 0
        assert row_count(restored(repository, changed, tmp_path, logs) / "app.db") == ROWS + 1
        reread = take(repository, logs, reread=True)
        assert (reread.bytes_read > 0, reread.changes[FileChange.UNCHANGED]) == (True, 1)
        assert reread.bytes_new == 0


def test_nothing_is_left_beside_a_database_at_rest(repository: Repository, logs: Path) -> None:
    """A database with a write-ahead log that nobody has open gets no files beside it."""
    make_database(logs / "app.db", "WAL").close()
    before = {path.name: path.stat().st_ctime_ns for path in logs.iterdir()}
    assert list(before) == ["app.db"]
    take(repository, logs)
    assert {path.name: path.stat().st_ctime_ns for path in logs.iterdir()} == before


def test_a_transaction_under_way_is_not_in_the_copy(
    repository: Repository, logs: Path, tmp_path: Path
) -> None:
    """Rows that are not committed when the copy is made are not in it."""
    with closing(make_database(logs / "app.db", "WAL")) as connection:
        connection.execute("BEGIN")
        connection.execute("INSERT INTO log VALUES ('not yet')")
        report = take(repository, logs)
        connection.execute("ROLLBACK")
    assert row_count(restored(repository, report, tmp_path, logs) / "app.db") == ROWS


def test_a_locked_database_is_stored_as_it_is(
    repository: Repository, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its lock, the file and what belongs to it are stored, which is told."""
    monkeypatch.setattr(databases, "LOCK_WAIT_SECONDS", 0.05)
    with closing(make_database(logs / "app.db")) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("INSERT INTO log VALUES ('x')")
        report = take(repository, logs)
        stored = {path.name: path.read_bytes() for path in logs.iterdir()}
        connection.execute("ROLLBACK")
    assert kinds(report) == ["database-not-copied"]
    back = restored(repository, report, tmp_path, logs)
    assert {path.name: path.read_bytes() for path in back.iterdir()} == stored
    assert "app.db-journal" in stored


@pytest.mark.parametrize(
    "content",
    [
        b"SQLite format 3\0" + b"not a database at all\n" * 100,
        b"SQLite format 3\0" + bytes(1000),
        b"SQLite format 3\0" * 32,
    ],
)
def test_what_only_looks_like_one_is_stored_as_it_is(
    repository: Repository, logs: Path, tmp_path: Path, content: bytes
) -> None:
    """A file that merely begins like a database keeps its bytes, and is a success."""
    (logs / "app.db").write_bytes(content)
    (logs / "app.db-wal").write_bytes(b"a log of its own\n")
    report = take(repository, logs)
    back = restored(repository, report, tmp_path, logs)
    assert (back / "app.db").read_bytes() == content
    assert (back / "app.db-wal").read_bytes() == b"a log of its own\n"
    assert (kinds(report), report.complete) == (["database-not-copied"], True)


def test_a_log_named_like_a_part_of_a_database_is_stored(
    repository: Repository, logs: Path, tmp_path: Path
) -> None:
    """What is called app.db-wal and is a text is not left out, though app.db is a database."""
    make_database(logs / "app.db").close()
    for end in ("-wal", "-shm", "-journal"):
        (logs / f"app.db{end}").write_bytes(b"what an intruder did\n")
    report = take(repository, logs)
    back = restored(repository, report, tmp_path, logs)
    for end in ("-wal", "-shm", "-journal"):
        assert (back / f"app.db{end}").read_bytes() == b"what an intruder did\n"


def test_databases_may_be_stored_as_files(
    repository: Repository, logs: Path, tmp_path: Path
) -> None:
    """Without ``copies_databases`` a database is a file like others, and its siblings, too."""
    with closing(make_database(logs / "app.db", "WAL")):
        files = {path.name: path.read_bytes() for path in logs.iterdir()}
        report = take(repository, logs, copies_databases=False)
    back = restored(repository, report, tmp_path, logs)
    assert {path.name: path.read_bytes() for path in back.iterdir()} == files
    assert kinds(report) == []


def test_a_database_is_never_taken_for_a_log_that_grew(
    repository: Repository, logs: Path, tmp_path: Path
) -> None:
    """A database that is stored as a file, and grew, is read whole: its pages change in place."""
    with closing(make_database(logs / "app.db")) as connection:
        add_rows(connection, 20 * ROWS)
        take(repository, logs, copies_databases=False)
        connection.execute("UPDATE log SET line = 'x' || line WHERE rowid % 500 = 0")
        add_rows(connection, ROWS)
        report = take(repository, logs, copies_databases=False)
        expected = (logs / "app.db").read_bytes()
    assert report.bytes_read == len(expected)
    assert (restored(repository, report, tmp_path, logs) / "app.db").read_bytes() == expected


def test_what_could_not_be_copied_is_tried_again(
    repository: Repository, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that was stored as a file for want of room is copied as soon as there is room."""
    make_database(logs / "app.db", "WAL").close()
    settle(logs)
    with monkeypatch.context() as full:
        full.setattr(sqlite_source, "_FREE_BYTES_LEFT", 1 << 60)
        assert kinds(take(repository, logs)) == ["database-not-copied"]
    assert kinds(take(repository, logs)) == []
    assert take(repository, logs).bytes_read == 0


def test_a_database_at_rest_that_wakes_up_is_copied_again(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If somebody writes while a database at rest is copied, that copy is thrown away."""
    make_database(logs / "app.db", "WAL").close()
    opened: list[bool] = []
    open_source = sqlite_source._open_source

    def wake(absolute: bytes, wait_seconds: float, *, immutable: bool) -> sqlite3.Connection:
        opened.append(immutable)
        if len(opened) == 1:
            with closing(sqlite3.connect(logs / "app.db")) as connection:
                connection.execute("INSERT INTO log VALUES ('woken')")
                connection.commit()
        return open_source(absolute, wait_seconds, immutable=immutable)

    monkeypatch.setattr(sqlite_source, "_open_source", wake)
    descriptor = os.open(logs / "app.db", os.O_RDONLY)
    copied = sqlite_source.copy_database(os.fsencode(logs / "app.db"), descriptor, 1.0)
    copy = tmp_path / "copy.db"
    copy.write_bytes(os.pread(copied, 1 << 30, 0))
    os.close(copied)
    os.close(descriptor)
    assert row_count(copy) == ROWS + 1
    assert opened == [True, True]


def test_a_full_disk_does_not_lose_the_database(
    repository: Repository, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the copy would not fit, the database is stored as the file that it is."""
    make_database(logs / "app.db").close()
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1 << 30, 0, 1 << 20))
    report = take(repository, logs)
    assert kinds(report) == ["database-not-copied"]
    back = restored(repository, report, tmp_path, logs)
    assert (back / "app.db").read_bytes() == (logs / "app.db").read_bytes()


def swap_by_link(path: Path, other: Path) -> None:
    """Put a symbolic link in the place of a file."""
    path.unlink()
    path.symlink_to(other)


def swap_by_file(path: Path, other: Path) -> None:
    """Put a hard link to another file in the place of a file."""
    path.unlink()
    os.link(other, path)


@pytest.mark.parametrize("swap", [swap_by_link, swap_by_file])
def test_another_file_in_its_place_is_not_copied(
    logs: Path, tmp_path: Path, swap: Callable[[Path, Path], None]
) -> None:
    """A database that is swapped for another after it was opened is never read through its path."""
    make_database(logs / "app.db").close()
    secret = tmp_path / "secret.db"
    make_database(secret).close()
    descriptor = os.open(logs / "app.db", os.O_RDONLY)
    try:
        os.close(sqlite_source.copy_database(os.fsencode(logs / "app.db"), descriptor, 1.0))
        swap(logs / "app.db", secret)
        with pytest.raises(sqlite_source.NotCopied, match="another file"):
            sqlite_source.copy_database(os.fsencode(logs / "app.db"), descriptor, 1.0)
    finally:
        os.close(descriptor)


def test_a_claimed_length_is_not_believed(
    repository: Repository, logs: Path, tmp_path: Path
) -> None:
    """A database that claims in header and log to be 16 TiB long does not fill the disk."""
    with closing(make_database(logs / "app.db", "WAL")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        add_rows(connection, 1)
        wal = bytearray((logs / "app.db-wal").read_bytes())
    page_bytes = int.from_bytes(wal[8:12], "big")
    last = len(wal) - page_bytes - 24
    wal[last + 4 : last + 8] = (0xFFFFFFFE).to_bytes(4, "big")
    (logs / "app.db-wal").write_bytes(_with_checksums(wal, page_bytes))
    with (logs / "app.db").open("r+b") as file:
        file.seek(28)
        file.write((0xFFFFFFFE).to_bytes(4, "big"))
    report = take(repository, logs)
    (event,) = report.events
    assert (event.kind, "claims" in event.detail) == ("database-not-copied", True)
    assert report.complete


def _with_checksums(wal: bytearray, page_bytes: int) -> bytes:
    """Return a write-ahead log with its checksums made anew (https://sqlite.org/fileformat2.html)."""
    order = "big" if wal[3] & 1 else "little"
    sums = (0, 0)

    def add(sums: tuple[int, int], data: bytes) -> tuple[int, int]:
        first, second = sums
        words = struct.unpack(f"{'>' if order == 'big' else '<'}{len(data) // 4}I", data)
        for one, other in zip(words[::2], words[1::2], strict=True):
            first = (first + one + second) & 0xFFFFFFFF
            second = (second + other + first) & 0xFFFFFFFF
        return first, second

    sums = add(sums, bytes(wal[:24]))
    for begin in range(32, len(wal), 24 + page_bytes):
        sums = add(sums, bytes(wal[begin : begin + 8]))
        sums = add(sums, bytes(wal[begin + 24 : begin + 24 + page_bytes]))
        wal[begin + 16 : begin + 24] = struct.pack(">II", *sums)
    return bytes(wal)


@pytest.mark.parametrize(("page_bytes", "vacuum"), [(512, 0), (1024, 2), (65536, 1)])
def test_pages_of_all_sizes_are_copied(
    repository: Repository, logs: Path, tmp_path: Path, page_bytes: int, vacuum: int
) -> None:
    """The copy has the page size of the database, whatever that is, and free pages as well."""
    with closing(sqlite3.connect(logs / "app.db", isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {page_bytes}")
        connection.execute(f"PRAGMA auto_vacuum = {vacuum}")
        connection.execute("CREATE TABLE log (line TEXT)")
        add_rows(connection, ROWS)
        connection.execute("DELETE FROM log WHERE rowid % 2")
    report = take(repository, logs)
    back = restored(repository, report, tmp_path, logs) / "app.db"
    assert row_count(back) == ROWS // 2
    with closing(sqlite3.connect(back)) as connection:
        assert connection.execute("PRAGMA page_size").fetchone() == (page_bytes,)
    assert back.stat().st_size == (logs / "app.db").stat().st_size


def test_odd_names_reach_sqlite_unchanged(
    repository: Repository, logs: Path, tmp_path: Path
) -> None:
    """Names with signs that mean something in an address, or are no text, are copied."""
    for name in (b"a?mode=rwc.db", b"a%41#b.db", b"\xff\xfe.db", b"sp ace\n.db"):
        path = os.fsencode(logs) + b"/" + name
        make_database(logs / "plain.db").close()
        os.rename(logs / "plain.db", path)
    report = take(repository, logs)
    assert (report.files, kinds(report)) == (4, [])
    back = restored(repository, report, tmp_path, logs)
    assert [row_count(path) for path in back.iterdir()] == [ROWS] * 4


WRITER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
number = 0
while True:
    connection.execute("BEGIN IMMEDIATE")
    # Two rows at a time: a copy with an odd number of rows is torn.
    connection.execute("INSERT INTO log VALUES (?)", (f"first {number} " * 50,))
    connection.execute("INSERT INTO log VALUES (?)", (f"second {number} " * 50,))
    connection.execute("COMMIT")
    time.sleep(0.005)
    number += 1
    if number == 20:
        print("writing", flush=True)
"""


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_a_database_may_be_written_to_meanwhile(
    repository: Repository, logs: Path, tmp_path: Path, mode: str
) -> None:
    """Copies taken beside a busy writer, and after it was killed, hold whole transactions only."""
    make_database(logs / "app.db", mode).close()
    line = [sys.executable, "-c", WRITER, str(logs / "app.db")]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writing\n"
        reports = [take(repository, logs) for _ in range(2)]
        writer.kill()
    reports.append(take(repository, logs))
    # What a killed writer has left behind is rolled back when the restored database is opened.
    assert all("database-not-copied" not in kinds(report) for report in reports[:-1])
    counts = [
        row_count(restored(repository, report, tmp_path, logs) / "app.db") for report in reports
    ]
    assert counts == sorted(counts)
    assert all(count > ROWS and count % 2 == 0 for count in counts)
