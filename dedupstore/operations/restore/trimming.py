"""Cutting the logs that are restored, and counting that."""

from __future__ import annotations

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.monitor import Monitor
from dedupstore.engine.record_trim import TrimRule, trim_entry
from dedupstore.format.entry import Entry, EntryType
from dedupstore.operations.restore.options import RestoreReport


class Trimmer:
    """Cuts files by a rule, if there is one; tells the report what became of them."""

    def __init__(self, rule: TrimRule | None, report: RestoreReport, monitor: Monitor) -> None:
        self._rule = rule
        self._report = report
        self._monitor = monitor

    def trim(self, reader: ChunkReader, entry: Entry) -> Entry:
        """Return the entry of what is restored of a file; other entries as they are.

        Raises:
            StorageError: the store could not deliver.
        """
        if self._rule is None or entry.type is not EntryType.FILE:
            return entry
        trimmed, event = trim_entry(reader, entry, self._rule)
        if event is not None:
            self._report.events.append(event)
            self._monitor.event(event)
        self._report.trimmed += trimmed.size < entry.size
        return trimmed
