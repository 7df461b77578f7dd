"""What the last snapshot of the set says of the files that are met now."""

from __future__ import annotations

import os
from collections.abc import Iterator

from dedupstore.engine.monitor import Event, Monitor
from dedupstore.errors import DamageError, UnsupportedFormat
from dedupstore.format.entry import Entry, EntryType, path_sort_key

_RACE_NS = 20_000_000
"""A file may change twice within one tick of the file system's clock without showing it."""

_SECOND_NS = 1_000_000_000

_COARSE_RACE_NS = 2 * _SECOND_NS + _RACE_NS
"""The same where times are whole seconds: ext4 with small inodes, ext3, HFS+, some network
file systems."""


class KnownFiles:
    """Walks the last snapshot's entries beside the sources, which come in the same order.

    ``entries`` are the last snapshot's, none where there is none. A manifest that turns out damaged
    is told and no longer used: files are then read as if they were new.
    """

    def __init__(self, entries: Iterator[Entry], monitor: Monitor) -> None:
        self._entries = entries
        self._monitor = monitor
        self._next = self._advance()

    def take(self, path: bytes) -> Entry | None:
        """Return the known file at ``path``; paths must be asked for in path order."""
        key = path_sort_key(path)
        while self._next is not None and path_sort_key(self._next.path) < key:
            self._next = self._advance()
        if self._next is None or self._next.path != path:
            return None
        found, self._next = self._next, self._advance()
        return found

    def _advance(self) -> Entry | None:
        try:
            for entry in self._entries:
                if entry.type is EntryType.FILE:
                    return entry
        except (DamageError, UnsupportedFormat) as error:
            detail = f"the last snapshot cannot be used, so files are read whole: {error.message}"
            self._monitor.event(Event("last-snapshot-unusable", b"", detail))
        self._entries = iter(())
        return None


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
