"""Half-written files of killed processes go when nobody can be writing them, and only then."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import dedupstore
from dedupstore import RetentionPolicy
from dedupstore.clock import SystemClock
from dedupstore.engine.epochs import EPOCHS_FOLDER
from dedupstore.engine.reclaim.leftovers import remove_leftovers
from dedupstore.errors import LockTimeout
from dedupstore.storage.files import Files
from dedupstore.storage.local import LocalStore
from small_archive import Archive


class Impatient(SystemClock):
    """A clock by which every wait is over as soon as it is looked at again."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def monotonic_seconds(self) -> float:
        """Return an hour more than before."""
        self._seconds += 3600.0
        return self._seconds


class Meanwhile(Files):
    """Calls ``action`` before step number ``at``, from 0, of the steps named ``step``."""

    def __init__(self, step: str, action: Callable[[], object], at: int = 0) -> None:
        self.steps = 0
        self._step = step
        self._action = action
        self._at = at

    def _about_to(self, step: str) -> None:
        if step == self._step:
            number, self.steps = self.steps, self.steps + 1
            if number == self._at:
                self._action()

    def rename(self, old: str, new: str) -> None:
        """See ``Files.rename``."""
        self._about_to("rename")
        super().rename(old, new)

    def unlink(self, path: str) -> None:
        """See ``Files.unlink``."""
        self._about_to("unlink")
        super().unlink(path)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Return an archive with a snapshot."""
    archive = Archive(tmp_path / "archive")
    archive.write("steady.log", 1)
    archive.snapshot()
    return archive


def leave(archive: Archive, size: int = 1000) -> Path:
    """Leave a file as a killed ``put`` does."""
    path = archive.folder / "tmp" / secrets.token_hex(16)
    path.write_bytes(bytes(size))
    return path


def remove(archive: Archive, files: Files | None = None) -> int:
    """Remove leftovers as prune does, but without waiting for anybody."""
    with dedupstore.open_repository(archive.folder, clock=Impatient()) as repository:
        repository.store = LocalStore(str(archive.folder), files)
        with repository.removal_lock():
            return remove_leftovers(repository)


def test_what_was_left_goes_and_is_counted(archive: Archive) -> None:
    """All half-written files go at once; prune counts their bytes among those freed."""
    paths = [leave(archive, size) for size in (0, 1, 5000)]
    report = archive.prune()
    assert (report.reclaim.bytes_left_over, report.reclaim.bytes_freed) == (5001, 5001)
    assert not any(path.exists() for path in paths)
    archive.require_all_restore()


def test_files_of_others_are_left_alone(archive: Archive) -> None:
    """What is not named as half-written objects are is none, and stays."""
    names = ["notes.txt", ".hidden", "ab" * 15, "AB" * 16, "ab" * 16 + ".log"]
    for name in names:
        (archive.folder / "tmp" / name).write_text("mine\n")
    (archive.folder / "tmp" / ("cd" * 16)).mkdir()
    os.symlink(archive.logs / "steady.log", archive.folder / "tmp" / ("ef" * 16))
    assert remove(archive) == 0
    assert len(list((archive.folder / "tmp").iterdir())) == len(names) + 2
    assert (archive.logs / "steady.log").exists()


def test_a_repository_without_the_folder_has_none(archive: Archive) -> None:
    """Where a copy tool has dropped the empty folder there is nothing to remove."""
    (archive.folder / "tmp").rmdir()
    assert remove(archive) == 0


@pytest.mark.parametrize("writes", [True, False])
def test_they_stay_while_anybody_is_at_work(archive: Archive, writes: bool) -> None:
    """A session of any generation, past or present, keeps all half-written files where they are."""
    path = leave(archive)
    with archive.open() as other, other.session(writes=writes):
        assert remove(archive) == 0
        archive.write("steady.log", 2)
        archive.snapshot()
        assert archive.prune().reclaim.bytes_left_over == 0
        assert remove(archive) == 0
    assert path.exists()
    assert remove(archive) == 1000
    assert not path.exists()


def test_nobody_begins_between_asking_and_removing(archive: Archive) -> None:
    """While leftovers are removed no session begins and no hold is made; right after, they do."""
    path = leave(archive)
    refused = []

    def try_to_begin() -> None:
        with dedupstore.open_repository(archive.folder, clock=Impatient()) as other:
            for writes in (True, False):
                with pytest.raises(LockTimeout), other.session(writes=writes):
                    pass
            snapshot = dedupstore.find_snapshot(other, "latest")
            with pytest.raises(LockTimeout):
                dedupstore.hold_snapshot(other, snapshot.id)
        refused.append(True)

    assert remove(archive, Meanwhile("unlink", try_to_begin)) == 1000
    assert refused == [True]
    assert not path.exists()
    archive.write("steady.log", 2)
    archive.snapshot()
    with archive.open() as repository:
        dedupstore.hold_snapshot(repository, dedupstore.find_snapshot(repository, "latest").id)
    archive.require_all_restore()


def remove_if_possible(archive: Archive) -> int:
    """Remove leftovers; 0 where somebody stands in the way."""
    try:
        return remove(archive)
    except LockTimeout:
        return 0


def set_a_policy(repository: dedupstore.Repository) -> None:
    """Store a policy."""
    dedupstore.set_policy(repository, RetentionPolicy(keep_last=3))


def hold_the_latest(repository: dedupstore.Repository) -> None:
    """Store a hold."""
    dedupstore.hold_snapshot(repository, dedupstore.find_snapshot(repository, "latest").id)


def check_all(repository: dedupstore.Repository) -> None:
    """Store what has been verified."""
    assert dedupstore.check(repository, dedupstore.CheckOptions(data=True)).ok


def protect(repository: dedupstore.Repository) -> None:
    """Store parity."""
    dedupstore.protect(repository, percent=10)


@pytest.mark.parametrize("write", [set_a_policy, hold_the_latest, check_all, protect])
def test_whoever_writes_is_at_work(
    archive: Archive, write: Callable[[dedupstore.Repository], None]
) -> None:
    """Removing just before a file gets its name takes nothing from whoever has written it."""
    removed: list[int] = []
    with archive.open() as repository:
        files = Meanwhile("rename", lambda: removed.append(remove_if_possible(archive)))
        repository.store = LocalStore(str(archive.folder), files)
        write(repository)
    assert removed == [0]


def test_a_snapshot_keeps_each_file_that_it_writes(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever leftovers are removed within a snapshot, it takes nothing away, and all restores."""
    removed: list[int] = []
    moments = 0
    while len(removed) == moments:
        archive.write("steady.log", 10 + moments)
        files = Meanwhile("rename", lambda: removed.append(remove_if_possible(archive)), moments)
        with monkeypatch.context() as patch:
            store = partial(LocalStore, files=files)
            patch.setattr("dedupstore.engine.repository.LocalStore", store)
            archive.snapshot()
        moments += 1
    assert removed == [0] * files.steps
    assert files.steps >= 3
    archive.require_all_restore()


def test_no_lock_file_is_left_and_the_generation_stands(archive: Archive) -> None:
    """Removing leftovers alone moves no generation; after a prune that does, no lock is left."""
    leave(archive)
    remove(archive)
    assert list((archive.folder / "generations").iterdir()) == []
    archive.write("steady.log", 2)
    archive.snapshot()
    leave(archive)
    archive.prune()
    assert list((archive.folder / EPOCHS_FOLDER).iterdir()) == []


def test_what_a_killed_snapshot_leaves_is_gone_after_a_prune(
    archive: Archive, tmp_path: Path
) -> None:
    """A snapshot killed while it writes leaves a file at most, and prune removes it."""
    (archive.logs / "large.log").write_bytes(os.urandom(64 << 20))
    command = [sys.executable, "-P", "-m", "dedupstore", "--repo", str(archive.folder)]
    seen = False
    for _ in range(20):
        process = subprocess.Popen([*command, "snapshot", "--set", "logs", str(archive.logs)])
        while process.poll() is None:
            if any((archive.folder / "tmp").iterdir()):
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.0005)
        process.wait()
        seen = any((archive.folder / "tmp").iterdir())
        if seen:
            break
    (archive.logs / "large.log").unlink()
    with archive.open() as repository:
        policy = RetentionPolicy(keep_last=9)
        report = dedupstore.prune(repository, dedupstore.PruneOptions(policy=policy))
    assert list((archive.folder / "tmp").iterdir()) == []
    if not seen:
        pytest.skip("no kill came while a file was being written")
    assert report.reclaim.bytes_freed >= report.reclaim.bytes_left_over
