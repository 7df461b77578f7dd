"""Two operations at once in one thread: the second runs whole at a chosen moment of the first.

An operation tells its monitor what it does all the way. A monitor that runs another operation, on
a repository object of its own, while it is told, gives each interleaving of the two the same way
every time.
"""

from __future__ import annotations

from collections.abc import Callable

from dedupstore.engine.monitor import Event, SilentMonitor


class Sober(SilentMonitor):
    """Refuses events that tell of something that no order of operations may lead to."""

    def event(self, event: Event) -> None:
        """See ``Monitor.event``."""
        if event.kind in ("pack-revived", "pack-damaged", "pack-missing", "generation-damaged"):
            raise AssertionError(f"{event.kind}: {event.detail}")


class Interleaved(Sober):
    """Runs ``other`` once, at the call number ``at`` of the operation that is watched, from 0.

    ``calls`` counts the calls; ``has_run`` tells whether ``other`` has had its turn.
    """

    def __init__(self, other: Callable[[], object], at: int) -> None:
        self.calls = 0
        self.has_run = False
        self._other = other
        self._at = at

    def begin(self, task: str, total_bytes: int | None = None) -> None:
        """See ``Monitor.begin``."""
        self._step()

    def advance(self, done_bytes: int, items: int = 0) -> None:
        """See ``Monitor.advance``."""
        self._step()

    def end(self) -> None:
        """See ``Monitor.end``."""
        self._step()

    def _step(self) -> None:
        number, self.calls = self.calls, self.calls + 1
        if number == self._at and not self.has_run:
            self.has_run = True
            self._other()
