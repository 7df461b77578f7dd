"""Restoring window after window: files are begun, their bytes fetched, and the files finished."""

from __future__ import annotations

import errno
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from itertools import islice
from typing import TypeVar

from dedupstore.engine.block_cache import BlockPlace
from dedupstore.engine.block_runs import block_runs
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.closing import Closing
from dedupstore.engine.tree_reader import LostEntries
from dedupstore.engine.workers import worker_count
from dedupstore.errors import DedupstoreError
from dedupstore.format.entry import EntryType
from dedupstore.format.pieces import HOLE_ID
from dedupstore.operations.restore.one_by_one import OneByOne
from dedupstore.operations.restore.options import Overwrite
from dedupstore.operations.restore.outcome import FULL
from dedupstore.operations.restore.partial import entries_lost
from dedupstore.operations.restore.planned_file import PlannedFile, RebuiltFile
from dedupstore.operations.restore.scattering import Wanted, give_up, scatter_run
from dedupstore.operations.restore.windows import Step, Window
from dedupstore.operations.restore.writer import is_wanted
from dedupstore.storage.contract import ReadStore

Result = TypeVar("Result")

_LOOKUP_CHUNKS = 4096
_TOO_MANY_OPEN = frozenset((errno.EMFILE, errno.ENFILE))
_CLOSED_AT_ONCE = 8


class WindowRun(Closing):
    """Restores windows: each block that a window needs is read and decoded once, in pack order.

    Files that cannot be put together so are restored alone, by ``one_by_one``, which tells what is
    the matter with them. While blocks are fetched, the next window is made.
    """

    def __init__(self, store: ReadStore, one_by_one: OneByOne) -> None:
        self._store = store
        self._one_by_one = one_by_one
        self._reader: ChunkReader = one_by_one.reader
        self._target = one_by_one.target
        self._executor = ThreadPoolExecutor(worker_count(), "dedupstore-restore")
        self._open: dict[PlannedFile, None] = {}
        self._is_stopped = False

    def close(self) -> None:
        """Stop the threads, and remove all that has not been finished."""
        self._is_stopped = True
        for file in self._open:
            file.is_given_up = True
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._give_up_all()

    def run(self, windows: Iterator[Window]) -> None:
        """Restore all windows.

        Raises:
            NoSpace: the target is full.
            DedupstoreError: whatever ``windows`` raises, or the store could not deliver.
        """
        window = next(windows, None)
        failure: DedupstoreError | None = None
        while window is not None:
            self._begin(window)
            fetched = self._fetch(window)
            following: Window | None = None
            try:
                following = next(windows, None)
            except DedupstoreError as error:
                failure = error
            self._wait(fetched)
            self._rebuild(window)
            self._finish(window)
            window = following
        if failure is not None:
            raise failure

    def _begin(self, window: Window) -> None:
        has_descriptors = True
        for step in window.begun:
            try:
                if step.entry.type is EntryType.DIRECTORY:
                    self._target.describe_ahead(step.path, step.entry)
                    if step.is_chosen:
                        self._target.prepare(step.path)
                elif step.file is not None and has_descriptors:
                    self._begin_file(step.file)
                elif step.file is not None:
                    step.file.is_given_up = True
            except OSError as error:
                # It will come again, when the entry is restored alone.
                if step.file is not None:
                    self._give_up(step.file)
                if error.errno in _TOO_MANY_OPEN:
                    has_descriptors = False
                    for file in list(self._open)[-_CLOSED_AT_ONCE:]:
                        self._give_up(file)
        self._target.leave_prepared()

    def _begin_file(self, file: PlannedFile) -> None:
        above, _, name = file.path.rpartition(b"/")
        overwrite = self._one_by_one.overwrite
        folder = self._target.prepare(above)
        # What is in a new folder is from this restore, and met when the file gets its name.
        must_look = overwrite is Overwrite.IF_CHANGED or (
            overwrite is Overwrite.NEVER and not self._target.is_new(above)
        )
        if must_look and not is_wanted(folder, name, file.entry, overwrite):
            file.is_unwanted = True
            return
        self._open[file] = None
        file.begin(folder)

    def _fetch(self, window: Window) -> list[Future[int]]:
        wanted: Wanted = defaultdict(list)
        for file, offset, extents in window.slices:
            if file.is_under_way:
                for extent_bytes, id_ in extents:
                    if id_ != HOLE_ID:
                        wanted[id_].append((file, offset, extent_bytes))
                    offset += extent_bytes
        window.slices.clear()
        blocks = self._by_block(wanted)
        return [
            self._executor.submit(self._scatter_run, {place: blocks.pop(place) for place in run})
            for run in block_runs(blocks)
        ]

    def _by_block(self, wanted: Wanted) -> dict[BlockPlace, Wanted]:
        blocks: dict[BlockPlace, Wanted] = defaultdict(dict)
        remaining = iter(wanted)
        while ids := list(islice(remaining, _LOOKUP_CHUNKS)):
            places = self._reader.find_places(ids)
            for id_ in ids:
                place = places.get(id_)
                if place is None:
                    give_up(wanted[id_])
                else:
                    blocks[place][id_] = wanted[id_]
        return blocks

    def _scatter_run(self, run: dict[BlockPlace, Wanted]) -> int:
        if self._is_stopped:
            return 0
        try:
            return scatter_run(self._store, run)
        except OSError:
            self._is_stopped = True
            raise

    def _wait(self, fetched: Iterable[Future[int]]) -> None:
        for written_bytes in self._results(fetched):
            self._one_by_one.outcome.advance(written_bytes)
        self._is_stopped = False
        for file in [file for file in self._open if file.is_given_up]:
            self._give_up(file)

    def _rebuild(self, window: Window) -> None:
        files = [step.file for step in window.ended if isinstance(step, Step)]
        rebuilt = [
            self._executor.submit(file.rebuild)
            for file in files
            if isinstance(file, RebuiltFile) and file.is_under_way
        ]
        for _ in self._results(rebuilt):
            pass

    def _finish(self, window: Window) -> None:
        outcome = self._one_by_one.outcome
        for step in window.ended:
            if isinstance(step, LostEntries):
                outcome.fail(entries_lost(step))
                continue
            if step.entry.type is EntryType.DIRECTORY:
                self._target.describe(step.path, step.entry)
            if step.file is not None and step.file.is_unwanted:
                outcome.skip(step.entry)
            elif step.is_chosen:
                self._finish_step(step)

    def _finish_step(self, step: Step) -> None:
        file = step.file if step.file is not None and step.file.is_under_way else None
        self._one_by_one.restore(step.entry, step.path, file, self._give_up_all)
        if step.file is not None:
            self._give_up(step.file)

    def _results(self, futures: Iterable[Future[Result]]) -> Iterator[Result]:
        """Yield what threads return; give up all files under way where one finds the target full.

        They are then restored one by one, so that as many as fit are whole. That waits for the
        last thread: until then any of them may be writing to any file.
        """
        is_full = False
        for done in as_completed(futures):
            try:
                result = done.result()
            except OSError as error:
                if error.errno not in FULL:
                    raise
                is_full = True
            else:
                yield result
        if is_full:
            self._give_up_all()

    def _give_up_all(self) -> None:
        for file in list(self._open):
            self._give_up(file)

    def _give_up(self, file: PlannedFile) -> None:
        file.is_given_up = True
        file.close()
        self._open.pop(file, None)
