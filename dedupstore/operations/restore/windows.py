"""What is restored, in windows: so much of it at once that memory stays bounded."""

from __future__ import annotations

import resource
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.tree_reader import LostEntries, LostExtent, readable_extents
from dedupstore.errors import DamageError, DedupstoreError, UnsupportedFormat
from dedupstore.format.entry import Content, Entry, EntryType, path_sort_key
from dedupstore.format.pieces import HOLE_ID, Extent
from dedupstore.limits import KIB, MIB
from dedupstore.operations.restore.planned_file import PlannedFile, plan_file

_DESCRIPTORS_MAX = 512


class WindowBounds(NamedTuple):
    """When a window is full: each bound may be passed by one file, ``extents`` by none.

    Of the descriptors that a process may have, windows take a part.
    """

    extents: int = 32 * KIB
    steps: int = 4 * KIB
    held_bytes: int = 16 * MIB
    text_bytes: int = 256 * MIB
    descriptors: int = _DESCRIPTORS_MAX


def window_bounds() -> WindowBounds:
    """Return the bounds for this process."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return WindowBounds()
    return WindowBounds(descriptors=max(1, min(_DESCRIPTORS_MAX, most // 4)))


class Placed(NamedTuple):
    """An entry, where it goes below the target, and whether it is chosen."""

    entry: Entry
    path: bytes
    is_chosen: bool


class Step:
    """One entry on its way; ``file`` if it is put together from blocks as these are stored."""

    __slots__ = ("entry", "file", "is_chosen", "path")

    def __init__(self, placed: Placed) -> None:
        self.entry, self.path, self.is_chosen = placed
        self.file: PlannedFile | None = None


class Slice(NamedTuple):
    """Neighbouring extents of a file, from an offset on."""

    file: PlannedFile
    offset: int
    extents: list[Extent]


class Window:
    """So much as is done at once, all in path order.

    ``begun`` are the steps of which a window is the first, ``ended`` those of which it is the last,
    and what is lost between them; a long file has several windows. ``extents`` and all behind it
    are what is bounded, see ``WindowBounds``.
    """

    def __init__(self) -> None:
        self.begun: list[Step] = []
        self.ended: list[Step | LostEntries] = []
        self.slices: list[Slice] = []
        self.extents = 0
        self.held_bytes = 0
        self.text_bytes = 0
        self.descriptors = 0

    def is_full(self, bounds: WindowBounds) -> bool:
        """Tell whether another file must wait for the next window."""
        return (
            self.extents >= bounds.extents
            or len(self.begun) >= bounds.steps
            or self.held_bytes >= bounds.held_bytes
            or self.text_bytes >= bounds.text_bytes
            or self.descriptors >= bounds.descriptors
        )


class WindowMaker:
    """Divides what is restored into windows.

    Within one, paths ascend and none leads through another that is no folder: so it makes no
    difference that files are begun before others are in place. With ``trims``, nobody knows what
    bytes of a file are wanted before it has been read, so that all are restored one by one.
    """

    def __init__(self, reader: ChunkReader, bounds: WindowBounds, *, trims: bool) -> None:
        self._reader = reader
        self._trims = trims
        self._bounds = bounds
        self._window = Window()
        self._last_key = b""
        self._last_file = b""

    def lose(self, lost: LostEntries) -> None:
        """Take note of entries that are lost after those that have come."""
        self._window.ended.append(lost)

    def windows(self, placed: Iterable[Placed]) -> Iterator[Window]:
        """Yield windows of all that is chosen, and of folders, in the order they come.

        Raises:
            DedupstoreError: whatever ``placed`` raises, when all before has been yielded; or a
                chunk list could not be read because the store could not deliver.
        """
        failure: DedupstoreError | None = None
        try:
            for each in placed:
                entry, path, is_chosen = each
                if not is_chosen and entry.type is not EntryType.DIRECTORY:
                    continue
                if self._is_out_of_order(entry, path) and self._window.begun:
                    yield self._take()
                step = Step(each)
                self._window.begun.append(step)
                if entry.type is EntryType.FILE and not self._trims:
                    step.file = plan_file(entry, path)
                    if step.file is not None:
                        self._count(step.file)
                        yield from self._add_content(step.file, entry.content)
                self._window.ended.append(step)
                if self._window.is_full(self._bounds):
                    yield self._take()
        except DedupstoreError as error:
            failure = error
        yield self._take()
        if failure is not None:
            raise failure

    def _is_out_of_order(self, entry: Entry, path: bytes) -> bool:
        key = path_sort_key(path)
        found = key <= self._last_key or (
            bool(self._last_file) and path.startswith(self._last_file + b"/")
        )
        self._last_key = key
        self._last_file = b"" if entry.type is EntryType.DIRECTORY else path
        return found

    def _count(self, file: PlannedFile) -> None:
        self._window.held_bytes += file.held_bytes
        self._window.text_bytes += file.text_bytes
        self._window.descriptors += file.descriptors

    def _add_content(self, file: PlannedFile, content: Content) -> Iterable[Window]:
        """Add the extents of a file; yield windows that are full before its last."""
        if not content.level and self._window.extents + len(content.extents) < self._bounds.extents:
            self._add_extents(file, 0, content.extents)
            return ()
        return self._add_long_content(file, content)

    def _add_long_content(self, file: PlannedFile, content: Content) -> Iterator[Window]:
        offset = 0
        try:
            extents = readable_extents(self._reader, content)
            while batch := list(islice(extents, self._bounds.extents - self._window.extents)):
                offset = self._add_extents(file, offset, batch)
                if self._window.extents >= self._bounds.extents:
                    yield self._take()
                if not file.is_under_way:
                    return
        except (DamageError, UnsupportedFormat):
            file.is_given_up = True

    def _add_extents(
        self, file: PlannedFile, offset: int, extents: Sequence[Extent | LostExtent]
    ) -> int:
        """Add extents of a file from ``offset`` on; return where they end."""
        known: list[Extent] = []
        self._window.slices.append(Slice(file, offset, known))
        self._window.extents += len(extents)
        for extent in extents:
            offset += extent.extent_bytes
            if isinstance(extent, LostExtent) or (extent.id == HOLE_ID and file.text_bytes):
                file.is_given_up = True
                break
            known.append(extent)
        return offset

    def _take(self) -> Window:
        window, self._window = self._window, Window()
        return window
