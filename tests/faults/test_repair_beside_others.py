"""Repair while others are at work."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import dedupstore
from dedupstore import CheckOptions
from dedupstore.engine.monitor import Event, SilentMonitor
from dedupstore.errors import DamageError
from dedupstore.format.pack import PackKind
from faults.crash_operations import Scene, add_snapshot, grow, make_scene
from faults.crash_repairs import packs
from faults.damage import flip
from interleaving import Interleaved
from sample_repository import read_tree
from small_archive import Archive

MOMENTS_MIN = 4


class Indifferent(Interleaved):
    """Does not mind being told of damage."""

    def event(self, event: Event) -> None:
        """See ``Monitor.event``."""


def damage_blocks(scene: Scene) -> None:
    """Damage the data of the oldest pack, whose chunks the newest snapshot needs as well."""
    pack = packs(scene.folder, PackKind.DATA)[0]
    flip(pack, pack.stat().st_size // 3)


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


def test_a_dead_pack_that_has_the_last_copy_lives_again(quick_path: Path) -> None:
    """What a damaged pack has lost is taken from a sound pack that waits to be removed."""
    archive = Archive(quick_path / "archive")
    archive.write("app.log", 1)
    first = archive.snapshot()
    archive.write("app.log", 2)
    archive.snapshot()
    other = archive.snapshot("another set")
    with archive.open() as repository:
        dedupstore.forget(repository, [other])
        del archive.trees[other]
    with archive.open() as reader, reader.session():
        before = archive.packs()
        with archive.open() as repository:
            assert not dedupstore.forget(repository, [first]).reclaim.swept
        del archive.trees[first]
        # What only dead packs hold is stored once more.
        archive.write("app.log", 1)
        archive.snapshot()
    [again] = [
        path for path in (archive.folder / "packs" / "data").iterdir() if path.name not in before
    ]
    flip(again, again.stat().st_size // 2)
    with archive.open(SilentMonitor()) as repository:
        report = dedupstore.repair(repository)
        assert report.remaining == []
    archive.require_all_restore()
    assert archive.prune().reclaim.swept
    archive.require_all_restore()
