"""A folder of logs and its snapshots: which files each opened, what each must give back."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import dedupstore
from dedupstore import FileChange, RestoreOptions, SnapshotReport
from dedupstore.operations.snapshot.probes import PROBE_BYTES_MIN, PROBE_SHARE
from properties.file_trees import Tree, remember

RACE_SECONDS = 0.03
"""A little more than the time for which a fresh change proves nothing."""

OPEN_SOURCE = "dedupstore.operations.snapshot.regular_files.open_source"
"""What opens each file that a snapshot does not take over unread."""


@dataclass
class WatchedLogs:
    """A folder ``logs`` beside a repository; ``opened`` are the files the last snapshot opened."""

    base: Path
    opened: list[str] = field(default_factory=list)
    history: list[tuple[SnapshotReport, Tree]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the folder and the repository."""
        self.logs.mkdir()
        dedupstore.init_repository(self.base / "repository", chunk_bytes_target=4096).close()

    @property
    def logs(self) -> Path:
        """The folder that snapshots are taken of."""
        return self.base / "logs"

    def append(self, name: str, text: bytes) -> None:
        """Append to a log."""
        with (self.logs / name).open("ab") as log:
            log.write(text)

    def snapshot(self) -> SnapshotReport:
        """Take a snapshot once all changes are old enough to be trusted; remember what it is of."""
        time.sleep(RACE_SECONDS)
        self.opened.clear()
        tree = remember(self.logs)
        with self._open() as repository:
            report = dedupstore.snapshot(repository, [self.logs])
        self.history.append((report, tree))
        assert report.complete
        return report

    def lineages(self) -> dict[str, str]:
        """Return for each part of a log in the last snapshot, by name, the name of the log."""
        prefix = os.fsencode(self.logs).lstrip(b"/") + b"/"
        with self._open() as repository:
            latest = dedupstore.find_snapshot(repository, "latest")
            return {
                os.fsdecode(entry.path.removeprefix(prefix)): os.fsdecode(
                    entry.lineage.removeprefix(prefix)
                )
                for entry in dedupstore.list_entries(repository, latest)
                if entry.lineage
            }

    def require_exact_restores(self) -> None:
        """Fail unless each snapshot gives back what it was taken of, and check finds nothing."""
        with self._open() as repository:
            for number, (report, tree) in enumerate(self.history):
                assert report.snapshot is not None
                found = dedupstore.load_snapshot(repository, report.snapshot)
                depth = found.record.paths[0].count(b"/")
                target = self.base / f"restored-{number}"
                options = RestoreOptions(strip_components=depth)
                assert dedupstore.restore(repository, found, target, options).failed == []
                assert remember(target) == tree, f"snapshot {number} restores otherwise"
            checked = dedupstore.check(repository, dedupstore.CheckOptions(data=True))
            assert checked.findings == []

    def _open(self) -> dedupstore.Repository:
        return dedupstore.open_repository(self.base / "repository")


def changes(report: SnapshotReport) -> dict[str, int]:
    """Return how many files were new, grown, renamed and so on, as far as there were any."""
    counted = {change.value: report.changes[change] for change in FileChange}
    return {name: count for name, count in counted.items() if count}


def proof_bytes_max(known_bytes: int) -> int:
    """Return the most that is read to prove that a log still begins with what is known."""
    return max(known_bytes // PROBE_SHARE, PROBE_BYTES_MIN)
