"""The times of the entries of a journal export (see ``dedupstore.logs.journal_export``)."""

from __future__ import annotations

from collections.abc import Iterator

from dedupstore.logs.journal_export import ExportSplitter, cursor_time_us

NAME = "journal export"
FIRST_BYTES = b"__CURSOR="
"""Every export that ``journalctl`` makes begins with these."""


class ExportRecords:
    """Finds the entries of an export that is fed piece by piece.

    An entry's cursor holds its ``__REALTIME_TIMESTAMP``, and stands first.
    """

    def __init__(self) -> None:
        self.fed_bytes = 0
        self._splitter = ExportSplitter()
        self._taken_bytes = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield the offset at which each entry begins, and its time in nanoseconds since 1970.

        Raises:
            ValueError: the bytes are no export, or an entry has no cursor.
        """
        self.fed_bytes += len(data)
        for part in self._splitter.feed(data):
            if part.begins:
                time_us = None if part.cursor is None else cursor_time_us(part.cursor)
                if time_us is None:
                    raise ValueError("an entry has no cursor")
                yield self._taken_bytes, time_us * 1000
            self._taken_bytes += len(part.data)
