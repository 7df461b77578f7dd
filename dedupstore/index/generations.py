"""The folder of an index: generations side by side, one of which is current.

An index is rebuilt into a folder of its own, and becomes current by one rename of the file
``CURRENT`` that names it. So half an index is never used, and a process that still reads an older
generation is not disturbed: its files stay until it closes them.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from dedupstore.errors import IndexUnusable, NoSpace, StorageError
from dedupstore.ids import ID_BYTES
from dedupstore.index.environment import IndexEnvironment
from dedupstore.index.location import ENTRY_ROW, IndexEntry, PackEntries
from dedupstore.index.sorted_rows import SortedRows

_CURRENT = "CURRENT"
_NAME_PREFIX = "generation-"


def open_current(folder: str, identity: bytes) -> IndexEnvironment:
    """Open the current generation of the index in ``folder``.

    Raises:
        IndexUnusable: there is none, or it is torn, stale or another repository's.
        NoSpace, StorageError: the file system refused.
    """
    name = _current_name(folder)
    if name is None:
        raise IndexUnusable("there is no index")
    return IndexEnvironment(os.path.join(folder, name), identity)


def is_current(index: IndexEnvironment) -> bool:
    """Tell whether an index is still the current generation of the folder it lies in.

    Raises:
        StorageError: the file system refused.
    """
    folder, name = os.path.split(index.folder)
    return _current_name(folder) == name


class NewGeneration:
    """An index under construction: add all packs, then ``publish`` or ``discard`` it.

    The chunks are sorted first and written in order, so that time grows with their number, memory
    does not, and the index has no half-empty pages. Only one may be under construction in a folder:
    what others have left there is removed.

    Raises:
        NoSpace, StorageError: the file system refused.
    """

    def __init__(self, folder: str, identity: bytes) -> None:
        self._folder = folder
        self._identity = identity
        self._name = _NAME_PREFIX + os.urandom(8).hex()
        self._path = os.path.join(folder, self._name)
        # A rebuild that is killed again and again must not fill the disk.
        _remove_all_but(folder, _current_name(folder))
        try:
            os.makedirs(self._path, mode=0o700)
        except OSError as error:
            raise _refused("make", error) from error
        try:
            self._environment = IndexEnvironment(self._path, identity, create=True)
        except BaseException:
            _remove(self._path)
            raise
        self._rows = SortedRows(self._path, ENTRY_ROW.size)

    def add_packs(self, packs: Sequence[PackEntries]) -> None:
        """Add packs and their chunks; of a chunk that is in several, the first place is taken."""
        numbers = self._environment.add_rows([pack for pack, _ in packs])
        try:
            for number, (_, entries) in zip(numbers, packs, strict=True):
                if number is not None:
                    self._rows.add(_rows_of(number, entries))
        except OSError as error:
            raise _refused("write", error) from error

    def publish(
        self, generation: int, on_written: Callable[[int], None] = lambda chunks: None
    ) -> IndexEnvironment:
        """Make this generation the current one, remove all others, and return it.

        ``generation`` is that of the repository which the packs agree with; ``on_written`` is
        told how many chunks more have been written.
        """
        self._write_chunks(on_written)
        self._environment.finish(generation)
        # From now on each of its transactions is synced.
        self._environment.close()
        self._environment = IndexEnvironment(self._path, self._identity)
        temporary = os.path.join(self._folder, f"{_CURRENT}.{os.urandom(4).hex()}")
        try:
            with open(temporary, "w", encoding="ascii") as file:
                file.write(self._name + "\n")
            os.rename(temporary, os.path.join(self._folder, _CURRENT))
        except OSError as error:
            with suppress(OSError):
                os.unlink(temporary)
            raise _refused("publish", error) from error
        _remove_all_but(self._folder, self._name)
        return self._environment

    def discard(self) -> None:
        """Remove this generation, unless it has become the current one; for when work failed."""
        self._rows.close()
        self._environment.close()
        if _current_name(self._folder) == self._name:
            return
        _remove(self._path)

    def _write_chunks(self, on_written: Callable[[int], None]) -> None:
        last = b""
        try:
            for rows in self._rows.merged():
                # From the last to the first: of a chunk's places the first is what remains.
                places = {row[:ID_BYTES]: row[ID_BYTES:] for row in reversed(rows)}
                places.pop(last, None)
                self._environment.append_values(list(reversed(places.items())))
                last = rows[-1][:ID_BYTES]
                on_written(len(rows))
        except OSError as error:
            raise _refused("write", error) from error
        self._rows.close()


def _rows_of(number: int, entries: Iterable[IndexEntry]) -> Iterator[bytes]:
    pack = ENTRY_ROW.pack
    return (
        pack(id_, number, ordinal, block_offset, block_bytes, chunk_offset, chunk_bytes)
        for id_, ordinal, block_offset, block_bytes, chunk_offset, chunk_bytes in entries
    )


def _remove_all_but(folder: str, name: str | None) -> None:
    with suppress(OSError):
        for other in os.listdir(folder):
            if other.startswith(_NAME_PREFIX) and other != name:
                _remove(os.path.join(folder, other))


def _remove(folder: str) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _refused(action: str, error: OSError) -> StorageError:
    message = f"cannot {action} the index: {error.strerror}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace(message, hint="free some space and run the command again")
    return StorageError(message)


def _current_name(folder: str) -> str | None:
    try:
        with open(os.path.join(folder, _CURRENT), encoding="ascii") as file:
            name = file.read(256).strip()
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        return None
    except OSError as error:
        raise StorageError(f"cannot open the index: {error.strerror}") from error
    if not name.startswith(_NAME_PREFIX) or not name.replace("-", "").isalnum():
        return None
    return name
