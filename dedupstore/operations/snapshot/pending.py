"""Keeping entries in path order, while some files take longer than others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from dedupstore.engine.workers import worker_count
from dedupstore.format.entry import EncodedEntry
from dedupstore.operations.snapshot.source_file import SourceFile

FILES_AHEAD = 2
"""For each thread, this many files are open: one that it works at, and one that is next."""

ENTRIES_WAITING_MAX = 1024
"""Finished entries that wait for a file before them; each takes up to 8 KiB."""


class EntryQueue:
    """Hands on entries in the order in which they were begun.

    A file that was only begun is finished when too many of them, or too much behind it, waits:
    never because it happens to be ready. So equal sources are stored in the same order.

    ``finish`` makes the entry of such a file, ``None`` where it turns out that there is nothing to
    store; ``hand_on`` takes the parts of each entry.
    """

    def __init__(
        self,
        finish: Callable[[SourceFile], EncodedEntry | None],
        hand_on: Callable[[bytes, bytes, bool], None],
    ) -> None:
        self._finish = finish
        self._hand_on = hand_on
        self._waiting: deque[EncodedEntry | SourceFile] = deque()
        self._files = 0
        self._files_max = FILES_AHEAD * worker_count()

    def add(self, begun: EncodedEntry | SourceFile) -> None:
        """Take the next entry, or file to be finished."""
        if isinstance(begun, EncodedEntry) and not self._waiting:
            self._hand_on(*begun)
            return
        self._waiting.append(begun)
        self._files += isinstance(begun, SourceFile)
        while (
            self._files > self._files_max
            or len(self._waiting) > ENTRIES_WAITING_MAX
            or (self._waiting and isinstance(self._waiting[0], EncodedEntry))
        ):
            self._hand_on_first()

    def drain(self) -> None:
        """Finish and hand on everything."""
        while self._waiting:
            self._hand_on_first()

    def _hand_on_first(self) -> None:
        first = self._waiting.popleft()
        if isinstance(first, EncodedEntry):
            self._hand_on(*first)
            return
        self._files -= 1
        entry = self._finish(first)
        if entry is not None:
            self._hand_on(*entry)
