"""What happens on the way, as lines on stderr."""

from __future__ import annotations

import click

from dedupstore.cli.text import printable, printable_path
from dedupstore.engine.monitor import Event, SilentMonitor

_ONLY_WHEN_VERBOSE = frozenset(
    ("in-database", "other-file-system", "repeated", "skipped", "truncated", "vanished")
)
# Something was lost or left out: whoever asked for less still has to know why the exit code is
# not 0.
_EVEN_WHEN_QUIET = frozenset(
    (
        "damaged",
        "incomplete",
        "not-found",
        "pack-damaged",
        "pack-missing",
        "snapshot-damaged",
        "unreadable",
        "unsupported",
        "unwritable",
    )
)


class EventLines(SilentMonitor):
    """Writes a line for each event worth saying at a verbosity: 0, below with -q, above with -v."""

    def __init__(self, verbosity: int) -> None:
        self._verbosity = verbosity

    def describe(self, event: Event) -> str | None:
        """Return the line that tells of an event, or ``None`` where it is not worth one."""
        threshold = 1 if event.kind in _ONLY_WHEN_VERBOSE else 0
        if event.kind in _EVEN_WHEN_QUIET:
            threshold = -1
        if self._verbosity < threshold:
            return None
        where = f"{printable_path(event.path)}: " if event.path else ""
        return f"{event.kind}: {where}{printable(event.detail)}"

    def event(self, event: Event) -> None:
        """See ``Monitor.event``."""
        line = self.describe(event)
        if line is not None:
            click.echo(line, err=True)
