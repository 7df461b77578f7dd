"""Files that are put together from blocks, which come in the order they are stored."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from dedupstore.engine.twin_reader import rebuilt_file
from dedupstore.errors import DedupstoreError
from dedupstore.format.entry import Entry
from dedupstore.limits import KIB, MIB
from dedupstore.operations.restore.outcome import FULL
from dedupstore.operations.restore.writer import FILE_BYTES_MAX, Draft, NewFile, finished

HELD_BYTES_MAX = 64 * KIB
"""A file that is no longer is held in memory until all of it is there, and written at once."""

TEXT_BYTES_MAX = 256 * MIB
"""Of longer texts no file is rebuilt in this way, which puts the text on the disk meanwhile."""

_READ_BYTES = 1 * MIB


class HeldBytes:
    """The bytes of a short file; ``write`` may be called from several threads."""

    def __init__(self) -> None:
        self._parts: list[tuple[int, bytes]] = []

    def write(self, data: bytes | memoryview, offset: int) -> None:
        """Keep a copy of ``data``."""
        self._parts.append((offset, bytes(data)))

    def read(self) -> Iterator[bytes]:
        """Yield the bytes in order."""
        for _, data in sorted(self._parts):
            yield data

    def put_into(self, draft: Draft) -> None:
        """Write the bytes to a file.

        Raises:
            OSError: they cannot be written.
        """
        for offset, data in self._parts:
            draft.write(data, offset)


class PlannedFile:
    """A file whose bytes come in any order, from several threads.

    ``is_given_up`` says that they do not all come, for whatever reason: then the file is restored
    alone, which finds the reason out. ``is_unwanted``: what exists at its path is to be left.

    What comes of a compressed file that is kept as its text is the text; the file is made of it
    when all has come.
    """

    __slots__ = (
        "_content", "_content_end", "_file", "_folder", "entry", "is_given_up", "is_unwanted",
        "path",
    )  # fmt: skip

    def __init__(self, entry: Entry, path: bytes) -> None:
        self.entry = entry
        self.path = path
        self.is_given_up = False
        self.is_unwanted = False
        self._folder = -1
        self._content: HeldBytes | Draft = HeldBytes()
        self._file: HeldBytes | Draft = self._content
        self._content_end = 0

    @property
    def is_possible(self) -> bool:
        """Whether the file can be put together so; a long recipe, which is in chunks, is rare."""
        twin = self.entry.twin
        if twin is not None and not (twin.recipe and 0 < twin.plain_bytes <= TEXT_BYTES_MAX):
            return False
        return self.entry.size <= FILE_BYTES_MAX

    @property
    def content_bytes(self) -> int:
        """Length of all that comes."""
        twin = self.entry.twin
        return self.entry.size if twin is None else twin.plain_bytes

    @property
    def text_bytes(self) -> int:
        """Length of the text that the file is made of; 0 if it is not."""
        return 0 if self.entry.twin is None else self.content_bytes

    @property
    def held_bytes(self) -> int:
        """How many bytes are held in memory at most."""
        lengths = {self.content_bytes, self.entry.size} if self.text_bytes else {self.entry.size}
        return sum(length for length in lengths if length <= HELD_BYTES_MAX)

    @property
    def descriptors(self) -> int:
        """How many descriptors are open from ``begin`` to ``close``."""
        drafts = (self.content_bytes > HELD_BYTES_MAX) + self._is_made_in_a_draft()
        return drafts + 1 if drafts else 0

    @property
    def is_under_way(self) -> bool:
        """Whether its bytes are wanted."""
        return not (self.is_given_up or self.is_unwanted)

    def begin(self, folder: int) -> None:
        """Make what the bytes are written to, in an open folder, unless they are held in memory.

        Raises:
            OSError: it cannot be made.
        """
        if self.descriptors:
            self._folder = os.dup(folder)
        if self.content_bytes > HELD_BYTES_MAX:
            self._content = self._file = Draft(self._folder)
        if self.text_bytes:
            if isinstance(self._content, Draft):
                # The text needs no name: it is gone when it is closed.
                self._content.remove(self._folder)
            self._file = Draft(self._folder) if self._is_made_in_a_draft() else HeldBytes()

    def expect_up_to(self, end: int) -> None:
        """Take note that the bytes before the offset ``end`` will come; behind may be a hole."""
        self._content_end = end

    def write(self, data: memoryview, offset: int) -> None:
        """Take some bytes.

        Raises:
            OSError: there is no room for them.
        """
        try:
            self._content.write(data, offset)
        except OSError as error:
            self._give_up(error)

    def rebuild(self) -> None:
        """Make the file, if it is made of its text, all of which has come.

        Raises:
            OSError: there is no room for it.
        """
        twin, offset = self.entry.twin, 0
        if twin is None:
            return
        try:
            for piece in rebuilt_file(self.entry, twin, twin.recipe, self._text()):
                if self.is_given_up:
                    return
                self._file.write(piece, offset)
                offset += len(piece)
        except DedupstoreError:
            self.is_given_up = True
        except OSError as error:
            self._give_up(error)

    @contextmanager
    def finished(self, folder: int) -> Iterator[NewFile]:
        """Give the file, all of which is there, to a ``with`` block that gives it its name.

        ``folder`` is an open folder that it goes to, the same as for ``begin``.

        Raises:
            OSError: it cannot be written.
        """
        if isinstance(self._file, HeldBytes):
            draft = Draft(folder)
        else:
            draft, folder = self._file, self._folder
        with finished(draft, folder, self.entry, self._complete) as file:
            yield file

    def close(self) -> None:
        """Let go of everything; unless it was finished, nothing is left of the file."""
        for sink in (self._content, self._file):
            if isinstance(sink, Draft):
                sink.close()
                sink.remove(self._folder)
        self._content = self._file = HeldBytes()
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    def _complete(self, draft: Draft) -> None:
        if isinstance(self._file, HeldBytes):
            self._file.put_into(draft)
        # A hole at the end is made by the length alone.
        if not self.text_bytes and self._content_end != self.entry.size:
            draft.set_size(self.entry.size)

    def _text(self) -> Iterator[bytes]:
        if isinstance(self._content, HeldBytes):
            yield from self._content.read()
            return
        for offset in range(0, self.text_bytes, _READ_BYTES):
            yield os.pread(self._content.descriptor, _READ_BYTES, offset)

    def _give_up(self, error: OSError) -> None:
        self.is_given_up = True
        if error.errno in FULL:
            raise error

    def _is_made_in_a_draft(self) -> bool:
        return bool(self.text_bytes) and self.entry.size > HELD_BYTES_MAX
