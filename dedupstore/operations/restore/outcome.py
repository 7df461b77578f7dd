"""Counting what a restore does, and telling it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from dedupstore.engine.monitor import Event, Monitor
from dedupstore.errors import DamageError, NoSpace, UnsupportedFormat
from dedupstore.format.entry import Entry, EntryType
from dedupstore.operations.restore.options import RestoreReport

FULL = frozenset((errno.ENOSPC, errno.EDQUOT))
"""What the system says where there is no room left."""


class Outcome:
    """Keeps the report and the monitor up to date; all calls come from one thread."""

    def __init__(self, report: RestoreReport, monitor: Monitor) -> None:
        self._report = report
        self._monitor = monitor
        self._owners_lost = 0
        self._ahead_bytes = 0

    def advance(self, written_bytes: int) -> None:
        """Bytes of files have been written that are not finished yet."""
        self._ahead_bytes += written_bytes
        self._monitor.advance(written_bytes)

    def count_folder(self) -> None:
        """A folder is there."""
        self._report.directories += 1

    def count_written(self, entry: Entry, placed: bool, owner_set: bool) -> None:
        """A file or link has been written, and is in place unless something was there."""
        if not placed:
            self.skip(entry)
            return
        self.lose_owners(not owner_set)
        self.count(entry)

    def count(self, entry: Entry) -> None:
        """A file or link is in place, or would be."""
        if entry.type is EntryType.SYMLINK:
            self._report.symlinks += 1
            return
        self._report.files += 1
        self._report.restored_bytes += entry.size
        self._finish(entry)

    def skip(self, entry: Entry) -> None:
        """What exists has been left, or would be."""
        self._report.skipped += 1
        self._finish(entry)

    def fail(self, event: Event) -> None:
        """Something could not be restored."""
        self._report.failed.append(event)
        self._monitor.event(event)

    @contextmanager
    def failures_told(self, entry: Entry, path: bytes) -> Iterator[None]:
        """Tell what goes wrong with one entry in a ``with`` block, which then ends.

        Raises:
            NoSpace: the target is full.
            StorageError: the store could not deliver.
        """
        try:
            yield
        except OSError as error:
            if error.errno in FULL:
                raise NoSpace(
                    f"cannot restore {os.fsdecode(path)}: {error.strerror}",
                    hint="free some space in the target and run the command again",
                ) from error
            self.fail(Event("unwritable", entry.path, error.strerror or str(error)))
        except DamageError as error:
            self.fail(Event("damaged", entry.path, error.message))
        except UnsupportedFormat as error:
            self.fail(Event("unsupported", entry.path, error.message))

    def lose_owners(self, count: int) -> None:
        """So many owners could not be set."""
        self._owners_lost += count

    def tell_owners_lost(self) -> None:
        """Tell how many owners could not be set, if any."""
        if self._owners_lost:
            detail = f"the owner of {self._owners_lost} restored paths could not be set"
            event = Event("owner-not-set", b"", detail)
            self._report.events.append(event)
            self._monitor.event(event)

    def _finish(self, entry: Entry) -> None:
        told_bytes = min(self._ahead_bytes, entry.size)
        self._ahead_bytes -= told_bytes
        self._monitor.advance(entry.size - told_bytes, 1)
