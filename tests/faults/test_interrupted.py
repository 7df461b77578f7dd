"""Work that is cut short at any step: what was there stays, and running again succeeds."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import dedupstore
from dedupstore.errors import NoSpace, RepositoryExists, RepositoryMissing, StorageError
from dedupstore.index.environment import IndexEnvironment
from sample_repository import (
    CHUNK_BYTES,
    SampleRepository,
    log_lines,
    read_tree,
    require_exact_restores,
    require_intact,
    take_snapshot,
)

STEPS = ("open", "writev", "fsync", "rename", "mkdir")
STEPS_MAX = 400

Outcome = type[BaseException]

FAULTS: dict[str, tuple[Callable[[], BaseException], bool, Outcome]] = {
    "disk full": (lambda: OSError(errno.ENOSPC, "No space left on device"), False, NoSpace),
    "disk broken": (lambda: OSError(errno.EIO, "Input/output error"), False, StorageError),
    "stopped before": (KeyboardInterrupt, False, KeyboardInterrupt),
    "stopped after": (KeyboardInterrupt, True, KeyboardInterrupt),
}
"""What is raised, whether only after the step was done, and how the operation must end."""


class FaultyDisk:
    """Counts the steps by which anything is written, and raises at the step number ``fail_at``."""

    def __init__(
        self,
        patch: pytest.MonkeyPatch,
        fail_at: int,
        error: Callable[[], BaseException],
        late: bool,
    ) -> None:
        self.steps = 0
        self.names: list[str] = []
        self._fail_at = fail_at
        self._error = error
        self._late = late
        for name in STEPS:
            patch.setattr(os, name, self._wrap(name, getattr(os, name)))

    @property
    def has_failed(self) -> bool:
        """Tell whether the step was reached."""
        return self.steps >= self._fail_at

    def committed(self, step: str) -> bool:
        """Tell whether the failing step came after ``step`` had been done for the last time."""
        done = self.names if self._late else self.names[: self._fail_at - 1]
        return done.count(step) == self.names.count(step) and step in done

    def _wrap(self, name: str, genuine: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if name == "open" and not arguments[1] & os.O_CREAT:
                return genuine(*arguments, **options)
            self.steps += 1
            self.names.append(name)
            if self.steps != self._fail_at:
                return genuine(*arguments, **options)
            if self._late:
                result = genuine(*arguments, **options)
                if name == "open":
                    os.close(result)
            raise self._error()

        return call


@pytest.fixture
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make writers close blocks and packs early, so that a few logs fill several."""
    monkeypatch.setattr("dedupstore.engine.chunk_writer.BLOCK_BYTES_TARGET", 32 * 1024)
    monkeypatch.setattr("dedupstore.engine.pack_writer.PACK_BYTES_TARGET", 12 * 1024)


@pytest.fixture
def new_log(pristine: SampleRepository) -> Iterator[None]:
    """Add a log that no snapshot knows for the length of a test."""
    log = pristine.logs / "unknown.log"
    log.write_bytes(log_lines(2500, seed=99))
    yield
    log.unlink()


@pytest.mark.usefixtures("small_packs", "new_log")
@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_a_snapshot_cut_short_at_any_step_leaves_all_as_it_was(
    fault: tuple[Callable[[], BaseException], bool, Outcome],
    pristine: SampleRepository,
    quick_path: Path,
) -> None:
    """At whichever step a snapshot ends, old ones restore, no half one shows, the next succeeds."""
    error, late, outcome = fault
    for step in range(1, STEPS_MAX):
        sample = pristine.copy_to(quick_path / f"repository-{step}")
        with pytest.MonkeyPatch.context() as patch, sample.open() as repository:
            disk = FaultyDisk(patch, step, error, late)
            with suppress(outcome):
                take_snapshot(repository, sample)
            if not disk.has_failed:
                break
        with sample.open() as repository:
            listed = [snapshot.id for snapshot in dedupstore.list_snapshots(repository)]
            if listed != sample.snapshots:
                # The record had its name; only that this is durable was not yet known.
                assert len(listed) == len(sample.snapshots) + 1
                assert disk.committed("rename")
                sample.snapshots.append(listed[-1])
                sample.trees.append(read_tree(sample.logs))
        require_intact(sample, quick_path / "out")
        with sample.open() as repository:
            take_snapshot(repository, sample)
        require_intact(sample, quick_path / "out")
    else:
        pytest.fail("a snapshot never came to its end")
    assert step > 20


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_an_init_cut_short_at_any_step_can_be_run_again(
    fault: tuple[Callable[[], BaseException], bool, Outcome], quick_path: Path
) -> None:
    """At whichever step init ends, there is a whole repository or none, and init can finish."""
    error, late, outcome = fault
    for step in range(1, STEPS_MAX):
        folder = quick_path / f"repository-{step}"
        with pytest.MonkeyPatch.context() as patch:
            disk = FaultyDisk(patch, step, error, late)
            with suppress(outcome):
                dedupstore.init_repository(folder, chunk_bytes_target=CHUNK_BYTES).close()
            if not disk.has_failed:
                break
        try:
            dedupstore.open_repository(folder).close()
        except RepositoryMissing:
            dedupstore.init_repository(folder).close()
        else:
            assert disk.committed("rename")
            with pytest.raises(RepositoryExists):
                dedupstore.init_repository(folder)
        with dedupstore.open_repository(folder) as repository:
            assert dedupstore.check(repository).findings == []
    else:
        pytest.fail("init never came to its end")
    assert step > 10


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_a_rebuild_cut_short_at_any_step_can_be_run_again(
    fault: tuple[Callable[[], BaseException], bool, Outcome],
    pristine: SampleRepository,
    quick_path: Path,
) -> None:
    """At whichever step a rebuild of the index ends, the next command goes on as if nothing was."""
    error, late, outcome = fault
    for step in range(1, STEPS_MAX):
        sample = pristine.copy_to(quick_path / f"repository-{step}")
        with pytest.MonkeyPatch.context() as patch, sample.open() as repository:
            disk = FaultyDisk(patch, step, error, late)
            with suppress(outcome):
                repository.rebuild_index()
            if not disk.has_failed:
                break
        require_intact(sample, quick_path / "out")
    else:
        pytest.fail("a rebuild never came to its end")


@pytest.mark.usefixtures("new_log")
@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", [NoSpace("full"), KeyboardInterrupt()], ids=["full", "stopped"])
def test_a_snapshot_whose_index_fails_leaves_packs_that_are_used_again(
    late: bool,
    error: BaseException,
    quick_sample: SampleRepository,
    quick_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Packs that were stored before the index failed are known to the next snapshot."""
    genuine = IndexEnvironment.add_packs

    def add_packs(self: IndexEnvironment, *arguments: Any, **options: Any) -> None:
        if late:
            genuine(self, *arguments, **options)
        raise error

    with quick_sample.open() as repository, monkeypatch.context() as patch:
        assert repository.index.chunk_count()
        patch.setattr(IndexEnvironment, "add_packs", add_packs)
        with pytest.raises(type(error)):
            take_snapshot(repository, quick_sample)
    require_exact_restores(quick_sample, quick_path / "out")
    with quick_sample.open() as repository:
        options = dedupstore.SnapshotOptions(set_name="sample", host="sample")
        report = dedupstore.snapshot(repository, [quick_sample.logs], options)
        assert report.bytes_new == 0
        assert dedupstore.check(repository, dedupstore.CheckOptions(data=True)).findings == []


# Processes that are ended from outside.


def test_snapshots_that_are_killed_leave_a_sound_repository(
    quick_sample: SampleRepository, quick_path: Path
) -> None:
    """Whenever SIGKILL or SIGINT ends a snapshot, check is content and the old ones restore."""
    source = random.Random(4)
    logs = quick_path / "big"
    logs.mkdir()

    def renew_logs() -> None:
        for number in range(10):
            (logs / f"{number}.bin").write_bytes(source.randbytes(2 << 20))

    command = [sys.executable, "-P", "-m", "dedupstore", "--repo", str(quick_sample.folder)]
    command += ["snapshot", "--set", "big", "--json", str(logs)]
    renew_logs()
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    whole_seconds = time.monotonic() - began
    unfinished = 0
    for number in range(10):
        renew_logs()
        stop = (signal.SIGKILL, signal.SIGINT)[number % 2]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        time.sleep(whole_seconds * (0.2 + 0.08 * number))
        process.send_signal(stop)
        _, said = process.communicate(timeout=60)
        assert process.returncode in (0, 130, -stop), said
        assert process.returncode != 130 or "Traceback" not in said
        unfinished += process.returncode != 0
        with quick_sample.open() as repository:
            report = dedupstore.check(repository, dedupstore.CheckOptions(data=True))
            assert report.findings == []
            for snapshot in dedupstore.list_snapshots(repository, set_name="big"):
                assert snapshot.record.counts.files == 10
    assert unfinished
    assert subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0
    with quick_sample.open() as repository:
        newest = dedupstore.find_snapshot(repository, "latest", set_name="big")
        report_of_restore = dedupstore.restore(repository, newest, quick_path / "out")
        assert (report_of_restore.files, report_of_restore.failed) == (10, [])
        restored = quick_path / "out" / logs.relative_to("/")
        assert all(
            (restored / path.name).read_bytes() == path.read_bytes() for path in logs.iterdir()
        )
