"""Repair while others are at work, and repair that is cut short at every one of its steps."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import dedupstore
from dedupstore import CheckOptions
from dedupstore.engine.monitor import Event
from dedupstore.errors import DamageError
from dedupstore.format.pack import PackKind
from dedupstore.ids import ChunkId
from faults.crash_operations import Scene, add_snapshot, grow, make_scene
from faults.damage import flip
from faults.fault_files import Fault, Killed, Strike, Survival
from faults.test_crash_matrix import CRASHES, INDEX_FATES, machine
from interleaving import Interleaved
from readable_chunks import readable_chunks, stored_chunks
from sample_repository import read_tree

STEPS_MAX = 500
STEPS_MIN = 40
MOMENTS_MIN = 4


class Indifferent(Interleaved):
    """Does not mind being told of damage."""

    def event(self, event: Event) -> None:
        """See ``Monitor.event``."""


def packs(folder: Path, kind: PackKind) -> list[Path]:
    """Return the packs of one kind, the oldest first."""
    found = (folder / "packs" / kind.name.lower()).iterdir()
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))


def damage_blocks(scene: Scene) -> None:
    """Damage the data of the oldest pack, whose chunks the newest snapshot needs as well."""
    pack = packs(scene.folder, PackKind.DATA)[0]
    flip(pack, pack.stat().st_size // 3)


def damage_much(scene: Scene) -> None:
    """Damage a block, a table, and a snapshot record."""
    first, second = packs(scene.folder, PackKind.DATA)[:2]
    flip(first, first.stat().st_size // 3)
    flip(second, -60)
    flip(scene.folder / "snapshots" / scene.snapshots[0].hex(), 50)


def require_restores(scene: Scene, target: Path) -> None:
    """Fail unless whatever restores as whole is what was stored."""
    with scene.open() as repository:
        for snapshot in dedupstore.list_snapshots(repository):
            shutil.rmtree(target, ignore_errors=True)
            try:
                report = dedupstore.restore(repository, snapshot, target)
            except DamageError:
                continue
            if not report.failed:
                assert read_tree(target) == scene.trees[snapshot.id]


@pytest.mark.parametrize("logs_grow", [True, False], ids=["grown", "as they were"])
def test_a_repair_at_any_moment_of_a_snapshot_harms_neither(
    logs_grow: bool, quick_path: Path
) -> None:
    """The snapshot succeeds and is whole, or fails cleanly; the one after it always succeeds."""
    pristine = make_scene(quick_path / "pristine")
    if logs_grow:
        grow(pristine, 7)
    moment = outcomes = 0
    has_run = True
    while has_run:
        scene = pristine.copy_to(quick_path / "copy")
        damage_blocks(scene)

        def repair(scene: Scene = scene) -> None:
            with scene.open() as other:
                assert dedupstore.repair(other).actions

        monitor = Indifferent(repair, moment)
        with dedupstore.open_repository(scene.folder, monitor=monitor) as repository:
            try:
                add_snapshot(repository, scene)
                outcomes += 1
            except DamageError:
                assert len(scene.trees) == 2
        has_run = monitor.has_run
        if has_run:
            require_whole(scene, scene.snapshots[2:])
        with scene.open() as repository:
            dedupstore.repair(repository)
            add_snapshot(repository, scene)
        require_whole(scene, scene.snapshots[-1:])
        require_restores(scene, quick_path / "out")
        shutil.rmtree(scene.folder)
        moment += 1
    assert outcomes
    assert moment > MOMENTS_MIN


def require_whole(scene: Scene, snapshots: list[bytes]) -> None:
    """Fail unless check finds nothing that hits some snapshots, but what was damaged before."""
    with scene.open() as repository:
        report = dedupstore.check(repository, CheckOptions(data=True))
    hit = {id_ for finding in report.findings for id_ in finding.snapshots}
    assert not hit.intersection(snapshots)


@pytest.mark.parametrize("crash", CRASHES.values(), ids=list(CRASHES))
@pytest.mark.parametrize("damage", [damage_blocks, damage_much])
def test_a_repair_that_is_cut_short_can_be_run_again(
    damage: Callable[[Scene], None], crash: tuple[Strike, Survival], quick_path: Path
) -> None:
    """After a crash at any step nothing is worse than before, and the next repair ends the work."""
    strike, survival = crash
    prepared = make_scene(quick_path / "prepared")
    chunks: frozenset[ChunkId] = stored_chunks(prepared.folder)
    damage(prepared)
    before = readable_chunks(prepared.folder, chunks)
    with prepared.copy_to(quick_path / "whole").open() as repository:
        expected = dedupstore.repair(repository).snapshots_affected
    after = readable_chunks(quick_path / "whole", chunks)
    assert before < after
    for step in range(1, STEPS_MAX):
        shutil.rmtree(quick_path / "point", ignore_errors=True)
        scene = prepared.copy_to(quick_path / "point")
        with machine(scene, Fault(strike), step) as files:
            try:
                repair_scene(scene)
            except Killed:
                files.crash(survival)
                INDEX_FATES[step % 4](scene.folder / "index", prepared.folder / "index")
                assert before <= readable_chunks(scene.folder, chunks)
                assert repair_scene(scene) <= expected
            files.crash(Survival.SYNCED)
            INDEX_FATES[step // 4 % 4](scene.folder / "index", prepared.folder / "index")
            assert readable_chunks(scene.folder, chunks) == after
            with scene.open() as repository:
                found = dedupstore.check(repository, CheckOptions(data=True)).findings
            kinds = {item.kind for item in found if item.severity is dedupstore.Severity.ERROR}
            assert kinds <= {"chunks-missing"}
        if not files.struck:
            break
    assert step > STEPS_MIN


def repair_scene(scene: Scene) -> frozenset[bytes]:
    """Repair a repository and return the snapshots that stay incomplete."""
    with scene.open() as repository:
        return dedupstore.repair(repository).snapshots_affected
