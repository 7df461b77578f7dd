"""A store in a local folder, with the fsync rules that make ``put`` durable.

A new object is written under ``tmp/``, synced, renamed to its key, and the folder it went to is
synced. A crash leaves at most a file under ``tmp/``, which no reader looks at.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from dedupstore.errors import NoSpace, ObjectMissing, ObjectUnreadable, StorageError
from dedupstore.storage.contract import Buffer, ObjectInfo, check_key

TEMPORARY_FOLDER = "tmp"
FOLDER_MODE = 0o700
FILE_MODE = 0o600

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_READ_ONLY = frozenset((errno.EROFS, errno.EACCES, errno.EPERM))
_BYTES_LOST = frozenset((errno.EIO, errno.EUCLEAN, errno.EBADMSG, errno.ENODATA, errno.EREMOTEIO))
_WRITE_PARTS_MAX = 512


class LocalStore:
    """A store in the folder ``root``, which must exist; see ``storage.contract``."""

    def __init__(self, root: str) -> None:
        self._root = root

    @property
    def location(self) -> str:
        """The folder, as it was given."""
        return self._root

    def get(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """See ``ReadStore.get``."""
        with _mapped_errors("read", key), open(self._path(key), "rb", buffering=0) as file:
            if length is None:
                length = max(0, os.fstat(file.fileno()).st_size - offset)
            return _read_fully(file.fileno(), offset, length)

    def object_bytes(self, key: str) -> int:
        """See ``ReadStore.object_bytes``."""
        with _mapped_errors("read", key):
            return os.stat(self._path(key)).st_size

    def list_objects(self, prefix: str) -> Iterator[ObjectInfo]:
        """See ``ReadStore.list_objects``."""
        with _mapped_errors("list", prefix):
            try:
                scan = os.scandir(self._path(prefix))
            except FileNotFoundError:
                return
            with scan:
                for item in scan:
                    with suppress(FileNotFoundError):
                        if item.is_file(follow_symlinks=False):
                            size = item.stat(follow_symlinks=False).st_size
                            yield ObjectInfo(f"{prefix}/{item.name}", size)

    def put(self, key: str, parts: Sequence[Buffer]) -> None:
        """See ``WriteStore.put``."""
        path = self._path(key)
        temporary = os.path.join(self._root, TEMPORARY_FOLDER, secrets.token_hex(16))
        self._make_lost_folders(path, temporary)
        with _mapped_errors("write", key):
            try:
                _write_synced(temporary, parts)
                os.rename(temporary, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary)
                raise
        with _mapped_errors("make durable", key):
            sync_folder(os.path.dirname(path))

    def delete(self, key: str) -> None:
        """See ``DeleteStore.delete``."""
        with _mapped_errors("delete", key), suppress(FileNotFoundError):
            os.unlink(self._path(key))

    def make_folders(self, prefixes: Sequence[str]) -> None:
        """Make the folders that keys will lie in, private to their owner, and sync them.

        Raises:
            NoSpace, StorageError: the file system refused.
        """
        for prefix in (*prefixes, TEMPORARY_FOLDER):
            parts = prefix.split("/")
            for depth in range(1, len(parts) + 1):
                self._make_folder("/".join(parts[:depth]))

    def is_writable(self) -> bool:
        """Tell whether objects could be added by this process."""
        folder = os.path.join(self._root, TEMPORARY_FOLDER)
        return os.access(folder if os.path.isdir(folder) else self._root, os.W_OK | os.X_OK)

    def _make_folder(self, prefix: str) -> None:
        path = self._path(prefix)
        with _mapped_errors("make", prefix):
            with suppress(FileExistsError):
                os.mkdir(path, FOLDER_MODE)
            sync_folder(os.path.dirname(path))

    def _make_lost_folders(self, *paths: str) -> None:
        """Make the folders of ``paths`` again: tools that copy repositories may drop empty ones."""
        for folder in map(os.path.dirname, paths):
            if folder != self._root and not os.path.isdir(folder):
                self.make_folders([os.path.relpath(folder, self._root)])

    def _path(self, key: str) -> str:
        check_key(key)
        return os.path.join(self._root, key)


def sync_folder(path: str) -> None:
    """Make the names in a folder durable.

    Raises:
        OSError: the folder cannot be opened or synced.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync folders; there a rename is as durable as it gets.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def storage_error(error: OSError, action: str, what: str) -> StorageError:
    """Return the library's error for an ``OSError`` met while doing ``action`` to ``what``."""
    message = f"cannot {action} {what}: {error.strerror or error}"
    if error.errno in _FULL:
        return NoSpace(message, hint="free some space and run the command again")
    if error.errno in _READ_ONLY:
        return StorageError(message, hint="check who owns the repository and how it is mounted")
    return StorageError(message)


@contextmanager
def _mapped_errors(action: str, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError) and action == "read":
            raise ObjectMissing(f"{what} is missing from the repository") from error
        if action == "read" and error.errno in _BYTES_LOST:
            raise ObjectUnreadable(
                f"cannot read {what}: {error.strerror}",
                hint="the disk may be failing: copy the repository while it can be read",
            ) from error
        raise storage_error(error, action, what) from error


def _read_fully(descriptor: int, offset: int, length: int) -> bytes:
    data = os.pread(descriptor, length, offset)
    if len(data) == length:
        return data
    pieces = [data]
    missing = length - len(data)
    while missing and pieces[-1]:
        pieces.append(os.pread(descriptor, missing, offset + length - missing))
        missing -= len(pieces[-1])
    return b"".join(pieces)


def _write_synced(path: str, parts: Sequence[Buffer]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        for begin in range(0, len(parts), _WRITE_PARTS_MAX):
            _write_all(descriptor, parts[begin : begin + _WRITE_PARTS_MAX])
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, parts: Sequence[Buffer]) -> None:
    pending = [memoryview(part) for part in parts if len(part)]
    while pending:
        written = os.writev(descriptor, pending)
        while pending and written >= len(pending[0]):
            written -= len(pending.pop(0))
        if written:
            pending[0] = pending[0][written:]
