"""Files that are read ahead in segments have what files read at once have, and fail as cleanly."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import dedupstore
from dedupstore import FileChange
from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.errors import NoSpace
from dedupstore.limits import KIB
from dedupstore.operations.snapshot import file_content, read_ahead
from dedupstore.operations.snapshot.read_ahead import ReadAhead
from log_folder import Logs, append, counts
from small_archive import noise

SEGMENT_BYTES = 64 * KIB
LOG = noise(1, 8000)


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Logs]:
    """Return a folder with one log, of which little is read at once."""
    monkeypatch.setattr(file_content, "_SEGMENT_BYTES", SEGMENT_BYTES)
    with dedupstore.init_repository(tmp_path / "repository", chunk_bytes_target=4096) as repository:
        logs = Logs(tmp_path, repository)
        logs.log.write_bytes(LOG)
        yield logs


def test_segments_leave_no_trace_in_what_is_stored(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that was read in segments has the same chunk list when it is read at once."""
    [in_segments] = [entry.content for entry in logs.entries(logs.take()) if entry.size]
    assert in_segments.content_bytes > 6 * SEGMENT_BYTES
    monkeypatch.setattr(file_content, "_SEGMENT_BYTES", len(LOG))
    logs.log.rename(logs.folder / "other.log")
    os.utime(logs.folder / "other.log", (1, 1))
    report = logs.take(reread=True)
    assert report.bytes_new == 0
    assert [entry.content for entry in logs.entries(report) if entry.size] == [in_segments]


def test_a_known_log_is_followed_through_its_segments(logs: Logs) -> None:
    """Reading a log again finds all of it, however it grew, and what was changed in it."""
    for number in range(2, 5):
        append(logs.log, noise(number, 1500))
        logs.take()
    report = logs.take(reread=True)
    assert (counts(report), report.bytes_new) == ({FileChange.UNCHANGED: 1}, 0)
    changed = bytearray(logs.log.read_bytes())
    changed[3 * SEGMENT_BYTES] ^= 1
    logs.log.write_bytes(changed)
    assert 0 < logs.take(reread=True).bytes_new < SEGMENT_BYTES


def test_holes_between_segments_are_kept(logs: Logs) -> None:
    """A large log with holes is stored as data and holes, of which nothing is read."""
    with open(logs.log, "r+b") as file:
        for place in (3, 9):
            file.seek(len(LOG) * place)
            file.write(LOG)
    report = logs.take()
    assert report.bytes_read < 4 * len(LOG)
    assert logs.take(reread=True).bytes_new == 0


def read_until(monkeypatch: pytest.MonkeyPatch, begin: int, then: Callable[[], int]) -> None:
    """Let reads from a position on do something else."""
    preadv = os.preadv

    def read(descriptor: int, buffers: list[memoryview], position: int) -> int:
        return preadv(descriptor, buffers, position) if position < begin else then()

    monkeypatch.setattr(read_ahead.os, "preadv", read)  # type: ignore[attr-defined]


def open_things() -> tuple[int, int]:
    """Count the open files and the threads."""
    return len(os.listdir("/proc/self/fd")), threading.active_count()


def test_a_log_that_shrinks_is_stored_as_far_as_it_was_read(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a log turns out to end within a segment, that is where its copy ends."""
    end = 3 * SEGMENT_BYTES
    read_until(monkeypatch, end, lambda: 0)
    report = dedupstore.snapshot(logs.repository, [logs.folder])
    assert [event.kind for event in report.events] == ["shrank"]
    assert logs.restored(report, logs.log) == LOG[:end]


def test_a_bad_sector_leaves_out_the_log_alone(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that cannot be read to its end is told, others are stored, and nothing stays open."""
    (logs.folder / "other.log").write_bytes(noise(2))

    def fail() -> int:
        raise OSError(errno.EIO, "bad sector")

    logs.take()
    before = open_things()
    with monkeypatch.context() as patched:
        read_until(patched, 2 * SEGMENT_BYTES, fail)
        report = dedupstore.snapshot(
            logs.repository, [logs.folder], dedupstore.SnapshotOptions(reread=True)
        )
    assert [os.path.basename(event.path) for event in report.warnings] == [b"app.log"]
    assert [entry.size for entry in logs.entries(report) if entry.size] == [len(noise(2))]
    assert open_things() == before


@pytest.mark.parametrize("error", [NoSpace("the disk is full"), KeyboardInterrupt()])
def test_nothing_stays_open_when_a_snapshot_ends_early(
    logs: Logs, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """On a full disk or an interruption, in the middle of a log, the thread that reads ends."""
    logs.take()
    before = open_things()
    show = ReadAhead.show
    calls = []

    def refuse(*_: object) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise error

    def show_and_refuse(window: ReadAhead, taken_bytes: int) -> memoryview:
        refuse()
        return show(window, taken_bytes)

    if isinstance(error, NoSpace):
        monkeypatch.setattr(ChunkWriter, "add_hashed", refuse)
    else:
        monkeypatch.setattr(ReadAhead, "show", show_and_refuse)
    with pytest.raises(type(error)):
        logs.take(reread=True)
    assert open_things() == before
