"""What the last snapshot of the set says of the files that are met now."""

from __future__ import annotations

import os
from collections.abc import Iterator

from dedupstore.engine.monitor import Event, Monitor
from dedupstore.errors import DamageError, UnsupportedFormat
from dedupstore.format.entry import Entry, path_sort_key
from dedupstore.format.stored_file import StoredFile

_RACE_NS = 20_000_000
"""A file may change twice within one tick of the file system's clock without showing it."""

_SECOND_NS = 1_000_000_000

_COARSE_RACE_NS = 2 * _SECOND_NS + _RACE_NS
"""The same where times are whole seconds: ext4 with small inodes, ext3, HFS+, some network
file systems."""


class KnownFiles:
    """Walks the last snapshot's files beside the sources, which come in the same order.

    ``files`` are the last snapshot's, none where there is none. A manifest that turns out damaged
    is told and no longer used: files are then read as if they were new.
    """

    def __init__(self, files: Iterator[StoredFile], monitor: Monitor) -> None:
        self._files = files
        self._monitor = monitor
        self._next: StoredFile | None = None
        self._is_passed = True

    def take(self, path: bytes) -> StoredFile | None:
        """Return the known file at ``path``; paths must be asked for in path order."""
        # Only now: what was looked up for a file is forgotten when the next one is taken.
        if self._is_passed:
            self._advance()
        file = self._next
        if file is not None and file.path != path:
            key = path_sort_key(path)
            while file is not None and path_sort_key(file.path) < key:
                self._advance()
                file = self._next
        if file is None or file.path != path:
            return None
        self._is_passed = True
        return file

    def entry(self, file: StoredFile) -> Entry | None:
        """Return the entry of a file; ``None`` where it turns out damaged."""
        try:
            return file.decoded()
        except (DamageError, UnsupportedFormat) as error:
            self._give_up(error)
        return None

    def _advance(self) -> None:
        self._is_passed = False
        try:
            self._next = next(self._files, None)
        except (DamageError, UnsupportedFormat) as error:
            self._give_up(error)

    def _give_up(self, error: DamageError | UnsupportedFormat) -> None:
        detail = f"the last snapshot cannot be used, so files are read whole: {error.message}"
        self._monitor.event(Event("last-snapshot-unusable", b"", detail))
        self._files = iter(())
        self._next = None


def looks_unchanged(known: Entry, status: os.stat_result) -> bool:
    """Tell whether a file is the one that is known: same inode, size and times.

    The change time cannot be set by programs, so a file that was rewritten and given its old
    modification time back is noticed.
    """
    return (
        known.ctime_ns == status.st_ctime_ns
        and known.mtime_ns == status.st_mtime_ns
        and known.size == status.st_size
        and known.inode == status.st_ino
        and known.ctime_ns != 0
    )


def trusted_ctime_ns(status: os.stat_result, seen_ns: int) -> int:
    """Return the change time to record, or 0 where it is so young that it proves nothing.

    ``seen_ns`` is when the status was asked for, at the latest: before the file was read.
    """
    return status.st_ctime_ns if is_past(status.st_ctime_ns, seen_ns) else 0


def is_past(changed_ns: int, seen_ns: int) -> bool:
    """Tell whether what changed at a time cannot have changed again, since, at the same time.

    ``seen_ns`` is when it was looked at.
    """
    race_ns = _RACE_NS if changed_ns % _SECOND_NS else _COARSE_RACE_NS
    return changed_ns + race_ns < seen_ns
