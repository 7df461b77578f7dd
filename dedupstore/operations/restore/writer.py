"""Writing one restored file or link: to a temporary name first, then renamed into place."""

from __future__ import annotations

import errno
import itertools
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from dedupstore.engine.file_reader import FilePart
from dedupstore.format.entry import Entry, EntryType
from dedupstore.operations.restore.metadata import apply_link_metadata, apply_metadata
from dedupstore.operations.restore.options import Overwrite

_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
FILE_BYTES_MAX = (1 << 63) - 1
"""No file of the system is longer."""

_CANNOT_LINK = frozenset(
    (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EACCES)
)


class _TemporaryNames:
    """Names that nobody can foresee, and of which no two processes have the same."""

    def __init__(self) -> None:
        self.renew()
        os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        self._token = os.urandom(8).hex().encode()
        self._numbers = itertools.count(1)

    def __next__(self) -> bytes:
        return b".dedupstore-%s-%d" % (self._token, next(self._numbers))


_temporary_names = _TemporaryNames()


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


class Draft:
    """A file that is written under a temporary name in the open folder ``folder``.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, folder: int) -> None:
        self._name = next(_temporary_names)
        self.descriptor = os.open(self._name, _CREATE, 0o600, dir_fd=folder)
        self._has_name = True

    def write(self, data: bytes | memoryview, offset: int) -> None:
        """Write all of ``data`` at ``offset``; several threads may do so at once.

        Raises:
            OSError: it cannot be written.
        """
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self.descriptor, rest, offset)
            rest = rest[written:]
            offset += written

    def set_size(self, file_bytes: int) -> None:
        """Give the file a length; what is behind the bytes that were written is a hole.

        Raises:
            OSError: it cannot be that long.
        """
        os.ftruncate(self.descriptor, file_bytes)

    def close(self) -> None:
        """Let go of the file, once or more often; under its temporary name it stays."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def place(self, folder: int, name: bytes, overwrite: Overwrite) -> bool:
        """Give the file its name in ``folder``; return whether it is there now. See ``NewFile``."""
        placed = _place(folder, self._name, name, overwrite)
        self._has_name = False
        return placed

    def remove(self, folder: int) -> None:
        """Remove the temporary name from ``folder``, if it still has that."""
        if self._has_name:
            _remove(folder, self._name)
            self._has_name = False


class NewFile:
    """A file that is written, but has no name of its own yet.

    ``owner_set`` tells whether it could be given its owner.
    """

    def __init__(self, folder: int, draft: Draft, owner_set: bool) -> None:
        self._folder = folder
        self._draft = draft
        self.owner_set = owner_set

    def place(self, name: bytes, overwrite: Overwrite) -> bool:
        """Give the file its name, once; return whether it is in place now.

        With ``Overwrite.NEVER`` something that exists, or has appeared meanwhile, is left as it is.

        Raises:
            OSError: it cannot be put there; nothing has changed then.
        """
        return self._draft.place(self._folder, name, overwrite)


@contextmanager
def new_file(folder: int, entry: Entry, parts: Iterable[FilePart]) -> Iterator[NewFile]:
    """Write a file that can be given its name in a ``with`` block; without one it is removed.

    Bytes that are lost become holes.

    Raises:
        OSError: the file cannot be written; nothing has changed then.
        DedupstoreError: whatever ``parts`` raises; nothing has changed then.
    """
    draft = Draft(folder)
    try:
        owner_set = _complete(draft, entry, partial(_write_parts, parts))
        yield NewFile(folder, draft, owner_set)
    finally:
        draft.remove(folder)


def place_draft(
    draft: Draft,
    folder: int,
    entry: Entry,
    fill: Callable[[Draft], None],
    name: bytes,
    overwrite: Overwrite,
) -> tuple[bool, bool]:
    """Let ``fill`` write what is missing of a draft in ``folder``, and give it its name, once.

    Return whether it is in place now, see ``NewFile.place``, and whether its owner could be set.

    Raises:
        OSError: it cannot be written, or not be put there; nothing has changed then.
    """
    try:
        owner_set = _complete(draft, entry, fill)
        return draft.place(folder, name, overwrite), owner_set
    finally:
        draft.remove(folder)


def _complete(draft: Draft, entry: Entry, fill: Callable[[Draft], None]) -> bool:
    try:
        fill(draft)
        return apply_metadata(draft.descriptor, entry)
    finally:
        draft.close()


def write_link(folder: int, name: bytes, entry: Entry, overwrite: Overwrite) -> tuple[bool, bool]:
    """Make a symbolic link; return whether it is in place now, and whether its owner could be set.

    Raises:
        OSError: the link cannot be made; nothing has changed then.
    """
    temporary = next(_temporary_names)
    os.symlink(entry.link_target, temporary, dir_fd=folder)
    try:
        owner_set = apply_link_metadata(folder, temporary, entry)
        placed = _place(folder, temporary, name, overwrite)
    except BaseException:
        _remove(folder, temporary)
        raise
    return placed, owner_set


def _remove(folder: int, name: bytes) -> None:
    with suppress(OSError):
        os.unlink(name, dir_fd=folder)


def _write_parts(parts: Iterable[FilePart], draft: Draft) -> None:
    end = written_bytes = 0
    for part_bytes, data, _ in parts:
        if data is not None:
            draft.write(data, end)
            written_bytes = end + part_bytes
        end += part_bytes
        if end > FILE_BYTES_MAX:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    # A hole at the end is made by the length alone.
    if written_bytes != end:
        draft.set_size(end)


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
