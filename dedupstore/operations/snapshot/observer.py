"""Putting what happens on the way into the report and before the monitor."""

from __future__ import annotations

from dedupstore.engine.monitor import Event, Monitor
from dedupstore.operations.snapshot.report import SnapshotReport


class ReportingObserver:
    """Hears of everything a snapshot leaves out or finds odd; see ``walk.WalkObserver``."""

    def __init__(self, report: SnapshotReport, monitor: Monitor) -> None:
        self._report = report
        self._monitor = monitor

    def unreadable(self, absolute: bytes, error: OSError) -> None:
        """A path could not be read; the snapshot is incomplete."""
        event = Event("unreadable", absolute, error.strerror or str(error))
        self._report.warnings.append(event)
        self._monitor.event(event)

    def vanished(self, absolute: bytes) -> None:
        """A path was listed and is gone: logs expire, that is no fault."""
        self._report.files_vanished += 1
        self.note(Event("vanished", absolute, "it was gone before it could be read"))

    def left_out(self, absolute: bytes, error: OSError) -> None:
        """A path could not be taken: it is gone, or cannot be read."""
        if isinstance(error, FileNotFoundError):
            self.vanished(absolute)
        else:
            self.unreadable(absolute, error)

    def excluded(self, absolute: bytes) -> None:
        """A path was left out on purpose."""
        self._report.excluded += 1

    def other_file_system(self, absolute: bytes) -> None:
        """A folder is on another file system and was not entered."""
        self.note(Event("other-file-system", absolute, "it is on another file system"))

    def skipped(self, absolute: bytes, kind: str) -> None:
        """A path is no file, folder or link, so there is nothing to store."""
        self._report.skipped[kind] = self._report.skipped.get(kind, 0) + 1
        self.note(Event("skipped", absolute, f"it is a {kind}"))

    def shrank(self, absolute: bytes, size: int, read_bytes: int) -> None:
        """A file became shorter while it was read; what there was has been stored."""
        detail = f"it shrank from {size} to {read_bytes} bytes while it was read"
        self.note(Event("shrank", absolute, detail))

    def truncated(self, absolute: bytes, known_bytes: int, size: int) -> None:
        """A file was cut short where it was, as ``copytruncate`` does; it is read whole."""
        detail = f"it had {known_bytes} bytes and was cut short to {size}, so it is read whole"
        self.note(Event("truncated", absolute, detail))

    def not_continued(self, absolute: bytes, kind: str, detail: str) -> None:
        """A file that is longer than before was not proved to have grown, and is read whole."""
        self.note(Event(kind, absolute, detail))

    def note(self, event: Event) -> None:
        """Something happened that is worth telling, and left nothing out."""
        self._report.events.append(event)
        self._monitor.event(event)
