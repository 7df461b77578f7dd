"""Restoring a snapshot into a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.monitor import Event
from dedupstore.engine.repository import Repository
from dedupstore.engine.selection import Selection
from dedupstore.engine.snapshots import Snapshot
from dedupstore.engine.tree_reader import LostEntries
from dedupstore.errors import NoSpace, StorageError
from dedupstore.operations.restore.one_by_one import DryRun, OneByOne
from dedupstore.operations.restore.options import RestoreOptions, RestoreReport
from dedupstore.operations.restore.outcome import FULL, Outcome
from dedupstore.operations.restore.partial import entries_lost
from dedupstore.operations.restore.plain_names import PlainNames
from dedupstore.operations.restore.target import RestoreTarget
from dedupstore.operations.restore.trimming import Trimmer
from dedupstore.operations.restore.unused_names import UnusedNames
from dedupstore.operations.restore.window_run import WindowRun
from dedupstore.operations.restore.windows import Placed, WindowMaker, window_bounds


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
        self._outcome = Outcome(report, repository.monitor)
        self._trimmer = Trimmer(options.trim, report, repository.monitor)
        self._entries_lost = False

    def run(self) -> None:
        selection = Selection(self._options.paths)
        with ChunkReader(self._repository, salvages=True) as reader:
            if self._options.dry_run:
                self._count(reader, selection)
            else:
                self._restore(reader, selection)
        why = "the snapshot does not hold it"
        if self._entries_lost:
            why = "it is not among the entries that are left"
        else:
            selection.refuse_if_nothing_matched()
        for selector in selection.unmatched():
            self._outcome.fail(Event("not-found", selector, why))
        self._outcome.tell_owners_lost()

    def _restore(self, reader: ChunkReader, selection: Selection) -> None:
        target = self._open_target()
        one_by_one = OneByOne(
            reader,
            target,
            self._options.overwrite,
            self._outcome,
            self._trimmer,
            UnusedNames(b"partial", lambda: self._target_paths(reader)),
            self._repository.store.is_writable(),
        )
        maker = WindowMaker(reader, window_bounds(), trims=self._options.trim is not None)

        def lose(lost: LostEntries) -> None:
            self._entries_lost = True
            maker.lose(lost)

        self._begin()
        try:
            with WindowRun(self._repository.store, one_by_one) as run:
                run.run(maker.windows(self._placed(reader, selection, lose)))
        finally:
            self._repository.monitor.end()
            self._close_target(target)

    def _count(self, reader: ChunkReader, selection: Selection) -> None:
        dry_run = DryRun(reader, self._root, self._options.overwrite, self._outcome, self._trimmer)

        def lose(lost: LostEntries) -> None:
            self._entries_lost = True
            self._outcome.fail(entries_lost(lost))

        self._begin()
        try:
            for entry, path, is_chosen in self._placed(reader, selection, lose):
                if is_chosen:
                    dry_run.restore(entry, path)
        finally:
            self._repository.monitor.end()

    def _begin(self) -> None:
        options = self._options
        known = not options.paths and not options.plain and options.trim is None
        total_bytes = self._snapshot.record.counts.content_bytes if known else None
        self._repository.monitor.begin("restoring", total_bytes)

    def _placed(
        self,
        reader: ChunkReader,
        selection: Selection,
        on_lost: Callable[[LostEntries], None],
    ) -> Iterator[Placed]:
        """Yield every entry that goes anywhere below the target."""
        names = PlainNames(reader, self._snapshot) if self._options.plain else None
        for entry, is_chosen in selection.entries(reader, self._snapshot, on_lost):
            restored, path = names.place(entry) if names else (entry, entry.path)
            below = self._target_path(path)
            if below is not None:
                yield Placed(restored, below, is_chosen)

    def _target_paths(self, reader: ChunkReader) -> Iterator[bytes]:
        """Yield where all that the snapshot holds goes below the target."""
        for placed in self._placed(reader, Selection(()), lambda lost: None):
            yield placed.path

    def _target_path(self, path: bytes) -> bytes | None:
        """Return where a path goes below the target; ``None`` where nothing of it is left."""
        if not self._options.strip_components:
            return path
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
            if error.errno in FULL:
                raise NoSpace(message, hint="free some space in the target") from error
            raise StorageError(message) from error

    def _close_target(self, target: RestoreTarget) -> None:
        try:
            target.close()
        except OSError as error:
            detail = f"a folder's times cannot be set: {error.strerror}"
            self._outcome.fail(Event("unwritable", b"", detail))
        self._outcome.lose_owners(target.owners_lost)
