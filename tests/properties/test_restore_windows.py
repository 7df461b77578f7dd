"""However little of a restore is done at once, it gives back what was stored."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import dedupstore
from dedupstore import Overwrite, Repository, RestoreOptions, RestoreReport, Snapshot
from dedupstore.engine import block_runs
from dedupstore.operations.restore import planned_file, run
from dedupstore.operations.restore.windows import WindowBounds
from properties.file_trees import Change, Tree, changes, log_changes, remember

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
SHARED = [
    [Change("write", name, size=40_000, seed=1) for name in ("app.log", "a/app.log", "c/z")],
    [Change("append", name, size=9000, seed=2) for name in ("app.log", "c/z", "a/app.log")],
    [Change("hole", "c/z"), Change("write", "c/app.log", size=18_000, seed=3)],
    [Change("append", "a/app.log", size=200_000, seed=1), Change("write", "z", size=100)],
    [Change("gzip", "c/app.log", "c/app.log.2.gz", seed=5), Change("gzip", "z", "a/z.gz")],
]

bounds = st.builds(
    WindowBounds,
    extents=st.integers(1, 60),
    steps=st.integers(1, 8),
    held_bytes=st.integers(1, 100_000),
    text_bytes=st.integers(1, 20_000),
    descriptors=st.integers(1, 8),
)


@contextmanager
def few_at_once(few: WindowBounds, held_bytes: int, run_bytes: int) -> Iterator[None]:
    """Let windows be small in a ``with`` block, short files short and reads small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "window_bounds", lambda: few)
        patch.setattr(planned_file, "HELD_BYTES_MAX", held_bytes)
        patch.setattr(block_runs, "RUN_BYTES_MAX", run_bytes)
        yield


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    steps=st.lists(
        st.lists(st.one_of(changes(), log_changes()), max_size=8), min_size=1, max_size=5
    ),
    few=bounds,
    held_bytes=st.sampled_from([0, 1, 3000, 65_536]),
    run_bytes=st.sampled_from([1, 2000, 524_288]),
)
@example(SHARED, WindowBounds(extents=1), 0, 1)
@example(SHARED, WindowBounds(extents=7, descriptors=1), 3000, 524_288)
@example(SHARED, WindowBounds(), 65_536, 524_288)
def test_windows_of_any_size_restore_exactly(
    steps: Sequence[Sequence[Change]], few: WindowBounds, held_bytes: int, run_bytes: int
) -> None:
    """With any bounds, whatever files share, all comes back: to no files, the same, and others."""
    with tempfile.TemporaryDirectory(prefix="dedupstore-test-", dir=MEMORY) as folder:
        base = Path(folder)
        logs = base / "logs"
        logs.mkdir()
        with dedupstore.init_repository(base / "repository", chunk_bytes_target=4096) as repository:
            for step in steps:
                for change in step:
                    change.apply(logs)
                dedupstore.snapshot(repository, [logs])
            latest = dedupstore.find_snapshot(repository, "latest")
            with few_at_once(few, held_bytes, run_bytes):
                require_restores(repository, latest, logs, base / "out")


def require_restores(repository: Repository, latest: Snapshot, logs: Path, target: Path) -> None:
    """Fail unless a restore makes the logs, leaves them, and replaces them, as it is asked to."""
    tree = remember(logs)

    def restore(overwrite: Overwrite) -> RestoreReport:
        options = RestoreOptions(overwrite=overwrite)
        report = dedupstore.restore(repository, latest, target, options)
        assert report.failed == []
        return report

    first = restore(Overwrite.NEVER)
    restored = target / logs.relative_to("/")
    assert remember(restored) == tree
    assert first.skipped == 0
    assert first.restored_bytes == latest.record.counts.content_bytes
    files = first.files + first.symlinks
    assert restore(Overwrite.IF_CHANGED).skipped == files
    assert remember(restored) == tree
    assert restore(Overwrite.ALWAYS).skipped == 0
    # Folders that were there get new times where files in them are replaced.
    assert without_folders(remember(restored)) == without_folders(tree)
    assert not list(target.rglob(".dedupstore-*"))


def without_folders(tree: Tree) -> Tree:
    """Return the files and links of a tree."""
    return {path: each for path, each in tree.items() if not stat.S_ISDIR(each.mode)}
