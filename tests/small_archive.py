"""A repository of a few small logs that remembers what each of its snapshots was taken of."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import dedupstore
from dedupstore import PruneOptions, ReclaimOptions, RetentionPolicy, SnapshotOptions
from dedupstore.engine.monitor import Monitor
from dedupstore.ids import SnapshotId
from interleaving import Sober

KEEP_ONE = PruneOptions(
    policy=RetentionPolicy(keep_last=1), reclaim=ReclaimOptions(0.0, merge_packs_min=2)
)
Tree = dict[str, bytes]


class Archive:
    """A repository of a few small logs, which remembers what each snapshot was taken of.

    It lies in ``folder``, by default in ``base`` like the logs.
    """

    def __init__(self, base: Path, folder: Path | None = None) -> None:
        self.base = base
        self.folder = folder or base / "repository"
        self.logs = base / "logs"
        self.logs.mkdir(parents=True)
        self.trees: dict[SnapshotId, Tree] = {}
        dedupstore.init_repository(self.folder, chunk_bytes_target=4096).close()

    def write(self, name: str, seed: int, lines: int = 400) -> None:
        """Write a log of its own content."""
        (self.logs / name).write_bytes(noise(seed, lines))

    def tree(self) -> Tree:
        """Return what the logs are now."""
        return {path.name: path.read_bytes() for path in sorted(self.logs.iterdir())}

    def open(self, monitor: Monitor | None = None) -> dedupstore.Repository:
        """Open the repository once more."""
        return dedupstore.open_repository(self.folder, monitor=monitor or Sober())

    def snapshot(self, set_name: str = "logs", monitor: Monitor | None = None) -> SnapshotId:
        """Take a snapshot and remember the logs as they are."""
        tree = self.tree()
        with self.open(monitor) as repository:
            report = dedupstore.snapshot(
                repository, [self.logs], SnapshotOptions(set_name=set_name)
            )
        assert report.snapshot is not None
        self.trees[report.snapshot] = tree
        return report.snapshot

    def prune(self, monitor: Monitor | None = None) -> dedupstore.PruneReport:
        """Keep the last snapshot of each set, and leave nothing unneeded."""
        with self.open(monitor) as repository:
            return dedupstore.prune(repository, KEEP_ONE)

    def require_all_restore(self) -> list[SnapshotId]:
        """Fail unless each listed snapshot is what it was taken of; return their ids."""
        with self.open() as repository:
            listed = [snapshot.id for snapshot in dedupstore.list_snapshots(repository)]
            for id_ in listed:
                target = self.base / "restored"
                found = dedupstore.load_snapshot(repository, id_)
                report = dedupstore.restore(repository, found, target)
                assert report.failed == []
                restored = target / self.logs.relative_to("/")
                tree = {path.name: path.read_bytes() for path in sorted(restored.iterdir())}
                assert tree == self.trees[id_]
                shutil.rmtree(target)
            checked = dedupstore.check(repository, dedupstore.CheckOptions(data=True))
            assert checked.ok, checked.findings
        return listed

    def packs(self) -> set[str]:
        """Return the names of all pack files."""
        return {path.name for path in (self.folder / "packs").rglob("*") if path.is_file()}


def a_few_snapshots(base: Path) -> Archive:
    """Return an archive with garbage to come: each snapshot has a log that the next has not."""
    archive = Archive(base)
    archive.write("steady.log", 1)
    for number in range(3):
        archive.write("changing.log", 100 + number)
        archive.snapshot()
    return archive


def noise(seed: int, lines: int = 400) -> bytes:
    """Return lines that compress little and are like no others."""
    source = random.Random(seed)
    return b"".join(source.randbytes(30).hex().encode() + b"\n" for _ in range(lines))
