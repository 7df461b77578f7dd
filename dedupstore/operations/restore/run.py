"""Restoring a snapshot into a folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.file_reader import LossTally
from dedupstore.engine.monitor import Event, Monitor
from dedupstore.engine.record_trim import first_parts
from dedupstore.engine.repository import Repository
from dedupstore.engine.selection import Selection
from dedupstore.engine.snapshots import Snapshot
from dedupstore.engine.tree_reader import LostEntries
from dedupstore.engine.twin_reader import entry_parts
from dedupstore.errors import DamageError, NoSpace, StorageError, UnsupportedFormat
from dedupstore.format.entry import Entry, EntryType
from dedupstore.operations.restore.options import RestoreOptions, RestoreReport
from dedupstore.operations.restore.partial import (
    entries_lost,
    keep_what_is_left,
    not_rebuilt,
    nothing_left,
)
from dedupstore.operations.restore.plain_names import PlainNames
from dedupstore.operations.restore.target import RestoreTarget
from dedupstore.operations.restore.trimming import Trimmer
from dedupstore.operations.restore.unused_names import UnusedNames
from dedupstore.operations.restore.writer import is_wanted, new_file, write_link

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))


def restore(
    repository: Repository,
    snapshot: Snapshot,
    target: str | bytes | os.PathLike[str],
    options: RestoreOptions | None = None,
) -> RestoreReport:
    """Restore a snapshot, or what ``options.paths`` choose of it, below the folder ``target``.

    Files appear whole, with content that has been held against its ids, mode, times, and owner
    where permitted, or not at all. What cannot be restored is listed in the report's ``failed``,
    and the rest is restored. What is left of a file that has lost bytes is written to
    ``NAME.partial`` beside it, with holes for what is missing; the report names the ranges.

    Raises:
        PathUnknown: the snapshot holds nothing of what was chosen.
        UsageError: the target lies in the repository.
        NoSpace: the target is full; what was restored until then is whole.
        DamageError: nothing of the manifest can be read.
        UnsupportedFormat: the manifest was made by a newer version.
        LockTimeout, StorageError: the repository or the target cannot be used.
    """
    options = options or RestoreOptions()
    started_seconds = repository.clock.monotonic_seconds()
    with repository.session(reads=[snapshot.id]):
        report = RestoreReport(snapshot.id)
        _Restorer(repository, snapshot, os.fsencode(target), options, report).run()
    report.seconds = repository.clock.monotonic_seconds() - started_seconds
    return report


class _Restorer:
    """One restore under way."""

    def __init__(
        self,
        repository: Repository,
        snapshot: Snapshot,
        root: bytes,
        options: RestoreOptions,
        report: RestoreReport,
    ) -> None:
        self._repository = repository
        self._snapshot = snapshot
        self._root = root
        self._options = options
        self._report = report
        self._monitor: Monitor = repository.monitor
        self._trimmer = Trimmer(options.trim, report, repository.monitor)
        self._owners_lost = 0
        self._entries_lost = False
        self._partial_names: UnusedNames

    def run(self) -> None:
        selection = Selection(self._options.paths)
        options = self._options
        known = not options.paths and not options.plain and options.trim is None
        total_bytes = self._snapshot.record.counts.content_bytes if known else None
        with ChunkReader(self._repository, salvages=True) as reader:
            self._partial_names = UnusedNames(b"partial", lambda: self._target_paths(reader))
            target = None if self._options.dry_run else self._open_target()
            self._monitor.begin("restoring", total_bytes)
            try:
                self._restore_entries(reader, selection, target)
            finally:
                self._monitor.end()
                if target is not None:
                    self._close_target(target)
        why = "the snapshot does not hold it"
        if self._entries_lost:
            why = "it is not among the entries that are left"
        else:
            selection.refuse_if_nothing_matched()
        for selector in selection.unmatched():
            self._fail(Event("not-found", selector, why))
        if self._owners_lost:
            detail = f"the owner of {self._owners_lost} restored paths could not be set"
            event = Event("owner-not-set", b"", detail)
            self._report.events.append(event)
            self._monitor.event(event)

    def _restore_entries(
        self, reader: ChunkReader, selection: Selection, target: RestoreTarget | None
    ) -> None:
        for entry, path, chosen in self._placed(reader, selection, self._lose_entries):
            if path is None:
                continue
            if entry.type is EntryType.DIRECTORY and target is not None:
                target.describe(path, entry)
            if chosen:
                self._restore_entry(reader, target, entry, path)

    def _restore_entry(
        self, reader: ChunkReader, target: RestoreTarget | None, entry: Entry, path: bytes
    ) -> None:
        try:
            entry = self._trimmer.trim(reader, entry)
            if target is None:
                self._count_only(entry, path)
            elif entry.type is EntryType.DIRECTORY:
                target.folder(path)
                self._report.directories += 1
            else:
                self._write(reader, target, entry, path)
        except NoSpace:
            raise
        except OSError as error:
            if error.errno in _FULL:
                raise NoSpace(
                    f"cannot restore {os.fsdecode(path)}: {error.strerror}",
                    hint="free some space in the target and run the command again",
                ) from error
            self._fail(Event("unwritable", entry.path, error.strerror or str(error)))
        except DamageError as error:
            self._fail(Event("damaged", entry.path, error.message))
        except UnsupportedFormat as error:
            self._fail(Event("unsupported", entry.path, error.message))

    def _write(self, reader: ChunkReader, target: RestoreTarget, entry: Entry, path: bytes) -> None:
        above, _, name = path.rpartition(b"/")
        folder = target.folder(above)
        overwrite = self._options.overwrite
        if not is_wanted(folder, name, entry, overwrite):
            self._skip(entry)
            return
        if entry.type is EntryType.FILE:
            self._write_file(reader, folder, entry, path)
            return
        placed, owner_set = write_link(folder, name, entry, overwrite)
        self._count_written(entry, placed, owner_set)

    def _write_file(self, reader: ChunkReader, folder: int, entry: Entry, path: bytes) -> None:
        tally = LossTally(first_parts(entry_parts(reader, entry), entry.size))
        with new_file(folder, entry, tally) as file:
            if not tally.missing:
                placed = file.place(path.rpartition(b"/")[2], self._options.overwrite)
                self._count_written(entry, placed, file.owner_set)
            elif entry.twin is not None:
                self._fail(not_rebuilt(entry, tally))
            elif tally.data_bytes:
                partial = self._partial_names.take(path)
                overwrite = self._options.overwrite
                self._fail(keep_what_is_left(file, entry, tally, partial, overwrite))
            else:
                can_repair = self._repository.store.is_writable()
                self._fail(nothing_left(entry, tally, can_repair=can_repair))

    def _lose_entries(self, lost: LostEntries) -> None:
        self._entries_lost = True
        self._fail(entries_lost(lost))

    def _placed(
        self,
        reader: ChunkReader,
        selection: Selection,
        on_lost: Callable[[LostEntries], None],
    ) -> Iterator[tuple[Entry, bytes | None, bool]]:
        """Yield every entry, where it goes below the target, if anywhere, and if it is chosen."""
        names = PlainNames(reader, self._snapshot) if self._options.plain else None
        for entry, chosen in selection.entries(reader, self._snapshot, on_lost):
            restored, path = names.place(entry) if names else (entry, entry.path)
            yield restored, self._target_path(path), chosen

    def _target_paths(self, reader: ChunkReader) -> Iterator[bytes]:
        """Yield where all that the snapshot holds goes below the target."""
        for _, path, _ in self._placed(reader, Selection(()), lambda lost: None):
            if path is not None:
                yield path

    def _count_only(self, entry: Entry, path: bytes) -> None:
        """Find out what a restore would do with one path, following links only in dry runs."""
        above, _, name = path.rpartition(b"/")
        if entry.type is EntryType.DIRECTORY:
            self._report.directories += 1
            return
        try:
            folder = os.open(os.path.join(self._root, above), os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            self._count(entry)
            return
        try:
            wanted = is_wanted(folder, name, entry, self._options.overwrite)
        finally:
            os.close(folder)
        if wanted:
            self._count(entry)
        else:
            self._skip(entry)

    def _count_written(self, entry: Entry, placed: bool, owner_set: bool) -> None:
        if not placed:
            self._skip(entry)
            return
        self._owners_lost += not owner_set
        self._count(entry)

    def _count(self, entry: Entry) -> None:
        if entry.type is EntryType.SYMLINK:
            self._report.symlinks += 1
            return
        self._report.files += 1
        self._report.restored_bytes += entry.size
        self._monitor.advance(entry.size, 1)

    def _skip(self, entry: Entry) -> None:
        self._report.skipped += 1
        self._monitor.advance(entry.size, 1)

    def _fail(self, event: Event) -> None:
        self._report.failed.append(event)
        self._monitor.event(event)

    def _target_path(self, path: bytes) -> bytes | None:
        """Return where a path goes below the target; ``None`` where nothing of it is left."""
        parts = path.split(b"/")[self._options.strip_components :]
        return b"/".join(parts) or None

    def _open_target(self) -> RestoreTarget:
        try:
            return RestoreTarget(self._root, os.fsencode(self._repository.location))
        except OSError as error:
            in_the_way = isinstance(error, FileExistsError | NotADirectoryError)
            reason = (
                "something that is not a folder is in the way" if in_the_way else error.strerror
            )
            message = f"cannot restore into {os.fsdecode(self._root)}: {reason}"
            if error.errno in _FULL:
                raise NoSpace(message, hint="free some space in the target") from error
            raise StorageError(message) from error

    def _close_target(self, target: RestoreTarget) -> None:
        try:
            target.close()
        except OSError as error:
            detail = f"a folder's times cannot be set: {error.strerror}"
            self._fail(Event("unwritable", b"", detail))
        self._owners_lost += target.owners_lost
