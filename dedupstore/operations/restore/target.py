"""The folder that is restored into. Nothing here ever leaves it.

Every folder below the target is opened by its one name, relative to the open folder above it, and
never through a symbolic link. So neither a path in a manifest nor a link that another entry, or
another process, has put in the way leads outside.
"""

from __future__ import annotations

import errno
import os
from typing import NamedTuple

from dedupstore.errors import UsageError
from dedupstore.format.entry import Entry
from dedupstore.operations.restore.metadata import apply_metadata

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER_MODE_WHILE_OPEN = 0o700


class _OpenFolder(NamedTuple):
    name: bytes
    descriptor: int
    entry: Entry | None


class RestoreTarget:
    """Makes and opens folders below ``root`` for entries that come in path order.

    ``root`` is made if it does not exist. ``repository`` is the repository's folder, which is never
    restored into: what lies there is not overwritten, whatever a snapshot holds. A folder gets its
    own mode and times when the last entry below it has been restored; ``owners_lost`` counts those
    whose owner could not be set.

    Raises:
        UsageError: the target lies in the repository.
        OSError: the target cannot be made or opened.
    """

    def __init__(self, root: bytes, repository: bytes) -> None:
        _refuse_repository(root, repository)
        self._repository = os.stat(repository)
        os.makedirs(root, exist_ok=True)
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._open = [_OpenFolder(b"", descriptor, None)]
        self._described: dict[bytes, Entry] = {}
        self.owners_lost = 0

    def describe(self, path: bytes, entry: Entry) -> None:
        """Remember what the folder at ``path`` should be like, should it come to be made."""
        self._described = {
            above: described
            for above, described in self._described.items()
            if path.startswith(above + b"/")
        }
        self._described[path] = entry

    def folder(self, path: bytes) -> int:
        """Return a descriptor of the folder at ``path``, which is made where it does not exist.

        The descriptor is the target's own and holds until another folder is asked for.

        Raises:
            OSError: something that is no folder is in the way, or the folder cannot be made.
        """
        parts = path.split(b"/") if path else []
        common = 0
        names = [folder.name for folder in self._open[1:]]
        while common < min(len(parts), len(names)) and parts[common] == names[common]:
            common += 1
        self._close_down_to(common)
        for depth in range(common, len(parts)):
            self._enter(parts[depth], b"/".join(parts[: depth + 1]))
        return self._open[-1].descriptor

    def close(self) -> None:
        """Give all open folders their mode and times and close them.

        Raises:
            OSError: a folder's mode or times cannot be set.
        """
        try:
            self._close_down_to(0)
        finally:
            for folder in self._open:
                os.close(folder.descriptor)
            self._open = []

    def _enter(self, name: bytes, path: bytes) -> None:
        above = self._open[-1].descriptor
        entry = self._described.get(path)
        made = True
        try:
            os.mkdir(name, _FOLDER_MODE_WHILE_OPEN if entry else 0o777, dir_fd=above)
        except FileExistsError:
            made = False
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
        self._open.append(_OpenFolder(name, descriptor, entry if made else None))

    def _close_down_to(self, depth: int) -> None:
        while len(self._open) > depth + 1:
            folder = self._open.pop()
            try:
                if folder.entry is not None and not apply_metadata(folder.descriptor, folder.entry):
                    self.owners_lost += 1
            finally:
                os.close(folder.descriptor)


def _refuse_repository(root: bytes, repository: bytes) -> None:
    inner, outer = os.path.realpath(root), os.path.realpath(repository)
    if inner == outer or inner.startswith(outer + b"/"):
        raise UsageError(
            f"the target lies in the repository: {os.fsdecode(root)}",
            hint="restore into a folder outside of it",
        )
