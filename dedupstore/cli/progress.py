"""Progress bars on a terminal, drawn by rich: an extra, so this module may fail to be imported."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from dedupstore.cli.quantities import format_size
from dedupstore.engine.monitor import Event


class _RateColumn(ProgressColumn):
    """The speed in the units that all other sizes are shown in."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{format_size(round(speed))}/s" if speed else "", "progress.data.speed")


class BarMonitor:
    """Shows a bar with rate and time left for each piece of work, and lines about events.

    ``describe`` returns what to say about an event, or ``None`` to say nothing.
    """

    def __init__(self, describe: Callable[[Event], str | None]) -> None:
        self._describe = describe
        self._console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            _RateColumn(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=self._console,
            transient=True,
            # What is written while a bar is shown goes through the console, or is ours to keep.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        # Work may begin within work, such as reading in a pack's table while restoring.
        self._tasks: list[TaskID] = []

    def begin(self, task: str, total_bytes: int | None = None) -> None:
        """See ``Monitor.begin``."""
        self._tasks.append(self._bars.add_task(task, total=total_bytes))
        self._bars.start()

    def advance(self, done_bytes: int, items: int = 0) -> None:
        """See ``Monitor.advance``."""
        if self._tasks and done_bytes:
            self._bars.advance(self._tasks[-1], done_bytes)

    def end(self) -> None:
        """See ``Monitor.end``."""
        if self._tasks:
            self._bars.remove_task(self._tasks.pop())
            if not self._tasks:
                self._bars.stop()

    def event(self, event: Event) -> None:
        """See ``Monitor.event``. The console moves the bar out of the way of the line."""
        line = self._describe(event)
        if line is not None:
            self._console.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)
