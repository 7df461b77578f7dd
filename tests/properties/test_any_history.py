"""Whatever happens to files between snapshots, every snapshot restores exactly."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import dedupstore
from dedupstore import FileChange, RestoreOptions, SnapshotReport
from properties.file_trees import Change, Tree, changes, remember

RACE_SECONDS = 0.03
"""A little more than the time for which a fresh change proves nothing."""

Step = Sequence[Change]
ROTATION = [
    [Change("write", "app.log", size=40_000, seed=1)],
    [Change("append", "app.log", size=5000, seed=2)],
    [Change("rotate", "app.log", size=100, seed=3)],
    [Change("rotate", "app.log", size=4096, seed=4), Change("touch", "app.log.1", seed=9)],
]
IN_PLACE = [
    [Change("write", "z", size=200_000, seed=1), Change("touch", "z", seed=5)],
    [Change("rewrite", "z", size=40, seed=100_000)],
    [Change("hole", "z", size=100, seed=1)],
    [Change("truncate", "z", size=40_000)],
    [Change("delete", "z"), Change("mkdir", "z"), Change("chmod", "z", seed=0o55)],
    [Change("delete", "z"), Change("link", "z", other="a/z")],
]


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(steps=st.lists(st.lists(changes(), max_size=8), min_size=1, max_size=5))
@example(steps=ROTATION)
@example(steps=IN_PLACE)
def test_every_snapshot_restores_exactly(steps: Sequence[Step]) -> None:
    """After any history, each snapshot gives back bytes, types, modes, times and link targets."""
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        logs = base / "logs"
        logs.mkdir()
        with dedupstore.init_repository(base / "repository", chunk_bytes_target=4096) as repository:
            history: list[tuple[SnapshotReport, Tree]] = []
            for step in steps:
                for change in step:
                    change.apply(logs)
                report = dedupstore.snapshot(repository, [logs])
                history.append((report, remember(logs)))
                assert_adds_up(report, history[-1][1])
            assert_nothing_is_read_twice(repository, logs)
            for number, (report, tree) in enumerate(history):
                assert_restores(repository, report, tree, base / f"out{number}")
            assert_diffs_lead_from_one_to_the_next(repository, history)
            checked = dedupstore.check(repository, dedupstore.CheckOptions(data=True))
            assert checked.findings == []


def assert_adds_up(report: SnapshotReport, tree: Tree) -> None:
    """Hold the figures of a report against each other and against the tree."""
    files = [item for item in tree.values() if item.mode >> 12 == 0o10]
    assert report.files == len(files) == sum(report.changes.values())
    assert report.content_bytes == sum(len(item.content) for item in files)
    assert report.directories == 1 + sum(item.mode >> 12 == 0o4 for item in tree.values())
    assert report.symlinks == sum(item.mode >> 12 == 0o12 for item in tree.values())
    assert report.bytes_new <= report.bytes_read <= report.content_bytes
    assert min(report.changes.values()) >= 0
    assert report.complete


def assert_nothing_is_read_twice(repository: dedupstore.Repository, logs: Path) -> None:
    """Once files have rested, a second look at them reads nothing and finds nothing changed."""
    time.sleep(RACE_SECONDS)
    settled = dedupstore.snapshot(repository, [logs])
    again = dedupstore.snapshot(repository, [logs])
    assert settled.bytes_new == 0
    assert (again.bytes_read, again.bytes_new) == (0, 0)
    for report in (settled, again):
        assert report.changes[FileChange.UNCHANGED] == report.files


def assert_restores(
    repository: dedupstore.Repository, report: SnapshotReport, tree: Tree, target: Path
) -> None:
    """Restore a snapshot into an empty folder and compare all that there is."""
    assert report.snapshot is not None
    found = dedupstore.load_snapshot(repository, report.snapshot)
    depth = found.record.paths[0].count(b"/")
    restored = dedupstore.restore(repository, found, target, RestoreOptions(strip_components=depth))
    assert restored.failed == []
    assert restored.files == report.files
    assert restored.restored_bytes == report.content_bytes
    assert remember(target) == tree


def assert_diffs_lead_from_one_to_the_next(
    repository: dedupstore.Repository, history: list[tuple[SnapshotReport, Tree]]
) -> None:
    """Apply each diff to the names of one snapshot and require those of the next."""
    for (before, old), (after, new) in pairwise(history):
        assert before.snapshot is not None
        assert after.snapshot is not None
        older = dedupstore.load_snapshot(repository, before.snapshot)
        newer = dedupstore.load_snapshot(repository, after.snapshot)
        root = older.record.paths[0].lstrip(b"/") + b"/"
        found = dedupstore.diff(repository, older, newer)

        def name(path: bytes, root: bytes = root) -> str:
            return path.removeprefix(root).decode()

        gone = {name(c.before.path) for c in (*found.removed, *found.renamed) if c.before}
        come = {name(c.after.path) for c in (*found.added, *found.renamed) if c.after}
        assert (set(old) - gone) | come == set(new)
        for change in (*found.changed, *found.grown):
            assert change.before is not None
            assert change.after is not None
            assert change.before.path == change.after.path
        for change in (*found.renamed, *found.grown):
            assert change.before is not None
            assert change.after is not None
            before_bytes = old[name(change.before.path)].content
            assert new[name(change.after.path)].content.startswith(before_bytes)
        touched = gone | come | {name(c.after.path) for c in found.changed if c.after}
        touched |= {name(c.after.path) for c in found.grown if c.after}
        for path in set(old) & set(new) - touched:
            assert (old[path].mode, old[path].content) == (new[path].mode, new[path].content)
