"""Writing one restored file or link: to a temporary name first, then renamed into place."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from dedupstore.engine.file_reader import FilePart
from dedupstore.format.entry import Entry, EntryType
from dedupstore.operations.restore.metadata import apply_link_metadata, apply_metadata
from dedupstore.operations.restore.options import Overwrite

TEMPORARY_PREFIX = b".dedupstore-"
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_BYTES_MAX = (1 << 63) - 1
_CANNOT_LINK = frozenset(
    (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EACCES)
)


def is_wanted(folder: int, name: bytes, entry: Entry, overwrite: Overwrite) -> bool:
    """Tell whether ``entry`` should be written, given what is there already.

    Raises:
        OSError: what is there cannot be looked at.
    """
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return True
    if overwrite is Overwrite.IF_CHANGED:
        if entry.type is EntryType.SYMLINK:
            return not _is_link_to(folder, name, entry.link_target)
        if not stat.S_ISREG(status.st_mode):
            return True
        return (status.st_size, status.st_mtime_ns) != (entry.size, entry.mtime_ns)
    return overwrite is Overwrite.ALWAYS


def _is_link_to(folder: int, name: bytes, target: bytes) -> bool:
    try:
        return os.readlink(name, dir_fd=folder) == target
    except OSError:
        return False


class NewFile:
    """A file that is written, but has no name of its own yet.

    ``owner_set`` tells whether it could be given its owner.
    """

    def __init__(self, folder: int, temporary: bytes, owner_set: bool) -> None:
        self._folder = folder
        self._temporary = temporary
        self.owner_set = owner_set

    def place(self, name: bytes, overwrite: Overwrite) -> bool:
        """Give the file its name, once; return whether it is in place now.

        With ``Overwrite.NEVER`` something that exists, or has appeared meanwhile, is left as it is.

        Raises:
            OSError: it cannot be put there; nothing has changed then.
        """
        return _place(self._folder, self._temporary, name, overwrite)


@contextmanager
def new_file(folder: int, entry: Entry, parts: Iterable[FilePart]) -> Iterator[NewFile]:
    """Write a file that can be given its name in a ``with`` block; without one it is removed.

    Bytes that are lost become holes.

    Raises:
        OSError: the file cannot be written; nothing has changed then.
        DedupstoreError: whatever ``parts`` raises; nothing has changed then.
    """
    temporary = _temporary_name()
    descriptor = os.open(temporary, _CREATE, 0o600, dir_fd=folder)
    try:
        try:
            _write_parts(descriptor, parts)
            owner_set = apply_metadata(descriptor, entry)
        finally:
            os.close(descriptor)
        yield NewFile(folder, temporary, owner_set)
    finally:
        # Once it has its name, there is nothing left to remove.
        _remove(folder, temporary)


def write_link(folder: int, name: bytes, entry: Entry, overwrite: Overwrite) -> tuple[bool, bool]:
    """Make a symbolic link; return whether it is in place now, and whether its owner could be set.

    Raises:
        OSError: the link cannot be made; nothing has changed then.
    """
    temporary = _temporary_name()
    os.symlink(entry.link_target, temporary, dir_fd=folder)
    try:
        owner_set = apply_link_metadata(folder, temporary, entry)
        placed = _place(folder, temporary, name, overwrite)
    except BaseException:
        _remove(folder, temporary)
        raise
    return placed, owner_set


def _temporary_name() -> bytes:
    return TEMPORARY_PREFIX + os.urandom(8).hex().encode()


def _remove(folder: int, name: bytes) -> None:
    with suppress(OSError):
        os.unlink(name, dir_fd=folder)


def _write_parts(descriptor: int, parts: Iterable[FilePart]) -> None:
    end = 0
    for part_bytes, data, _ in parts:
        if data is not None:
            _write_all(descriptor, data, end)
        end += part_bytes
        if end > _FILE_BYTES_MAX:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    # A hole at the end is made by the length alone.
    if os.fstat(descriptor).st_size != end:
        os.ftruncate(descriptor, end)


def _write_all(descriptor: int, data: memoryview, offset: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, offset)
        data = data[written:]
        offset += written


def _place(folder: int, temporary: bytes, name: bytes, overwrite: Overwrite) -> bool:
    if overwrite is not Overwrite.NEVER:
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        return True
    try:
        # Unlike a rename, a link never replaces what has appeared meanwhile.
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        _remove(folder, temporary)
        return False
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        return _place_without_links(folder, temporary, name)
    _remove(folder, temporary)
    return True


def _place_without_links(folder: int, temporary: bytes, name: bytes) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        return True
    _remove(folder, temporary)
    return False
