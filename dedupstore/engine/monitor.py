"""How the library tells what it is doing, without knowing to whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dedupstore.errors import DamageError, UnsupportedFormat


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth telling that is no error of the operation as a whole.

    ``kind`` is a stable word, such as ``unreadable`` or ``shrank``; ``path`` is what it is about,
    empty where it is about nothing in particular; ``detail`` says it in words.
    """

    kind: str
    path: bytes
    detail: str


def kind_of_refusal(what: str, error: DamageError | UnsupportedFormat) -> str:
    """Return the stable word for something stored that cannot be used: damaged, or too new."""
    return f"{what}-unsupported" if isinstance(error, UnsupportedFormat) else f"{what}-damaged"


class Monitor(Protocol):
    """Receives progress and events. Calls come from the thread that runs the operation."""

    def begin(self, task: str, total_bytes: int | None = None) -> None:
        """A piece of long work begins; ``total_bytes`` where it is known."""

    def advance(self, done_bytes: int, items: int = 0) -> None:
        """``done_bytes`` more have been done, and ``items`` more finished."""

    def end(self) -> None:
        """The work under way is done or given up."""

    def event(self, event: Event) -> None:
        """Something worth telling has happened."""


class SilentMonitor:
    """Ignores everything."""

    def begin(self, task: str, total_bytes: int | None = None) -> None:
        """See ``Monitor.begin``."""

    def advance(self, done_bytes: int, items: int = 0) -> None:
        """See ``Monitor.advance``."""

    def end(self) -> None:
        """See ``Monitor.end``."""

    def event(self, event: Event) -> None:
        """See ``Monitor.event``."""
