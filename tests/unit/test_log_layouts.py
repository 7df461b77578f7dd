"""Layouts of logs that need no option: docker's json-file, and NDJSON under prefixes of dates."""

from __future__ import annotations

import gzip
import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import dedupstore
from dedupstore import Entry, FileChange, Repository, SnapshotOptions, SnapshotReport
from dedupstore.logs.record_time import TimeContext, find_cut

START = datetime(2026, 3, 1, tzinfo=UTC)
CONTAINER = "4f" * 32


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return an empty folder."""
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def take(repository: Repository, root: Path) -> SnapshotReport:
    """Take a snapshot of a folder."""
    return dedupstore.snapshot(repository, [root], SnapshotOptions(set_name="logs"))


def stored_files(repository: Repository, report: SnapshotReport) -> dict[str, Entry]:
    """Return the files of a snapshot by their names."""
    assert report.snapshot is not None
    found = dedupstore.load_snapshot(repository, report.snapshot)
    entries = dedupstore.list_entries(repository, found)
    files = [entry for entry in entries if entry.type is dedupstore.EntryType.FILE]
    return {os.fsdecode(entry.path).rpartition("/")[2]: entry for entry in files}


def require_restored(
    repository: Repository, report: SnapshotReport, root: Path, target: Path
) -> None:
    """Fail unless a snapshot gives back the folder as it is."""
    assert report.snapshot is not None
    found = dedupstore.load_snapshot(repository, report.snapshot)
    dedupstore.restore(repository, found, target)
    back = target / root.relative_to("/")
    for path in root.rglob("*"):
        if path.is_file():
            assert (back / path.relative_to(root)).read_bytes() == path.read_bytes()


def counts(report: SnapshotReport) -> dict[str, int]:
    """Return what became of the files."""
    return {change.value: count for change, count in report.changes.items() if count}


def settle(root: Path) -> None:
    """Wait until all files are old enough for their times to prove something."""
    newest_ns = max(path.stat().st_ctime_ns for path in root.rglob("*"))
    while time.time_ns() < newest_ns + 30_000_000:
        time.sleep(0.005)


def docker_lines(begin: int, end: int) -> bytes:
    """Return records as docker's json-file driver writes them."""
    records = (
        {
            "log": f"GET /item/{number * 7919 % 10007} 200 {number}\n",
            "stream": "stdout",
            "time": (START + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%S.123456789Z"),
        }
        for number in range(begin, end)
    )
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def test_docker_logs_grow_and_rotate(repository: Repository, root: Path, tmp_path: Path) -> None:
    """A container's log is continued, found again when docker rotates it, and kept as a twin."""
    folder = root / CONTAINER
    folder.mkdir()
    log = folder / f"{CONTAINER}-json.log"
    log.write_bytes(docker_lines(0, 3000))
    take(repository, root)
    with log.open("ab") as file:
        file.write(docker_lines(3000, 3100))
    grown = take(repository, root)
    assert counts(grown) == {"grown": 1}
    assert grown.bytes_read < log.stat().st_size / 4

    # As docker does it with max-file=3 and compress=true.
    first = log.with_name(f"{log.name}.1")
    os.rename(log, first)
    text = first.read_bytes()
    with gzip.open(f"{first}.gz", "wb") as packed:
        packed.write(text)
    first.unlink()
    log.write_bytes(docker_lines(3100, 3110))
    rotated = take(repository, root)
    assert rotated.twins == 1
    assert rotated.bytes_new < 2 * len(docker_lines(3100, 3110))
    entries = stored_files(repository, rotated)
    assert entries[f"{first.name}.gz"].lineage == os.fsencode(log)[1:]
    assert entries[log.name].lineage == b""

    os.rename(f"{first}.gz", log.with_name(f"{log.name}.2.gz"))
    again = take(repository, root)
    assert again.changes[FileChange.RENAMED] == 1
    require_restored(repository, again, root, tmp_path / "restored")


def test_the_times_of_docker_logs_are_known() -> None:
    """A docker log can be cut at a moment: the time in each record is found."""
    until_ns = int((START + timedelta(seconds=10)).timestamp()) * 1_000_000_000 + 200_000_000
    cut = find_cut([docker_lines(0, 50)], until_ns, TimeContext(UTC, None))
    assert cut is not None
    assert cut.kept_bytes == len(docker_lines(0, 11))


def events(day: int, hour: int, count: int) -> bytes:
    """Return events of an hour as NDJSON."""
    begin = START + timedelta(days=day, hours=hour)
    records = (
        {
            "ts": (begin + timedelta(seconds=n)).isoformat(),
            "event": "login",
            "user": n * 7919 % 10007,
        }
        for n in range(count)
    )
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def test_prefixes_of_dates_cost_what_is_new(
    repository: Repository, root: Path, tmp_path: Path
) -> None:
    """Of NDJSON in a folder for each day and a file for each hour, only the newest is read."""

    def write(day: int, hour: int, count: int = 400) -> Path:
        folder = root / f"dt=2026-03-{day + 1:02}"
        folder.mkdir(exist_ok=True)
        path = folder / f"hour={hour:02}.ndjson"
        path.write_bytes(events(day, hour, count))
        return path

    for day in range(3):
        for hour in range(4):
            write(day, hour)
    settle(root)
    first = take(repository, root)
    assert counts(first) == {"new": 12}
    newest = write(3, 0, 100)
    settle(root)
    second = take(repository, root)
    assert counts(second) == {"new": 1, "unchanged": 12}
    assert second.bytes_read == newest.stat().st_size
    with newest.open("ab") as file:
        file.write(events(3, 0, 400)[newest.stat().st_size :])
    os.rename(root / "dt=2026-03-01", root / "dt=2026-03-01.closed")
    third = take(repository, root)
    assert counts(third) == {"grown": 1, "renamed": 4, "unchanged": 8}
    assert third.bytes_read < newest.stat().st_size
    require_restored(repository, third, root, tmp_path / "restored")
