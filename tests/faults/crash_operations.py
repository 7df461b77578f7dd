"""The operations that are cut short at every step, and what must hold of each before and after.

To put another operation under test, add it to ``OPERATIONS``; what mends damage is in
``crash_repairs``.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import dedupstore
from dedupstore.engine import policies
from dedupstore.engine.monitor import SilentMonitor
from dedupstore.engine.pack_reader import list_packs
from dedupstore.engine.parity import packs_without_parity
from dedupstore.engine.reclaim.plan import ReclaimOptions
from dedupstore.format.policy import RetentionPolicy
from dedupstore.ids import ChunkId, SnapshotId
from sample_repository import CHUNK_BYTES, TickingClock, Tree, log_lines, read_tree

STREAM_NAME = "stream.log"


@dataclass
class Scene:
    """A repository in ``folder``, and for each snapshot in it what must come out of it.

    ``new_tree`` is what a snapshot that the operation makes must hold; None where it makes none.
    ``logs`` are shared by all scenes of an operation and are not changed. Where the repository has
    been damaged, ``chunks`` are all that were stored before.
    """

    folder: Path
    logs: Path
    trees: dict[SnapshotId, Tree] = field(default_factory=dict)
    new_tree: Tree | None = None
    chunks: frozenset[ChunkId] = frozenset()

    def copy_to(self, folder: Path) -> Scene:
        """Return a scene of its own in another folder."""
        if self.folder.exists():
            shutil.copytree(self.folder, folder, symlinks=True)
        return Scene(folder, self.logs, dict(self.trees), self.new_tree, self.chunks)

    def open(self) -> dedupstore.Repository:
        """Open the repository."""
        return dedupstore.open_repository(self.folder)

    @property
    def snapshots(self) -> list[SnapshotId]:
        """The snapshots that were there before, oldest first."""
        return list(self.trees)


Operate = Callable[[dedupstore.Repository, Scene], object]
"""Does the operation; it must be such that it can be done again."""

Prepare = Callable[[Scene], None]
Prove = Callable[[dedupstore.Repository, Scene], None]


@dataclass(frozen=True)
class Operation:
    """One operation.

    ``prepare`` brings a repository of two snapshots to where the operation begins. ``removes`` are
    the numbers of the snapshots that it may remove. ``prove`` fails unless the operation, once it
    has succeeded, has had its effect. It takes at least ``steps_min`` steps. Where it
    ``works_on_full_disk``, that is none of the reasons for which it may fail. Packs are closed at
    ``pack_bytes``, and get parity in a repository made with ``parity_percent``. Where there are
    very many steps, one of ``stride`` is tried; that must be odd, so that all that may become of
    the index has its turn.
    """

    operate: Operate
    prepare: Prepare
    prove: Prove
    removes: tuple[int, ...] = ()
    steps_min: int = 1
    works_on_full_disk: bool = False
    pack_bytes: int = 3 * 1024
    parity_percent: int | None = None
    stride: int = 1


def files_of(logs: Path) -> Tree:
    """Return what a restore of a folder of logs must bring, by path below the target."""
    above = logs.relative_to("/").as_posix()
    return {f"{above}/{name}": data for name, data in read_tree(logs).items()}


def options() -> dedupstore.SnapshotOptions:
    """Return the options of every snapshot of the logs."""
    return dedupstore.SnapshotOptions(set_name="logs", host="sample")


def make_scene(folder: Path, parity_percent: int | None = None) -> Scene:
    """Make a repository of two snapshots of logs that grow."""
    scene = Scene(folder / "repository", folder / "logs")
    scene.logs.mkdir(parents=True)
    with dedupstore.init_repository(
        scene.folder,
        chunk_bytes_target=CHUNK_BYTES,
        parity_percent=parity_percent,
        clock=TickingClock(),
    ) as repository:
        for seed in range(2):
            grow(scene, seed)
            add_snapshot(repository, scene)
    return scene


def grow(scene: Scene, seed: int) -> None:
    """Let one log grow by a few chunks, another by a few lines, and two others appear."""
    for name, lines in (("app.log", 300), ("web.log", 20)):
        with (scene.logs / name).open("ab") as log:
            log.write(log_lines(lines, seed))
    (scene.logs / f"{seed}.log").write_bytes(log_lines(60, seed + 100))
    (scene.logs / f"{seed}.bin").write_bytes(random.Random(seed).randbytes(20_000))


def add_snapshot(repository: dedupstore.Repository, scene: Scene) -> None:
    """Take a snapshot and remember what it must hold."""
    report = dedupstore.snapshot(repository, [scene.logs], options())
    if report.snapshot is None:
        raise RuntimeError("the snapshot was not made")
    scene.trees[report.snapshot] = files_of(scene.logs)


def nothing(_: Scene) -> None:
    """Prepare nothing more."""


def prove_nothing(_: dedupstore.Repository, __: Scene) -> None:
    """Prove nothing: what matters is proved for every operation."""


# Snapshots.


def prepare_snapshot(scene: Scene) -> None:
    """Let the logs grow and one be rotated."""
    grow(scene, 7)
    (scene.logs / "web.log").rename(scene.logs / "web.log.1")
    (scene.logs / "web.log").write_bytes(log_lines(10, 8))
    scene.new_tree = files_of(scene.logs)


def take_snapshot(repository: dedupstore.Repository, scene: Scene) -> None:
    """Take a snapshot of the logs."""
    dedupstore.snapshot(repository, [scene.logs], options())


def prepare_stream(scene: Scene) -> None:
    """Write what is to be streamed."""
    stream = scene.logs.with_name(STREAM_NAME)
    stream.write_bytes(log_lines(200, 9))
    scene.new_tree = {STREAM_NAME: stream.read_bytes()}


def take_stream(repository: dedupstore.Repository, scene: Scene) -> None:
    """Take a snapshot of a stream."""
    descriptor = os.open(scene.logs.with_name(STREAM_NAME), os.O_RDONLY)
    try:
        dedupstore.snapshot_stream(repository, STREAM_NAME, descriptor, options())
    finally:
        os.close(descriptor)


class Overtaken(SilentMonitor):
    """Lets ``other`` run when what it watches has read its sources, and commits next."""

    def __init__(self, other: Callable[[], object]) -> None:
        self._other = other
        self._has_run = False

    def end(self) -> None:
        """See ``Monitor.end``."""
        if not self._has_run:
            self._has_run = True
            self._other()


def prepare_overtaken(scene: Scene) -> None:
    """Bring back logs that the newest snapshot does not hold, but older ones."""
    old = {name: (scene.logs / name).read_bytes() for name in ("0.log", "0.bin")}
    prepare_prune(scene)
    for name, data in old.items():
        (scene.logs / name).write_bytes(data)
    prepare_snapshot(scene)


def take_overtaken_snapshot(repository: dedupstore.Repository, scene: Scene) -> None:
    """Take a snapshot of chunks that are declared dead before it is committed."""

    def remove_others() -> None:
        with scene.open() as other:
            there = {snapshot.id for snapshot in dedupstore.list_snapshots(other)}
            dedupstore.forget(other, list(there.intersection(scene.snapshots[:2])), ALL_PACKS)

    outer = repository.monitor
    repository.monitor = Overtaken(remove_others)
    try:
        take_snapshot(repository, scene)
    finally:
        repository.monitor = outer


def prove_kept(repository: dedupstore.Repository, _: Scene) -> None:
    """Fail unless nothing is lost when all that is dead is gone."""
    report = dedupstore.forget(repository, [], DEAD_PACKS_ONLY)
    assert report.reclaim.swept, report
    assert dedupstore.check(repository, dedupstore.CheckOptions(data=True)).ok


# Parity.

PARITY_PERCENT = 20


def protect(repository: dedupstore.Repository, _: Scene) -> None:
    """Make parity for all packs."""
    dedupstore.protect(repository, percent=PARITY_PERCENT)


def prove_protected(repository: dedupstore.Repository, _: Scene) -> None:
    """Fail unless all packs have parity that is sound."""
    assert list(packs_without_parity(repository.store, PARITY_PERCENT)) == []
    findings = dedupstore.check(repository, dedupstore.CheckOptions(data=True)).findings
    assert findings == [], findings


def protect_and_prove(repository: dedupstore.Repository, scene: Scene) -> None:
    """Fail unless packs whose parity a crash has prevented get it."""
    protect(repository, scene)
    prove_protected(repository, scene)


# The index.


def rebuild_index(repository: dedupstore.Repository, _: Scene) -> None:
    """Build the index anew."""
    repository.rebuild_index()


# Holds.


def hold(repository: dedupstore.Repository, scene: Scene) -> None:
    """Hold the first snapshot."""
    dedupstore.hold_snapshot(repository, scene.snapshots[0])


def prove_held(repository: dedupstore.Repository, scene: Scene) -> None:
    """Fail unless the first snapshot is held."""
    assert dedupstore.held_snapshots(repository) == {scene.snapshots[0]}


def prepare_release(scene: Scene) -> None:
    """Hold both snapshots."""
    with scene.open() as repository:
        for snapshot in scene.snapshots:
            dedupstore.hold_snapshot(repository, snapshot)


def release(repository: dedupstore.Repository, scene: Scene) -> None:
    """Release the first snapshot."""
    dedupstore.release_snapshot(repository, scene.snapshots[0])


def prove_released(repository: dedupstore.Repository, scene: Scene) -> None:
    """Fail unless only the second snapshot is held."""
    assert dedupstore.held_snapshots(repository) == {scene.snapshots[1]}


# Pruning.

DEAD_PACKS_ONLY = ReclaimOptions(unused_percent_max=100.0, merge_packs_min=1000)
ALL_PACKS = ReclaimOptions(unused_percent_max=0.0, merge_packs_min=2)
HEAVY = ReclaimOptions(unused_percent_max=100.0, merge_packs_min=1000, recompress_level=19)


def prepare_prune(scene: Scene) -> None:
    """Let logs go, others grow, and take a third snapshot."""
    for name in ("0.log", "0.bin"):
        (scene.logs / name).unlink()
    grow(scene, 5)
    with scene.open() as repository:
        add_snapshot(repository, scene)


def prune_with(reclaim: ReclaimOptions) -> Operate:
    """Return what keeps the newest snapshot alone."""

    def prune(repository: dedupstore.Repository, _: Scene) -> None:
        options = dedupstore.PruneOptions(RetentionPolicy(keep_last=1), reclaim=reclaim)
        dedupstore.prune(repository, options)

    return prune


def prove_recompressed(repository: dedupstore.Repository, scene: Scene) -> None:
    """Fail unless one more run does what there was no room for, and leaves nothing to do."""
    prune_with(HEAVY)(repository, scene)
    options = dedupstore.PruneOptions(RetentionPolicy(keep_last=1), reclaim=HEAVY, dry_run=True)
    assert dedupstore.prune(repository, options).reclaim.packs_recompressed == 0
    prove_reclaimed(repository, scene)


def prove_reclaimed(repository: dedupstore.Repository, _: Scene) -> None:
    """Fail unless another prune takes away all that crashes may have brought back."""
    policy = RetentionPolicy(keep_last=1)
    report = dedupstore.prune(repository, dedupstore.PruneOptions(policy, reclaim=DEAD_PACKS_ONLY))
    assert (report.removed, report.reclaim.swept) == ([], True)
    needed = {pack.id for pack in repository.index.packs()}
    assert {pack.id for pack in list_packs(repository.store)} == needed
    options = dedupstore.PruneOptions(policy, reclaim=DEAD_PACKS_ONLY, dry_run=True)
    assert dedupstore.prune(repository, options).reclaim.plan.dead == ()


def forget(repository: dedupstore.Repository, scene: Scene) -> None:
    """Forget the middle snapshot, if it is there."""
    chosen = scene.snapshots[1]
    there = {snapshot.id for snapshot in dedupstore.list_snapshots(repository)}
    dedupstore.forget(repository, [chosen] if chosen in there else [], DEAD_PACKS_ONLY)


# Policies.

POLICY = RetentionPolicy(keep_last=3, keep_daily=7)


def set_policy(repository: dedupstore.Repository, _: Scene) -> None:
    """Set a policy for one set of logs."""
    policies.set_policy(repository, POLICY, set_name="logs")


def prove_policy(repository: dedupstore.Repository, _: Scene) -> None:
    """Fail unless the policy is stored."""
    stored = policies.policy_of_set(repository, "logs")
    assert stored is not None
    assert stored.policy == POLICY


def prepare_policy(scene: Scene) -> None:
    """Set a policy."""
    with scene.open() as repository:
        set_policy(repository, scene)


def remove_policy(repository: dedupstore.Repository, _: Scene) -> None:
    """Remove the policy again."""
    policies.remove_policy(repository, set_name="logs")


def prove_no_policy(repository: dedupstore.Repository, _: Scene) -> None:
    """Fail unless there is no policy."""
    assert policies.policy_of_set(repository, "logs") is None


# Checking, which remembers what it has read.


def check(repository: dedupstore.Repository, _: Scene) -> None:
    """Check all data; what it then finds, with a disk that does not read, is for other tests."""
    dedupstore.check(repository, dedupstore.CheckOptions(data=True))


OPERATIONS = {
    "snapshot": Operation(take_snapshot, prepare_snapshot, prove_nothing, steps_min=30),
    "snapshot of a stream": Operation(take_stream, prepare_stream, prove_nothing, steps_min=15),
    "snapshot overtaken by a prune": Operation(
        take_overtaken_snapshot,
        prepare_overtaken,
        prove_kept,
        removes=(0, 1),
        steps_min=50,
        pack_bytes=64 * 1024,
        stride=7,
    ),
    "snapshot with parity": Operation(
        take_snapshot,
        prepare_snapshot,
        protect_and_prove,
        steps_min=35,
        pack_bytes=16 * 1024,
        parity_percent=PARITY_PERCENT,
        stride=7,
    ),
    "protect": Operation(
        protect, nothing, prove_protected, steps_min=35, pack_bytes=16 * 1024, stride=7
    ),
    "index rebuild": Operation(rebuild_index, nothing, prove_nothing, steps_min=3),
    "hold": Operation(hold, nothing, prove_held, steps_min=5),
    "release": Operation(release, prepare_release, prove_released, steps_min=1),
    "policy set": Operation(set_policy, nothing, prove_policy, steps_min=5),
    "policy remove": Operation(remove_policy, prepare_policy, prove_no_policy, steps_min=1),
    "check": Operation(check, nothing, prove_nothing, steps_min=3),
    "prune": Operation(
        prune_with(DEAD_PACKS_ONLY),
        prepare_prune,
        prove_reclaimed,
        removes=(0, 1),
        steps_min=20,
        works_on_full_disk=True,
        pack_bytes=16 * 1024,
    ),
    "prune with repacking": Operation(
        prune_with(ALL_PACKS),
        prepare_prune,
        prove_reclaimed,
        removes=(0, 1),
        steps_min=30,
        works_on_full_disk=True,
        pack_bytes=64 * 1024,
    ),
    "prune with recompressing": Operation(
        prune_with(HEAVY),
        prepare_prune,
        prove_recompressed,
        removes=(0, 1),
        steps_min=30,
        works_on_full_disk=True,
        pack_bytes=64 * 1024,
        stride=3,
    ),
    "forget": Operation(
        forget,
        prepare_prune,
        prove_nothing,
        removes=(1,),
        steps_min=5,
        works_on_full_disk=True,
        pack_bytes=16 * 1024,
    ),
}
