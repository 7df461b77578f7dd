"""Several processes at once: locks are kept, waits end, and nothing is lost."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import dedupstore
from dedupstore.errors import LockTimeout
from sample_repository import SampleRepository, log_lines, require_exact_restores, require_intact

STRESS_SECONDS = 4.0


def start_cli(sample: SampleRepository, *arguments: object) -> subprocess.Popen[str]:
    """Start the command line in a process of its own."""
    command = [sys.executable, "-P", "-m", "dedupstore", "--repo", str(sample.folder)]
    return subprocess.Popen(
        command + [str(argument) for argument in arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for a process and return its exit code and what it said."""
    printed, said = process.communicate(timeout=60)
    return process.returncode, said + printed


@contextmanager
def held_elsewhere(sample: SampleRepository, name: str = "removal") -> Iterator[None]:
    """Hold a lock alone, by a descriptor that the library does not know."""
    descriptor = os.open(sample.folder / "locks" / name, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def removals() -> list[list[object]]:
    """Return one command of each kind that removes or repairs."""
    return [["prune", "--keep-last", "1"], ["forget", "latest"], ["repair"]]


def others(sample: SampleRepository, target: Path) -> list[list[object]]:
    """Return one command of each kind that works with stored data and removes nothing."""
    return [
        ["list"],
        ["snapshot", sample.logs],
        ["restore", "latest", "--target", target],
        ["cat", "latest", sample.logs / "app.log"],
        ["ls", "latest"],
        ["check"],
        ["stats"],
        ["hold", "latest"],
        ["prune", "--keep-last", "1", "--dry-run"],
    ]


def test_removals_exclude_each_other(sample: SampleRepository) -> None:
    """While another process removes, commands that remove exit with 11, changing nothing."""
    objects = sample.objects()
    with held_elsewhere(sample):
        for process in [start_cli(sample, *arguments) for arguments in removals()]:
            code, said = finish(process)
            assert code == 11, said
            assert "hint: " in said
    assert sample.objects() == objects


def test_nothing_else_waits_for_a_removal(sample: SampleRepository, tmp_path: Path) -> None:
    """While another process removes, all commands that remove nothing go on."""
    with held_elsewhere(sample):
        running = [start_cli(sample, *words) for words in others(sample, tmp_path / "target")]
        for process in running:
            code, said = finish(process)
            assert code == 0, said


def test_lock_wait_waits(sample: SampleRepository) -> None:
    """With --lock-wait a removal goes on as soon as the lock is free, and not before."""
    with held_elsewhere(sample):
        waiting = start_cli(sample, "--lock-wait", "60s", "prune", "--keep-last", "1")
        time.sleep(0.7)
        assert waiting.poll() is None
    code, said = finish(waiting)
    assert code == 0, said


def test_lock_wait_runs_out(sample: SampleRepository) -> None:
    """A wait that runs out ends with LockTimeout, after that time and not before."""
    began = time.monotonic()
    with (
        held_elsewhere(sample),
        dedupstore.open_repository(sample.folder, lock_wait_seconds=0.3) as repository,
        pytest.raises(LockTimeout),
    ):
        dedupstore.forget(repository, [sample.snapshots[0]])
    assert time.monotonic() - began >= 0.3


def test_a_commit_waits_for_a_switch(sample: SampleRepository) -> None:
    """While packs are being declared dead, a snapshot does not come to exist; after it, it does."""
    with held_elsewhere(sample, "switch"):
        waiting = start_cli(sample, "snapshot", "--set", "waiting", sample.logs)
        time.sleep(0.7)
        assert waiting.poll() is None
        assert len(list((sample.folder / "snapshots").iterdir())) == len(sample.snapshots)
    code, said = finish(waiting)
    assert code == 0, said


def test_a_lock_dies_with_its_process(sample: SampleRepository) -> None:
    """The lock of a process that was killed does not stand in anybody's way."""
    script = (
        "import fcntl, os, sys, time\n"
        "fcntl.flock(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "time.sleep(60)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(sample.folder / "locks" / "removal")],
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert finish(start_cli(sample, "forget", "latest"))[0] == 11
        holder.kill()
        holder.wait()
    assert finish(start_cli(sample, "forget", "latest"))[0] == 0


def test_two_snapshots_at_once_both_succeed(sample: SampleRepository, tmp_path: Path) -> None:
    """Two processes that store the same new logs at once both succeed, and check finds nothing."""
    logs = tmp_path / "logs"
    logs.mkdir()
    for number in range(4):
        (logs / f"{number}.log").write_bytes(log_lines(5000, seed=200 + number))
    running = [start_cli(sample, "snapshot", "--set", name, logs) for name in ("one", "two")]
    for process in running:
        code, said = finish(process)
        assert code == 0, said
    with sample.open() as repository:
        assert dedupstore.check(repository, dedupstore.CheckOptions(data=True)).findings == []
        for name in ("one", "two"):
            newest = dedupstore.find_snapshot(repository, "latest", set_name=name)
            report = dedupstore.restore(repository, newest, tmp_path / name)
            assert (report.files, report.failed) == (4, [])


def test_snapshots_restores_and_rebuilds_at_once(
    pristine: SampleRepository, quick_path: Path
) -> None:
    """Writers, readers and rebuilds of the index that run all at once do not disturb each other."""
    sample = pristine.copy_to(quick_path / "repository")
    deadline = time.monotonic() + STRESS_SECONDS
    failures: list[str] = []
    rounds = dict.fromkeys(("snapshot", "restore", "rebuild"), 0)

    def keep_running(kind: str, worker: int) -> None:
        logs = quick_path / f"logs-{kind}-{worker}"
        logs.mkdir()
        number = 0
        while time.monotonic() < deadline and not failures:
            number += 1
            if kind == "snapshot":
                (logs / "own.log").write_bytes(log_lines(300, seed=worker * 1000 + number))
                arguments: list[object] = ["snapshot", "--set", f"stress-{worker}", logs]
            elif kind == "restore":
                target = quick_path / f"target-{worker}-{number}"
                arguments = ["restore", sample.snapshots[-1].hex(), "--target", target]
            else:
                # A lost index makes whoever comes next build it anew, under everybody's feet.
                (sample.folder / "index" / "CURRENT").unlink(missing_ok=True)
                arguments = ["check"]
            code, said = finish(start_cli(sample, *arguments))
            rounds[kind] += 1
            if code != 0:
                failures.append(f"{kind} exited with {code}: {said}")

    threads = [
        threading.Thread(target=keep_running, args=(kind, worker))
        for worker, kind in enumerate(("snapshot", "snapshot", "restore", "rebuild"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert all(rounds.values())
    with sample.open() as repository:
        dedupstore.check(repository)
        assert dedupstore.check(repository, dedupstore.CheckOptions(data=True)).findings == []
        listed = {snapshot.id for snapshot in dedupstore.list_snapshots(repository)}
    assert len(listed) == len(sample.snapshots) + rounds["snapshot"]
    for target in quick_path.glob("target-*"):
        restored = target / pristine.logs.relative_to("/")
        assert (restored / "app.log").read_bytes() == sample.trees[-1]["app.log"]


def test_threads_of_one_process_may_open_the_same_repository(
    sample: SampleRepository, tmp_path: Path
) -> None:
    """Two repositories opened on one folder in one process share its index without harm."""
    with sample.open() as first, sample.open() as second:
        assert first.index.chunk_count() == second.index.chunk_count()
        first.rebuild_index()
        assert first.index.chunk_count() == second.index.chunk_count()
    require_exact_restores(sample, tmp_path / "out")
    require_intact(sample, tmp_path / "out")
