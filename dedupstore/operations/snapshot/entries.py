"""Making the entry of each path that the walk finds."""

from __future__ import annotations

import os
import stat

from dedupstore.format.entry import EncodedEntry, Entry, EntryType
from dedupstore.limits import PATH_BYTES_MAX
from dedupstore.operations.snapshot.entry_builder import EntryBuilder
from dedupstore.operations.snapshot.observer import ReportingObserver
from dedupstore.operations.snapshot.regular_files import FileTaker
from dedupstore.operations.snapshot.report import SnapshotReport
from dedupstore.operations.snapshot.source_file import OTHER_KINDS, SourceFile
from dedupstore.operations.snapshot.walk import SourceItem


class EntryMaker:
    """Turns what the walk finds into entries; what cannot be read is told and left out."""

    def __init__(
        self,
        *,
        files: FileTaker,
        builder: EntryBuilder,
        report: SnapshotReport,
        observer: ReportingObserver,
    ) -> None:
        self._files = files
        self._builder = builder
        self._report = report
        self._observer = observer

    def begin(self, item: SourceItem) -> EncodedEntry | SourceFile | None:
        """Return the entry of a path, or a file that is to be handed to ``finish``.

        ``None`` where there is nothing to store.

        Raises:
            DamageError, NoSpace, StorageError: a chunk could not be stored.
        """
        if len(item.path) > PATH_BYTES_MAX:
            self._observer.unreadable(item.absolute, OSError(0, "its path is too long"))
            return None
        try:
            if stat.S_ISREG(item.status.st_mode):
                begun = self._files.begin(item)
            else:
                begun = self._make(item)
        except OSError as error:
            self._observer.left_out(item.absolute, error)
            return None
        return EncodedEntry.of(begun) if isinstance(begun, Entry) else begun

    def finish(self, file: SourceFile) -> EncodedEntry | None:
        """Return the entry of a file that was begun; ``None`` where it cannot be read.

        Raises:
            DamageError, NoSpace, StorageError: a chunk could not be stored.
        """
        try:
            return EncodedEntry.of(self._files.finish(file))
        except OSError as error:
            self._observer.left_out(file.absolute, error)
            return None

    def _make(self, item: SourceItem) -> Entry | None:
        kind = stat.S_IFMT(item.status.st_mode)
        if kind == stat.S_IFDIR:
            self._report.directories += 1
            return self._builder.build(item.path, EntryType.DIRECTORY, item.status)
        if kind == stat.S_IFLNK:
            target = os.readlink(item.absolute)
            self._report.symlinks += 1
            return self._builder.build(
                item.path, EntryType.SYMLINK, item.status, link_target=target
            )
        self._observer.skipped(item.absolute, OTHER_KINDS.get(kind, "special file"))
        return None
