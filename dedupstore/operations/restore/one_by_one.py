"""Restoring one entry after another, in path order."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.file_reader import LossTally
from dedupstore.engine.record_trim import first_parts
from dedupstore.engine.twin_reader import entry_parts
from dedupstore.format.entry import Entry, EntryType
from dedupstore.operations.restore.options import Overwrite
from dedupstore.operations.restore.outcome import FULL, Outcome
from dedupstore.operations.restore.partial import keep_what_is_left, not_rebuilt, nothing_left
from dedupstore.operations.restore.planned_file import PlannedFile
from dedupstore.operations.restore.target import RestoreTarget
from dedupstore.operations.restore.trimming import Trimmer
from dedupstore.operations.restore.unused_names import UnusedNames
from dedupstore.operations.restore.writer import is_wanted, new_file, write_link


class OneByOne(NamedTuple):
    """Restores single entries and tells the outcome.

    ``reader`` salvages; ``partial_names`` are for what is left of damaged files; with
    ``can_repair`` it is of use to advise to repair.
    """

    reader: ChunkReader
    target: RestoreTarget
    overwrite: Overwrite
    outcome: Outcome
    trimmer: Trimmer
    partial_names: UnusedNames
    can_repair: bool

    def restore(
        self, entry: Entry, path: bytes, file: PlannedFile | None, make_room: Callable[[], None]
    ) -> None:
        """Restore one entry at a path below the target, or tell why that cannot be.

        ``file`` is the entry's file where it has been put together, but for its name.
        Where there is no room for it, ``make_room`` is called, and it is restored without.

        Raises:
            NoSpace: the target is full.
            StorageError: the store could not deliver.
        """
        with self.outcome.failures_told(entry, path):
            if file is None or not self._place(file, make_room):
                self._restore(entry, path)

    def _place(self, file: PlannedFile, make_room: Callable[[], None]) -> bool:
        above, _, name = file.path.rpartition(b"/")
        folder = self.target.folder(above)
        try:
            placed, owner_set = file.place(folder, name, self.overwrite)
        except OSError as error:
            if error.errno not in FULL:
                raise
            make_room()
            return False
        self.outcome.count_written(file.entry, placed, owner_set)
        return True

    def _restore(self, entry: Entry, path: bytes) -> None:
        entry = self.trimmer.trim(self.reader, entry)
        if entry.type is EntryType.DIRECTORY:
            self.target.folder(path)
            self.outcome.count_folder()
            return
        above, _, name = path.rpartition(b"/")
        folder = self.target.folder(above)
        if not is_wanted(folder, name, entry, self.overwrite):
            self.outcome.skip(entry)
        elif entry.type is EntryType.FILE:
            self._write_file(folder, entry, path)
        else:
            placed, owner_set = write_link(folder, name, entry, self.overwrite)
            self.outcome.count_written(entry, placed, owner_set)

    def _write_file(self, folder: int, entry: Entry, path: bytes) -> None:
        tally = LossTally(first_parts(entry_parts(self.reader, entry), entry.size))
        with new_file(folder, entry, tally) as file:
            if not tally.missing:
                placed = file.place(path.rpartition(b"/")[2], self.overwrite)
                self.outcome.count_written(entry, placed, file.owner_set)
            elif entry.twin is not None:
                self.outcome.fail(not_rebuilt(entry, tally))
            elif tally.data_bytes:
                partial = self.partial_names.take(path)
                self.outcome.fail(keep_what_is_left(file, entry, tally, partial, self.overwrite))
            else:
                self.outcome.fail(nothing_left(entry, tally, can_repair=self.can_repair))


class DryRun(NamedTuple):
    """Finds out what a restore below ``root`` would do, and tells that as the outcome."""

    reader: ChunkReader
    root: bytes
    overwrite: Overwrite
    outcome: Outcome
    trimmer: Trimmer

    def restore(self, entry: Entry, path: bytes) -> None:
        """Count one entry that would go to a path below the target; links there are followed.

        Raises:
            StorageError: the store could not deliver.
        """
        with self.outcome.failures_told(entry, path):
            entry = self.trimmer.trim(self.reader, entry)
            if entry.type is EntryType.DIRECTORY:
                self.outcome.count_folder()
            elif self._is_wanted(entry, path):
                self.outcome.count(entry)
            else:
                self.outcome.skip(entry)

    def _is_wanted(self, entry: Entry, path: bytes) -> bool:
        above, _, name = path.rpartition(b"/")
        try:
            folder = os.open(os.path.join(self.root, above), os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            return True
        try:
            return is_wanted(folder, name, entry, self.overwrite)
        finally:
            os.close(folder)
