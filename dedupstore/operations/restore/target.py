"""The folder that is restored into. Nothing here ever leaves it.

Every folder below the target is opened by its one name, relative to the open folder above it, and
never through a symbolic link. So neither a path in a manifest nor a link that another entry, or
another process, has put in the way leads outside.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from dedupstore.errors import UsageError
from dedupstore.format.entry import Entry, path_sort_key
from dedupstore.operations.restore.metadata import apply_metadata

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER_MODE_WHILE_OPEN = 0o700


class _OpenFolder(NamedTuple):
    path: bytes
    descriptor: int


class _Chain:
    """A folder and all above it, open; the way from one to the next opens what is not yet open.

    ``enter`` opens the folder at a path in the open one above it; ``leave`` is told of each folder
    before it is closed.
    """

    def __init__(
        self,
        root: int,
        enter: Callable[[int, bytes, Entry | None], int],
        leave: Callable[[_OpenFolder], None],
    ) -> None:
        self._root = root
        self._enter = enter
        self._leave = leave
        self._open: list[_OpenFolder] = []
        self._described: dict[bytes, Entry] = {}

    def describe(self, path: bytes, entry: Entry) -> None:
        """Remember what the folder at ``path`` should be like, should it come to be made."""
        self._described = {
            above: described
            for above, described in self._described.items()
            if path.startswith(above + b"/")
        }
        self._described[path] = entry

    def go_to(self, path: bytes) -> int:
        """Return a descriptor of the folder at ``path``, which holds until the next call."""
        if self._open and self._open[-1].path == path:
            return self._open[-1].descriptor
        while self._open and not _is_at_or_above(self._open[-1].path, path):
            self.go_up()
        reached = len(self._open[-1].path) + 1 if self._open else 0
        while reached < len(path):
            end = path.find(b"/", reached)
            there = path if end == -1 else path[:end]
            above = self._open[-1].descriptor if self._open else self._root
            descriptor = self._enter(above, there, self._described.get(there))
            self._open.append(_OpenFolder(there, descriptor))
            reached = len(there) + 1
        return self._open[-1].descriptor if self._open else self._root

    def go_up(self) -> None:
        """Leave the folder reached, and close it."""
        folder = self._open.pop()
        try:
            self._leave(folder)
        finally:
            os.close(folder.descriptor)

    def close(self) -> None:
        """Leave all folders."""
        failures: list[OSError] = []
        while self._open:
            with _kept(failures):
                self.go_up()
        for failure in failures:
            raise failure


class RestoreTarget:
    """Makes and opens folders below ``root`` for entries that come in path order, twice.

    ``prepare`` makes folders ahead, where files are begun; ``folder`` follows, and a folder that it
    leaves gets its own mode and times: all below it has been restored then.

    ``root`` is made if it does not exist. ``repository`` is the repository's folder, which is never
    restored into: what lies there is not overwritten, whatever a snapshot holds. ``owners_lost``
    counts the folders whose owner could not be set.

    Raises:
        UsageError: the target lies in the repository.
        OSError: the target cannot be made or opened.
    """

    def __init__(self, root: bytes, repository: bytes) -> None:
        _refuse_repository(root, repository)
        self._repository = os.stat(repository)
        os.makedirs(root, exist_ok=True)
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._unfinished: dict[bytes, Entry] = {}
        self._ahead = _Chain(self._root, self._enter, lambda folder: None)
        self._behind = _Chain(self._root, self._enter, self._finish)
        self.owners_lost = 0

    def describe_ahead(self, path: bytes, entry: Entry) -> None:
        """Remember for ``prepare`` what the folder at ``path`` should be like."""
        self._ahead.describe(path, entry)

    def describe(self, path: bytes, entry: Entry) -> None:
        """Remember for ``folder`` what the folder at ``path`` should be like."""
        self._behind.describe(path, entry)

    def prepare(self, path: bytes) -> int:
        """Return a descriptor of the folder at ``path``, which is made where it does not exist.

        The descriptor is the target's own and holds until another folder is prepared.

        Raises:
            OSError: something that is no folder is in the way, or the folder cannot be made.
        """
        return self._ahead.go_to(path)

    def leave_prepared(self) -> None:
        """Close the folders that ``prepare`` has opened: deep trees take many descriptors."""
        self._ahead.close()

    def folder(self, path: bytes) -> int:
        """Return what ``prepare`` does, until another folder is asked for; finish those left.

        Raises:
            OSError: see ``prepare``; or a folder that is left cannot be given its mode and times.
        """
        return self._behind.go_to(path)

    def is_new(self, path: bytes) -> bool:
        """Tell whether this made the folder at ``path``, and has not finished it."""
        return path in self._unfinished

    def close(self) -> None:
        """Give all folders their mode and times that have not got them, and close them.

        Raises:
            OSError: a folder's mode or times cannot be set.
        """
        failures: list[OSError] = []
        self._ahead.close()
        # Where a restore was given up, folders have been made ahead that it never came to.
        for path in sorted(self._unfinished, key=path_sort_key):
            with _kept(failures):
                self._behind.go_to(path)
        with _kept(failures):
            self._behind.close()
        os.close(self._root)
        for failure in failures:
            raise failure

    def _enter(self, above: int, path: bytes, entry: Entry | None) -> int:
        name = path[path.rfind(b"/") + 1 :]
        if path not in self._unfinished:
            with suppress(FileExistsError):
                os.mkdir(name, _FOLDER_MODE_WHILE_OPEN if entry else 0o777, dir_fd=above)
                if entry is not None:
                    self._unfinished[path] = entry
        try:
            descriptor = os.open(name, _OPEN_FOLDER, dir_fd=above)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise NotADirectoryError(
                    errno.ENOTDIR, "something that is not a folder is in the way"
                ) from error
            raise
        if os.path.samestat(os.fstat(descriptor), self._repository):
            os.close(descriptor)
            raise PermissionError(errno.EPERM, "it is the repository, which is not restored into")
        return descriptor

    def _finish(self, folder: _OpenFolder) -> None:
        entry = self._unfinished.pop(folder.path, None)
        if entry is not None and not apply_metadata(folder.descriptor, entry):
            self.owners_lost += 1


@contextmanager
def _kept(failures: list[OSError]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        failures.append(error)


def _is_at_or_above(folder: bytes, path: bytes) -> bool:
    return path.startswith(folder) and path[len(folder) : len(folder) + 1] in (b"", b"/")


def _refuse_repository(root: bytes, repository: bytes) -> None:
    inner, outer = os.path.realpath(root), os.path.realpath(repository)
    if inner == outer or inner.startswith(outer + b"/"):
        raise UsageError(
            f"the target lies in the repository: {os.fsdecode(root)}",
            hint="restore into a folder outside of it",
        )
