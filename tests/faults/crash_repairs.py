"""Repairs that are cut short at every step: nothing may ever be worse than before."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import dedupstore
from dedupstore import ActionKind
from dedupstore.errors import DamageError
from dedupstore.format.pack import PackKind
from dedupstore.ids import ChunkId, SnapshotId
from faults.crash_operations import Operation, Scene, add_snapshot, grow, protect
from faults.damage import flip
from readable_chunks import readable_chunks, stored_chunks
from sample_repository import Tree, read_tree

LOSSES = {"chunks-missing", "manifest-damaged"}
"""What check may find where a repair is done and not everything could be mended."""


@dataclass(frozen=True)
class WhatIsLeft:
    """What of a damaged repository can be read: chunks, and of each listed snapshot whole files."""

    chunks: frozenset[ChunkId]
    trees: dict[SnapshotId, Tree]


def what_is_left(scene: Scene) -> WhatIsLeft:
    """Read all that can be read; fail if a file comes out as whole that is not as it was."""
    target = scene.folder.parent / "left"
    trees: dict[SnapshotId, Tree] = {}
    with scene.open() as repository:
        for snapshot in dedupstore.list_snapshots(repository):
            shutil.rmtree(target, ignore_errors=True)
            trees[snapshot.id] = {}
            try:
                dedupstore.restore(repository, snapshot, target)
            except DamageError:
                continue
            expected = scene.trees[snapshot.id]
            for name, data in read_tree(target).items():
                if not name.endswith(".partial"):
                    assert data == expected[name]
                    trees[snapshot.id][name] = data
    return WhatIsLeft(frozenset(readable_chunks(scene.folder, scene.chunks)), trees)


def require_as_much(found: WhatIsLeft, before: WhatIsLeft) -> None:
    """Fail unless all that was left before is left now."""
    assert before.chunks <= found.chunks
    for snapshot, tree in before.trees.items():
        assert tree.items() <= found.trees[snapshot].items()


def packs(folder: Path, kind: PackKind) -> list[Path]:
    """Return the packs of one kind, the oldest first."""
    found = (folder / "packs" / kind.name.lower()).iterdir()
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))


def damage_block(pack: Path) -> None:
    """Damage the payload of a pack's first block."""
    flip(pack, 300)


def prepare_repair(scene: Scene) -> None:
    """Damage packs of data in a block and in a table, one of manifests, and a snapshot record.

    There is a generation record, as a fourth snapshot has been removed.
    """
    for seed in (5, 6):
        grow(scene, seed)
        with scene.open() as repository:
            add_snapshot(repository, scene)
    with scene.open() as repository:
        dedupstore.forget(repository, [scene.snapshots[-1]])
    scene.trees.popitem()
    scene.chunks = stored_chunks(scene.folder)
    first, second = packs(scene.folder, PackKind.DATA)[:2]
    damage_block(first)
    flip(second, -60)
    damage_block(packs(scene.folder, PackKind.MANIFEST)[1])
    flip(scene.folder / "snapshots" / scene.snapshots[0].hex(), 50)


def prepare_healing(scene: Scene) -> None:
    """Make parity, and damage a pack of each kind within what that bears."""
    scene.chunks = stored_chunks(scene.folder)
    with scene.open() as repository:
        protect(repository, scene)
    for kind in PackKind:
        damage_block(packs(scene.folder, kind)[0])


def repair(repository: dedupstore.Repository, _: Scene) -> None:
    """Repair the repository."""
    dedupstore.repair(repository)


def prove_repaired(repository: dedupstore.Repository, _: Scene) -> None:
    """Fail unless there is nothing left to do, and only what is lost for good is found."""
    actions = {action.kind for action in dedupstore.repair(repository).actions}
    assert actions <= {ActionKind.REBUILD_INDEX}
    findings = dedupstore.check(repository, dedupstore.CheckOptions(data=True)).findings
    errors = {item.kind for item in findings if item.severity is dedupstore.Severity.ERROR}
    assert errors <= LOSSES


def prove_healed(repository: dedupstore.Repository, scene: Scene) -> None:
    """Fail unless everything is as it was."""
    prove_repaired(repository, scene)
    report = dedupstore.check(repository, dedupstore.CheckOptions(data=True))
    assert report.findings == []
    assert stored_chunks(scene.folder) == scene.chunks


REPAIRS = {
    "repair": Operation(
        repair, prepare_repair, prove_repaired, steps_min=70, pack_bytes=16 * 1024, stride=7
    ),
    "repair with parity": Operation(
        repair, prepare_healing, prove_healed, steps_min=30, pack_bytes=16 * 1024, stride=5
    ),
}
