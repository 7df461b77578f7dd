"""Rebuilding the files that are stored as their text."""

from __future__ import annotations

from dedupstore.engine.audit.findings import CheckReport, Finding, FindingCollector
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.file_reader import LossTally
from dedupstore.engine.keys import snapshot_key
from dedupstore.engine.monitor import Monitor
from dedupstore.engine.snapshots import Snapshot
from dedupstore.engine.twin_reader import entry_parts
from dedupstore.errors import UnsupportedFormat
from dedupstore.format.entry import Entry, encode_content, encode_twin
from dedupstore.format.hashing import digest


class TwinCheck:
    """Checks that files are rebuilt as they were (M-30), each once, in however many snapshots.

    Every chunk may be right and a file still not come back: the recipe may not be that of the text.
    """

    def __init__(
        self,
        reader: ChunkReader,
        report: CheckReport,
        collector: FindingCollector,
        monitor: Monitor,
    ) -> None:
        self._reader = reader
        self._report = report
        self._collector = collector
        self._monitor = monitor
        self._findings: dict[bytes, Finding | None] = {}

    def check(self, snapshot: Snapshot, entry: Entry) -> bool:
        """Check one file, whose chunks are all there; tell whether it is rebuilt as it was.

        Raises:
            StorageError: the store could not deliver.
        """
        if entry.twin is None:
            return True
        key = digest(encode_twin(entry.twin) + encode_content(entry.content))
        if key not in self._findings:
            self._findings[key] = self._rebuild(snapshot, entry)
        finding = self._findings[key]
        if finding is not None:
            finding.hits(snapshot.id, entry.path)
        return finding is None

    def _rebuild(self, snapshot: Snapshot, entry: Entry) -> Finding | None:
        kind, detail = "twin-damaged", ""
        tally = LossTally(entry_parts(self._reader, entry))
        try:
            for part in tally:
                self._monitor.advance(part.part_bytes)
        except UnsupportedFormat as error:
            kind, detail = "twin-unsupported", error.message
        self._report.twins_rebuilt += 1
        if tally.damage is not None:
            detail = tally.damage.message
        if not detail:
            return None
        return self._collector.error(kind, snapshot_key(snapshot.id), detail)
