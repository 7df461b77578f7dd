"""Files that are put together from blocks, which come in the order they are stored."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator

from dedupstore.engine.twin_reader import rebuilt_file
from dedupstore.errors import DedupstoreError
from dedupstore.format.entry import Entry, Twin
from dedupstore.limits import KIB, MIB
from dedupstore.operations.restore.options import Overwrite
from dedupstore.operations.restore.outcome import FULL
from dedupstore.operations.restore.writer import FILE_BYTES_MAX, Draft, place_draft

HELD_BYTES_MAX = 64 * KIB
"""A file that is no longer is held in memory until all of it is there, and written at once."""

TEXT_BYTES_MAX = 256 * MIB
"""Of longer texts no file is rebuilt in this way, which puts the text on the disk meanwhile."""

_READ_BYTES = 1 * MIB


class PlannedFile(ABC):
    """A file whose bytes come in any order, from several threads.

    ``is_given_up`` says that they do not all come, for whatever reason: then the file is restored
    alone, which finds the reason out. ``is_unwanted``: what exists at its path is to be left.

    It takes ``held_bytes`` of memory at most, and from ``begin`` to ``close`` so many
    ``descriptors``. ``text_bytes`` is the length of what comes if that is not the file itself.
    """

    __slots__ = (
        "descriptors", "entry", "held_bytes", "is_given_up", "is_unwanted", "path", "text_bytes",
    )  # fmt: skip

    def __init__(self, entry: Entry, path: bytes) -> None:
        self.entry = entry
        self.path = path
        self.is_given_up = False
        self.is_unwanted = False
        self.held_bytes = 0
        self.text_bytes = 0
        self.descriptors = 0

    @property
    def is_under_way(self) -> bool:
        """Whether its bytes are wanted."""
        return not (self.is_given_up or self.is_unwanted)

    def write(self, data: bytes | memoryview, offset: int) -> None:
        """Take some bytes.

        Raises:
            OSError: there is no room for them.
        """
        try:
            self._write(data, offset)
        except OSError as error:
            self.is_given_up = True
            if error.errno in FULL:
                raise

    @abstractmethod
    def begin(self, folder: int) -> None:
        """Make what the bytes are written to, in an open folder.

        Raises:
            OSError: it cannot be made.
        """

    @abstractmethod
    def place(self, folder: int, name: bytes, overwrite: Overwrite) -> tuple[bool, bool]:
        """Give the file its name, all of which has come; see ``place_draft``.

        ``folder`` is an open folder that it goes to, the same as for ``begin``.

        Raises:
            OSError: it cannot be written, or not be put there.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of everything; unless it has been placed, nothing is left of the file."""

    @abstractmethod
    def _write(self, data: bytes | memoryview, offset: int) -> None: ...


class ShortFile(PlannedFile):
    """A file that is held in memory."""

    __slots__ = ("_parts",)

    def __init__(self, entry: Entry, path: bytes) -> None:
        super().__init__(entry, path)
        self.held_bytes = entry.size
        self._parts: list[tuple[int, bytes]] = []

    def begin(self, folder: int) -> None:
        """Do nothing yet."""

    def place(self, folder: int, name: bytes, overwrite: Overwrite) -> tuple[bool, bool]:
        """Write the file and give it its name."""
        return place_draft(Draft(folder), folder, self.entry, self._fill, name, overwrite)

    def close(self) -> None:
        """Let go of the bytes."""
        self._parts = []

    def _write(self, data: bytes | memoryview, offset: int) -> None:
        self._parts.append((offset, bytes(data)))

    def _fill(self, draft: Draft) -> None:
        end = 0
        for offset, data in self._parts:
            draft.write(data, offset)
            end = max(end, offset + len(data))
        if end != self.entry.size:
            draft.set_size(self.entry.size)


class LongFile(PlannedFile):
    """A file that is written under a temporary name, in the folder where it goes."""

    __slots__ = ("_draft", "_folder")

    def __init__(self, entry: Entry, path: bytes) -> None:
        super().__init__(entry, path)
        self.descriptors = 2
        self._folder = -1
        self._draft: Draft | None = None

    def begin(self, folder: int) -> None:
        """Make the file, and hold on to its folder."""
        self._folder = os.dup(folder)
        self._draft = Draft(self._folder)

    def place(self, folder: int, name: bytes, overwrite: Overwrite) -> tuple[bool, bool]:
        """Give the file its length and its name."""
        if self._draft is None:
            raise RuntimeError("a file was not begun that is to be placed")
        return place_draft(self._draft, self._folder, self.entry, self._fill, name, overwrite)

    def close(self) -> None:
        """Remove the file unless it has its name, and let go of the folder."""
        if self._draft is not None:
            self._draft.close()
            self._draft.remove(self._folder)
            self._draft = None
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    def _write(self, data: bytes | memoryview, offset: int) -> None:
        if self._draft is not None:
            self._draft.write(data, offset)

    def _fill(self, draft: Draft) -> None:
        # A hole at the end is made by the length alone.
        if os.fstat(draft.descriptor).st_size != self.entry.size:
            draft.set_size(self.entry.size)


class RebuiltFile(PlannedFile):
    """A compressed file that is kept as its text: that comes, and the file is made of it.

    The text is in a file without a name meanwhile.
    """

    __slots__ = ("_file", "_text", "_twin")

    def __init__(self, entry: Entry, path: bytes, twin: Twin) -> None:
        super().__init__(entry, path)
        self._twin = twin
        self._file = _file_of(entry, path)
        self._text: Draft | None = None
        self.held_bytes = self._file.held_bytes
        self.text_bytes = twin.plain_bytes
        self.descriptors = 1 + self._file.descriptors

    def begin(self, folder: int) -> None:
        """Make the file of the text, and that of the file."""
        self._text = Draft(folder)
        self._text.remove(folder)
        self._file.begin(folder)

    def rebuild(self) -> None:
        """Make the file of its text, all of which has come.

        Raises:
            OSError: there is no room for it.
        """
        offset = 0
        try:
            for piece in rebuilt_file(self.entry, self._twin, self._twin.recipe, self._pieces()):
                self._file.write(piece, offset)
                offset += len(piece)
                if self.is_given_up or self._file.is_given_up:
                    break
        except DedupstoreError:
            self.is_given_up = True
        except OSError as error:
            self.is_given_up = True
            if error.errno in FULL:
                raise
        self.is_given_up |= self._file.is_given_up

    def place(self, folder: int, name: bytes, overwrite: Overwrite) -> tuple[bool, bool]:
        """Give the file, which has been rebuilt, its name."""
        return self._file.place(folder, name, overwrite)

    def close(self) -> None:
        """Let go of the text, and of the file."""
        if self._text is not None:
            self._text.close()
            self._text = None
        self._file.close()

    def _write(self, data: bytes | memoryview, offset: int) -> None:
        if self._text is not None:
            self._text.write(data, offset)

    def _pieces(self) -> Iterator[bytes]:
        if self._text is not None:
            for offset in range(0, self.text_bytes, _READ_BYTES):
                yield os.pread(self._text.descriptor, _READ_BYTES, offset)


def plan_file(entry: Entry, path: bytes) -> PlannedFile | None:
    """Return what a file is put together in; ``None`` if it can only be restored alone."""
    twin = entry.twin
    if entry.size > FILE_BYTES_MAX:
        return None
    if twin is None:
        return _file_of(entry, path)
    # A recipe that is in chunks is rare.
    if twin.recipe and 0 < twin.plain_bytes <= TEXT_BYTES_MAX:
        return RebuiltFile(entry, path, twin)
    return None


def _file_of(entry: Entry, path: bytes) -> PlannedFile:
    return ShortFile(entry, path) if entry.size <= HELD_BYTES_MAX else LongFile(entry, path)
