"""A folder of logs, and what snapshots of it hold."""

from __future__ import annotations

import io
import os
import time
from datetime import datetime, timedelta
from pathlib import Path

import dedupstore
from dedupstore import FileChange, SnapshotOptions, SnapshotReport
from dedupstore.clock import SystemClock
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.tree_reader import manifest_entries
from dedupstore.format.entry import Entry

RACE_SECONDS = 0.03
"""A little more than the time for which a fresh change proves nothing."""


class WrongClock(SystemClock):
    """A clock that is ``seconds`` ahead of the file system's."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        """Return a time."""
        return super().now() + timedelta(seconds=self.seconds)


class Logs:
    """A folder of logs and a repository of their snapshots."""

    def __init__(self, base: Path, repository: dedupstore.Repository) -> None:
        self.repository = repository
        self.folder = base / "logs"
        self.folder.mkdir()
        self.log = self.folder / "app.log"

    def rest(self) -> None:
        """Wait until change times are old enough to be trusted."""
        time.sleep(RACE_SECONDS)

    def take(self, *, reread: bool = False) -> SnapshotReport:
        """Take a snapshot, and require that it holds what there is."""
        report = dedupstore.snapshot(
            self.repository, [self.folder], SnapshotOptions(set_name="s", reread=reread)
        )
        for entry in self.entries(report):
            path = Path("/") / os.fsdecode(entry.path)
            if path.is_file():
                assert self.restored(report, path) == path.read_bytes()
        return report

    def entries(self, report: SnapshotReport) -> list[Entry]:
        """Return the entries of a snapshot."""
        assert report.snapshot is not None
        record = dedupstore.load_snapshot(self.repository, report.snapshot).record
        with ChunkReader(self.repository) as reader:
            return list(manifest_entries(reader, record.manifest, record.manifest_level))

    def restored(self, report: SnapshotReport, path: Path) -> bytes:
        """Return the bytes that a snapshot holds of a file."""
        assert report.snapshot is not None
        snapshot = dedupstore.load_snapshot(self.repository, report.snapshot)
        output = io.BytesIO()
        dedupstore.cat(self.repository, snapshot, os.fsencode(path), output)
        return output.getvalue()

    def lineages(self, report: SnapshotReport) -> dict[str, str]:
        """Return the names of the files that are older parts, with the names of their logs."""
        return {
            os.path.basename(os.fsdecode(entry.path)): os.path.basename(os.fsdecode(entry.lineage))
            for entry in self.entries(report)
            if entry.lineage
        }


def counts(report: SnapshotReport) -> dict[FileChange, int]:
    """Return how many files there are of each change, without zeros."""
    return {change: count for change, count in report.changes.items() if count}


def append(path: Path, data: bytes) -> None:
    """Write at the end of a file."""
    with path.open("ab") as file:
        file.write(data)
