"""Logs that grow and move while disks, clocks, the index and prune do their worst."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import dedupstore
from dedupstore import FileChange, PruneOptions, ReclaimOptions, RetentionPolicy, SnapshotReport
from dedupstore.format.content import Content
from dedupstore.operations.snapshot.continuation import Attempt, Continuer
from log_folder import Logs, WrongClock, append, counts
from small_archive import noise

HOUR_SECONDS = 3600.0


@pytest.fixture
def clock() -> WrongClock:
    """Return the clock of the repository."""
    return WrongClock()


@pytest.fixture
def logs(quick_path: Path, clock: WrongClock) -> Iterator[Logs]:
    """Return an empty folder of logs and a repository."""
    with dedupstore.init_repository(
        quick_path / "repository", chunk_bytes_target=4096, clock=clock
    ) as repository:
        yield Logs(quick_path, repository)


def require_sound(logs: Logs) -> None:
    """Fail if anything is wrong with what is stored."""
    checked = dedupstore.check(logs.repository, dedupstore.CheckOptions(data=True))
    assert checked.findings == []


def reading_finds_the_same(logs: Logs, report: SnapshotReport) -> bool:
    """Tell whether reading everything once more gives the chunk lists that a snapshot has."""
    whole = logs.take(reread=True)
    return [e.content for e in logs.entries(report)] == [e.content for e in logs.entries(whole)]


def test_a_bad_sector_under_a_sample_is_named(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that grew, and whose old part cannot be read, is left out with a warning."""
    logs.log.write_bytes(noise(1, 900))
    other = logs.folder / "other.log"
    other.write_bytes(noise(2, 900))
    logs.take()
    append(logs.log, b"more\n")
    append(other, b"more\n")
    bad = logs.log.stat().st_ino
    original = os.pread

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        if os.fstat(descriptor).st_ino == bad and offset > 5000:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return original(descriptor, size, offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", pread)
        report = logs.take()
    assert [os.path.basename(event.path) for event in report.warnings] == [b"app.log"]
    assert counts(report) == {FileChange.GROWN: 1}
    assert not report.complete
    assert logs.take().complete


def test_a_writer_that_goes_on_where_it_was(logs: Logs) -> None:
    """Text written far behind the new end of a truncated log leaves a hole, which is not read."""
    with logs.log.open("wb") as file:
        file.write(noise(1, 3000))
        file.flush()
        logs.take()
        shutil.copyfile(logs.log, logs.folder / "app.log.1")
        os.truncate(logs.log, 0)
        file.write(text := noise(2, 300))
    report = logs.take()
    assert [event.kind for event in report.events] == ["rewritten"]
    assert counts(report) == {FileChange.CHANGED: 1, FileChange.NEW: 1}
    copied = (logs.folder / "app.log.1").stat().st_size
    # A copy is another file, and is read; what it holds is known.
    assert report.bytes_read <= copied + len(text) + 16 * 1024
    assert report.bytes_new < len(text) + 16 * 1024
    assert logs.lineages(report) == {"app.log.1": "app.log"}
    append(logs.log, noise(3, 9))
    assert counts(logs.take()) == {FileChange.GROWN: 1, FileChange.UNCHANGED: 1}


def test_a_log_that_was_truncated_and_is_longer_again(logs: Logs) -> None:
    """Where copytruncate and as much new text lie between, the log is known to be another."""
    logs.log.write_bytes(noise(1, 300))
    logs.take()
    os.truncate(logs.log, 0)
    append(logs.log, noise(2, 900))
    report = logs.take()
    assert [event.kind for event in report.events] == ["rewritten"]
    assert report.bytes_read >= logs.log.stat().st_size


@pytest.mark.parametrize("seconds", [-HOUR_SECONDS, HOUR_SECONDS])
def test_a_clock_that_jumps_costs_reading_at_most(
    logs: Logs, clock: WrongClock, seconds: float
) -> None:
    """However wrong the clock, logs are stored exactly, and changes in place are noticed."""
    logs.log.write_bytes(data := noise(1, 900))
    logs.take()
    clock.seconds = seconds
    append(logs.log, b"more\n")
    os.rename(logs.log, logs.folder / "app.log.1")
    assert counts(logs.take()) == {FileChange.RENAMED: 1}
    clock.seconds = 0
    logs.rest()
    (logs.folder / "app.log.1").write_bytes(bytes(reversed(data)) + b"more\n")
    # If the clock went back, the snapshot before is dated later than that of the rename.
    found = FileChange.CHANGED if seconds > 0 else FileChange.NEW
    assert counts(logs.take()) == {found: 1}
    require_sound(logs)


@pytest.mark.parametrize("seconds", [-HOUR_SECONDS, HOUR_SECONDS])
def test_file_times_that_jump_cost_reading_at_most(logs: Logs, seconds: float) -> None:
    """A log whose modification time goes back is read whole, one from the future is continued."""
    logs.log.write_bytes(noise(1, 900))
    logs.take()
    append(logs.log, b"more\n")
    at_ns = logs.log.stat().st_mtime_ns + int(seconds * 1e9)
    os.utime(logs.log, ns=(at_ns, at_ns))
    report = logs.take()
    assert counts(report) == {FileChange.GROWN: 1}
    assert (report.bytes_read < report.content_bytes) is (seconds > 0)


def test_a_change_that_hides_behind_its_times_is_noticed(logs: Logs) -> None:
    """Bytes changed in place are seen, though size and modification time are as they were."""
    logs.log.write_bytes(data := noise(1, 900))
    status = logs.log.stat()
    logs.rest()
    logs.take()
    logs.log.write_bytes(bytes(reversed(data)))
    os.utime(logs.log, ns=(status.st_mtime_ns, status.st_mtime_ns))
    assert counts(logs.take()) == {FileChange.CHANGED: 1}


def test_logs_are_continued_over_a_lost_index(logs: Logs, quick_path: Path) -> None:
    """An index that was deleted is built anew, and what grew is still only read where it grew."""
    logs.log.write_bytes(noise(1, 900))
    logs.take()
    logs.repository.close()
    shutil.rmtree(quick_path / "repository" / "index")
    append(logs.log, b"more\n")
    with dedupstore.open_repository(quick_path / "repository") as repository:
        logs.repository = repository
        report = logs.take()
        assert counts(report) == {FileChange.GROWN: 1}
        assert report.bytes_read < report.content_bytes // 4
        assert reading_finds_the_same(logs, report)


KEEP_LAST = PruneOptions(
    policy=RetentionPolicy(keep_last=1), reclaim=ReclaimOptions(0.0, merge_packs_min=2)
)


def test_logs_grow_over_prunes(logs: Logs) -> None:
    """What is continued keeps the packs that it needs, however often others are pruned."""
    for number in range(5):
        append(logs.log, noise(number, 300))
        (logs.folder / "other.log").write_bytes(noise(100 + number, 300))
        report = logs.take()
        dedupstore.prune(logs.repository, KEEP_LAST)
        assert logs.restored(report, logs.log) == logs.log.read_bytes()
    assert reading_finds_the_same(logs, report)
    require_sound(logs)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_prune_within_a_snapshot_takes_nothing_that_is_continued(
    logs: Logs, quick_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """If all that is known of a log is forgotten while it is continued, the snapshot is whole."""
    logs.log.write_bytes(noise(1, 900))
    first = logs.take()
    append(logs.log, noise(2, 300))
    original = Continuer.attempt

    def forget_all() -> None:
        with dedupstore.open_repository(quick_path / "repository") as other:
            (logs.folder / "aside.log").write_bytes(noise(9, 9))
            dedupstore.snapshot(
                other, [logs.folder / "aside.log"], dedupstore.SnapshotOptions(set_name="aside")
            )
            assert first.snapshot is not None
            dedupstore.forget(other, [first.snapshot], KEEP_LAST.reclaim)

    def attempt(self: Continuer, descriptor: int, known: Content) -> Attempt:
        if moment == "before":
            forget_all()
        found = original(self, descriptor, known)
        if moment == "after":
            forget_all()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Continuer, "attempt", attempt)
        report = logs.take()
    assert logs.restored(report, logs.log) == logs.log.read_bytes()
    require_sound(logs)


Spoil = Callable[[Path], object]


def _cut(pack: Path) -> None:
    pack.chmod(0o600)
    os.truncate(pack, pack.stat().st_size // 2)


@pytest.mark.parametrize("spoil", [Path.unlink, _cut])
def test_a_lost_manifest_costs_reading_at_most(logs: Logs, quick_path: Path, spoil: Spoil) -> None:
    """Where the last snapshot's list of files is damaged, everything is read, and stored once."""
    for number in range(20):
        (logs.folder / f"{number}.log").write_bytes(noise(number, 300))
    logs.rest()
    first = logs.take()
    for pack in (quick_path / "repository" / "packs" / "manifest").iterdir():
        spoil(pack)
    append(logs.folder / "1.log", b"more\n")
    os.rename(logs.folder / "2.log", logs.folder / "2.log.1")
    logs.repository.close()
    with dedupstore.open_repository(quick_path / "repository") as repository:
        logs.repository = repository
        report = logs.take()
    assert report.complete
    assert report.bytes_read == report.content_bytes
    assert report.bytes_new < first.content_bytes // 10
