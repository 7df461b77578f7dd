"""Progress on a terminal, drawn by rich where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dedupstore.engine.monitor import Event, Monitor, SilentMonitor


class _EventMonitor(SilentMonitor):
    """Shows events, no progress."""

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event

    def event(self, event: Event) -> None:
        self._on_event(event)


class _BarMonitor:
    """Shows a bar with rate and time left for each piece of work."""

    def __init__(self, rich_progress: Any, rich_console: Any, on_event: Callable[[Event], None]):
        self._on_event = on_event
        self._bars = rich_progress.Progress(
            rich_progress.TextColumn("{task.description}"),
            rich_progress.BarColumn(),
            rich_progress.DownloadColumn(binary_units=True),
            rich_progress.TransferSpeedColumn(),
            rich_progress.TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=rich_console.Console(stderr=True),
            transient=True,
        )
        # Work may begin within work, such as reading in a pack's table while restoring.
        self._tasks: list[Any] = []

    def begin(self, task: str, total_bytes: int | None = None) -> None:
        self._tasks.append(self._bars.add_task(task, total=total_bytes))
        self._bars.start()

    def expect(self, total_bytes: int) -> None:
        if self._tasks:
            self._bars.update(self._tasks[-1], total=total_bytes)

    def advance(self, done_bytes: int, items: int = 0) -> None:
        if self._tasks and done_bytes:
            self._bars.advance(self._tasks[-1], done_bytes)

    def end(self) -> None:
        if self._tasks:
            self._bars.remove_task(self._tasks.pop())
            if not self._tasks:
                self._bars.stop()

    def event(self, event: Event) -> None:
        # Rich moves the bar out of the way of what is written while it is shown.
        self._on_event(event)


def terminal_monitor(show_bars: bool, on_event: Callable[[Event], None]) -> Monitor:
    """Return a monitor that tells events, and draws bars if asked to and rich is installed."""
    if not show_bars:
        return _EventMonitor(on_event)
    try:
        import rich.console
        import rich.progress
    except ImportError:
        return _EventMonitor(on_event)
    return _BarMonitor(rich.progress, rich.console, on_event)
