"""What the engine meets on its way, as findings."""

from __future__ import annotations

from dedupstore.engine.audit.findings import FindingCollector
from dedupstore.engine.monitor import Event, Monitor


class EventsAsFindings:
    """Passes progress on, and turns what the engine meets on its way into findings."""

    def __init__(self, inner: Monitor, collector: FindingCollector) -> None:
        self._inner = inner
        self._collector = collector

    def begin(self, task: str, total_bytes: int | None = None) -> None:
        """See ``Monitor.begin``."""
        self._inner.begin(task, total_bytes)

    def advance(self, done_bytes: int, items: int = 0) -> None:
        """See ``Monitor.advance``."""
        self._inner.advance(done_bytes, items)

    def end(self) -> None:
        """See ``Monitor.end``."""
        self._inner.end()

    def event(self, event: Event) -> None:
        """See ``Monitor.event``."""
        if event.kind == "index-rebuilt" and not self._collector.has_found(event.kind, "index"):
            self._collector.warning("index-rebuilt", "index", event.detail)
        elif event.kind == "pack-missing":
            self._collector.error(event.kind, event.path.decode("ascii"), event.detail)
