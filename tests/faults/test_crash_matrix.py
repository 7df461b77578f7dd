"""Every operation, cut short at every one of its steps, in every way that a machine can fail.

Of operations that would take too long, each way strikes at one of 5 or 7 steps (``stride``), each
beginning at another one, so that together they strike at all: snapshots with parity and overtaken
by a prune, ``protect``, repairs. Of reads that fail, it is one of 3 of these.

After each: the repository opens, check finds nothing wrong, what was stored before restores
exactly, no snapshot is half there, and the operation can be done again. Then the power is cut once
more, so that nothing that was said to be stored may have been left to chance.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import dedupstore
from dedupstore.errors import (
    DamageError,
    DedupstoreError,
    NoSpace,
    RepositoryExists,
    RepositoryMissing,
    StorageError,
)
from dedupstore.index.generations import NewGeneration
from dedupstore.index.lmdb_folder import LmdbFolder
from dedupstore.storage.local import LocalStore, storage_error
from faults.crash_operations import OPERATIONS, Operation, Scene, make_scene
from faults.crash_repairs import REPAIRS, WhatIsLeft, require_as_much, what_is_left
from faults.fault_files import Fault, FaultFiles, Killed, Strike, Survival
from sample_repository import CHUNK_BYTES, Tree, read_tree

STEPS_MAX = 1000
INIT_STEPS_MIN = 20
READS_MIN = 1

READS_STRIDE = 3
"""Of the reads, of which there are many, one of so many is made to fail."""

Crash = tuple[Strike, tuple[Survival, ...]]

CRASHES: dict[str, Crash] = {
    "killed": (Strike.TEAR, (Survival.ALL,)),
    "power cut": (Strike.KILL, (Survival.SYNCED,)),
    "torn": (Strike.TEAR, (Survival.TORN, Survival.MIXED)),
}
"""How the process ends, and in turn what that leaves of all that was not synced."""

REFUSALS: dict[str, tuple[Fault, tuple[type[DedupstoreError], ...]]] = {
    "refused for space": (Fault(Strike.FAIL, errno.ENOSPC), (NoSpace,)),
    "disk full": (Fault(Strike.FILL), (NoSpace,)),
    "broken": (Fault(Strike.FAIL, errno.EIO), (StorageError,)),
    "unreadable": (Fault(Strike.FAIL, errno.EIO, reads=True), (StorageError, DamageError)),
}
"""What is refused, and the errors that an operation may raise for it."""


def require_points(points: int, points_min: int) -> None:
    """Tell how many points were tried, and fail if they are too few to have proved anything."""
    print(f"{points} points")
    assert points >= points_min


def keep_index(_: Path, __: Path) -> None:
    """Leave the index as the crash has left it."""


def lose_index(index: Path, _: Path) -> None:
    """Lose the index."""
    shutil.rmtree(index, ignore_errors=True)


def roll_index_back(index: Path, earlier: Path) -> None:
    """Bring back the index of before the operation."""
    shutil.rmtree(index, ignore_errors=True)
    if earlier.exists():
        shutil.copytree(earlier, index)


def lose_current(index: Path, _: Path) -> None:
    """Lose the file that names the index in use."""
    (index / "CURRENT").unlink(missing_ok=True)


INDEX_FATES = (keep_index, lose_index, roll_index_back, lose_current)
"""What may become of the index by a crash, since it is not written by the store."""


@contextmanager
def machine(scene: Scene, fault: Fault | None, at: int) -> Iterator[FaultFiles]:
    """Let everything that opens the repository work on a machine that is to fail.

    The index takes its steps on the same disk: before and after each of its transactions, and
    before and after a new index becomes the current one.
    """
    files = FaultFiles(scene.folder, fault, at, seed=at)

    def stepping(genuine: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, *arguments: Any) -> Any:
            # An index that found no place on the disk is put on another one.
            if not Path(self._folder).is_relative_to(scene.folder):
                return genuine(self, *arguments)
            index_step(files)
            result = genuine(self, *arguments)
            index_step(files)
            return result

        return call

    with pytest.MonkeyPatch.context() as patch:
        store = partial(LocalStore, files=files)
        patch.setattr("dedupstore.engine.repository.LocalStore", store)
        patch.setattr(LmdbFolder, "write", stepping(LmdbFolder.write))
        patch.setattr(NewGeneration, "publish", stepping(NewGeneration.publish))
        yield files


def index_step(files: FaultFiles) -> None:
    """Take a step of the index, whose refusals are errors of the library already."""
    try:
        files.step_outside()
    except OSError as error:
        raise storage_error(error, "write", "the index") from error


ALL_OPERATIONS = {**OPERATIONS, **REPAIRS}


@pytest.fixture(params=list(ALL_OPERATIONS.values()), ids=list(ALL_OPERATIONS))
def operation(request: pytest.FixtureRequest) -> Operation:
    """Return each operation in turn."""
    chosen: Operation = request.param
    return chosen


@pytest.fixture
def prepared(operation: Operation, quick_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Return a repository as the operation finds it; blocks and packs are small, here and later."""
    monkeypatch.setattr("dedupstore.engine.chunk_writer.BLOCK_BYTES_TARGET", 8 * 1024)
    monkeypatch.setattr("dedupstore.engine.pack_writer.PACK_BYTES_TARGET", operation.pack_bytes)
    scene = make_scene(quick_path / "prepared", operation.parity_percent)
    operation.prepare(scene)
    return scene


class Points:
    """The points at which an operation is cut short: a repository for each, and what must hold."""

    def __init__(self, operation: Operation, prepared: Scene, folder: Path) -> None:
        self.operation = operation
        self._prepared = prepared
        self._folder = folder
        self._removable = {prepared.snapshots[number] for number in operation.removes}
        self._left: tuple[WhatIsLeft, WhatIsLeft] | None = None
        if prepared.chunks:
            damaged = prepared.copy_to(folder / "damaged")
            before = what_is_left(damaged)
            with damaged.open() as repository:
                operation.operate(repository, damaged)
            self._left = before, what_is_left(damaged)

    def scene(self, step: int) -> Scene:
        """Return the repository to be hit at one step; that of the step before is thrown away."""
        shutil.rmtree(self._folder / "point", ignore_errors=True)
        return self._prepared.copy_to(self._folder / "point" / str(step))

    def change_index(self, scene: Scene, number: int) -> None:
        """Let the index come out of a crash in one of the ways it may."""
        fate = INDEX_FATES[number % len(INDEX_FATES)]
        fate(scene.folder / "index", self._prepared.folder / "index")

    def require_sound(self, scene: Scene, *, is_done: bool) -> None:
        """Fail unless all that must be there is; where the operation is done, also its effect."""
        if self._left is not None:
            self._require_left(scene, *self._left, is_done=is_done)
            return
        with scene.open() as repository:
            # At the end it is enough to restore, which reads all data that is needed.
            report = dedupstore.check(repository, dedupstore.CheckOptions(data=not is_done))
            errors = [f for f in report.findings if f.severity is dedupstore.Severity.ERROR]
            assert not errors, [(found.kind, found.object, found.detail) for found in errors]
            found = [
                self._require_exact(repository, scene, snapshot) for snapshot in listed(repository)
            ]
            old = {id_ for id_ in found if id_ in scene.trees}
            new = [id_ for id_ in found if id_ not in scene.trees]
            assert set(scene.trees) - self._removable <= old
            if is_done:
                assert bool(new) == (scene.new_tree is not None)
                assert not old & self._removable
                self.operation.prove(repository, scene)

    def _require_left(
        self, scene: Scene, before: WhatIsLeft, after: WhatIsLeft, *, is_done: bool
    ) -> None:
        """Fail unless all that was left is left, and once it is done, all that can be."""
        found = what_is_left(scene)
        require_as_much(found, before)
        if is_done:
            assert found == after
            with scene.open() as repository:
                self.operation.prove(repository, scene)

    def _require_exact(
        self, repository: dedupstore.Repository, scene: Scene, snapshot: dedupstore.Snapshot
    ) -> bytes:
        target = self._folder / "restored"
        shutil.rmtree(target, ignore_errors=True)
        report = dedupstore.restore(repository, snapshot, target)
        expected: Tree | None = scene.trees.get(snapshot.id, scene.new_tree)
        assert not report.failed
        assert read_tree(target) == expected
        return snapshot.id


def listed(repository: dedupstore.Repository) -> list[dedupstore.Snapshot]:
    """Return all snapshots."""
    return dedupstore.list_snapshots(repository)


@pytest.fixture
def points(operation: Operation, prepared: Scene, quick_path: Path) -> Points:
    """Return the points of one operation."""
    return Points(operation, prepared, quick_path)


@pytest.mark.parametrize("crash", CRASHES.values(), ids=list(CRASHES))
def test_a_crash_at_any_step_loses_nothing(crash: Crash, points: Points) -> None:
    """Whatever a crash leaves of the store and of the index, all is sound and can be done again."""
    strike, survivals = crash
    stride = points.operation.stride
    first = 1 + list(CRASHES.values()).index(crash) % stride
    for step in range(first, STEPS_MAX, stride):
        scene = points.scene(step)
        with machine(scene, Fault(strike), step) as files:
            try:
                with scene.open() as repository:
                    points.operation.operate(repository, scene)
            except Killed:
                files.crash(survivals[step % len(survivals)])
                points.change_index(scene, step)
                points.require_sound(scene, is_done=False)
                with scene.open() as repository:
                    points.operation.operate(repository, scene)
            files.crash(Survival.SYNCED)
            points.change_index(scene, step // len(INDEX_FATES))
            points.require_sound(scene, is_done=True)
        if not files.struck:
            break
    require_points((step - first) // stride, points.operation.steps_min // stride)


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=list(REFUSALS))
def test_a_refusal_at_any_step_loses_nothing(
    refusal: tuple[Fault, tuple[type[DedupstoreError], ...]],
    points: Points,
) -> None:
    """A refusal ends in the error for it, and the same open repository can do it again."""
    fault, errors = refusal
    if fault.strike is Strike.FILL and points.operation.works_on_full_disk:
        errors = ()
    stride = points.operation.stride * (READS_STRIDE if fault.reads else 1)
    first = 1 + (len(CRASHES) + list(REFUSALS.values()).index(refusal)) % stride
    for step in range(first, STEPS_MAX, stride):
        scene = points.scene(step)
        with machine(scene, fault, step) as files:
            with ExitStack() as stack:
                repository = None
                try:
                    repository = stack.enter_context(scene.open())
                    points.operation.operate(repository, scene)
                except errors:
                    files.heal()
                    points.require_sound(scene, is_done=False)
                    repository = repository or stack.enter_context(scene.open())
                    points.operation.operate(repository, scene)
                else:
                    # What could not be read, an operation may also leave alone for the time being.
                    if fault.reads and files.struck:
                        points.operation.operate(repository, scene)
            files.crash(Survival.SYNCED)
            points.change_index(scene, step)
            points.require_sound(scene, is_done=True)
        if not files.struck:
            break
    steps_min = points.operation.steps_min // stride
    require_points((step - first) // stride, READS_MIN if fault.reads else steps_min)


# Init, before which there is nothing.


def init(folder: Path) -> None:
    """Make a repository."""
    dedupstore.init_repository(folder, chunk_bytes_target=CHUNK_BYTES).close()


def require_init_can_end(folder: Path) -> None:
    """Fail unless there is a whole repository, or none and one can be made."""
    try:
        dedupstore.open_repository(folder).close()
    except RepositoryMissing:
        init(folder)
    else:
        with pytest.raises(RepositoryExists):
            init(folder)


def require_usable(files: FaultFiles, folder: Path, logs: Path) -> None:
    """Fail unless the repository takes a snapshot and has it after a power cut."""
    files.heal()
    with dedupstore.open_repository(folder) as repository:
        assert dedupstore.check(repository).findings == []
        snapshot = dedupstore.snapshot(repository, [logs]).snapshot
    files.crash(Survival.SYNCED)
    with dedupstore.open_repository(folder) as repository:
        assert [found.id for found in listed(repository)] == [snapshot]
        assert dedupstore.check(repository, dedupstore.CheckOptions(data=True)).findings == []


@pytest.mark.parametrize("crash", CRASHES.values(), ids=list(CRASHES))
def test_a_crash_during_init_leaves_a_repository_or_none(crash: Crash, quick_path: Path) -> None:
    """Whatever a crash leaves of init, it can be run again, and what is there then stays."""
    strike, survivals = crash
    logs = quick_path / "log"
    logs.write_bytes(b"a line\n")
    for step in range(1, STEPS_MAX):
        scene = Scene(quick_path / str(step), logs)
        with machine(scene, Fault(strike), step) as files:
            try:
                init(scene.folder)
            except Killed:
                files.crash(survivals[step % len(survivals)])
                require_init_can_end(scene.folder)
            require_usable(files, scene.folder, logs)
        if not files.struck:
            break
    require_points(step - 1, INIT_STEPS_MIN)


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=list(REFUSALS))
def test_a_refusal_during_init_leaves_a_repository_or_none(
    refusal: tuple[Fault, tuple[type[DedupstoreError], ...]], quick_path: Path
) -> None:
    """A refusal of any step of init ends in the error for it, and init can be run again."""
    fault, errors = refusal
    logs = quick_path / "log"
    logs.write_bytes(b"a line\n")
    for step in range(1, STEPS_MAX):
        scene = Scene(quick_path / str(step), logs)
        with machine(scene, fault, step) as files:
            try:
                init(scene.folder)
            except errors:
                files.heal()
                require_init_can_end(scene.folder)
            require_usable(files, scene.folder, logs)
        if not files.struck:
            break
    require_points(step - 1, READS_MIN if fault.reads else INIT_STEPS_MIN)
