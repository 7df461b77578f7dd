"""A store in a local folder, with the fsync rules that make ``put`` durable.

A new object is written under ``tmp/``, synced, renamed to its key, and the folder it went to is
synced. A crash leaves at most a file under ``tmp/``, which no reader looks at.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from dedupstore.errors import NoSpace, ObjectMissing, ObjectUnreadable, StorageError
from dedupstore.storage.contract import Buffer, ObjectInfo, check_key
from dedupstore.storage.files import Files

TEMPORARY_FOLDER = "tmp"
RESERVE_FILE = "reserve"

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_READ_ONLY = frozenset((errno.EROFS, errno.EACCES, errno.EPERM))
_BYTES_LOST = frozenset((errno.EIO, errno.EUCLEAN, errno.EBADMSG, errno.ENODATA, errno.EREMOTEIO))
_WRITE_PARTS_MAX = 512
_TEMPORARY_NAME = re.compile("[0-9a-f]{32}")


class LocalStore:
    """A store in the folder ``root``, which must exist; see ``storage.contract``.

    ``files`` are the operations it is made of; there is a reason to give others only in tests.
    """

    def __init__(self, root: str, files: Files | None = None) -> None:
        self._root = root
        self._files = files or Files()
        self._temporary_folder = os.path.join(root, TEMPORARY_FOLDER)
        self._durable_folders: set[str] = set()

    @property
    def location(self) -> str:
        """The folder, as it was given."""
        return self._root

    def get(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """See ``ReadStore.get``."""
        with _mapped_errors("read", key):
            descriptor = self._files.open(self._path(key))
            try:
                # Never ask for more than there is: memory would be taken for all of it.
                there = max(0, os.fstat(descriptor).st_size - offset)
                wanted = there if length is None else min(length, there)
                return self._read_fully(descriptor, offset, wanted)
            finally:
                self._files.close(descriptor)

    def object_bytes(self, key: str) -> int:
        """See ``ReadStore.object_bytes``."""
        with _mapped_errors("read", key):
            return self._files.status(self._path(key)).st_size

    def list_objects(self, prefix: str) -> Iterator[ObjectInfo]:
        """See ``ReadStore.list_objects``."""
        with _mapped_errors("list", prefix):
            try:
                scan = self._files.scan(self._path(prefix))
            except FileNotFoundError:
                return
            with scan as items:
                for item in items:
                    with suppress(FileNotFoundError):
                        if item.is_file(follow_symlinks=False):
                            size = item.stat(follow_symlinks=False).st_size
                            yield ObjectInfo(f"{prefix}/{item.name}", size)

    def put(self, key: str, parts: Sequence[Buffer]) -> None:
        """See ``WriteStore.put``."""
        path = self._path(key)
        temporary = os.path.join(self._temporary_folder, os.urandom(16).hex())
        self._make_lost_folders(path, temporary)
        with _mapped_errors("write", key):
            try:
                self._write_synced(temporary, parts)
                self._files.rename(temporary, path)
            except BaseException:
                with suppress(OSError):
                    self._files.unlink(temporary)
                raise
        with _mapped_errors("make durable", key):
            self._files.sync_folder(os.path.dirname(path))

    def sync_names(self, prefix: str) -> None:
        """See ``WriteStore.sync_names``."""
        with _mapped_errors("make durable", prefix), suppress(FileNotFoundError):
            self._files.sync_folder(self._path(prefix))

    def delete(self, key: str) -> None:
        """See ``DeleteStore.delete``."""
        with _mapped_errors("delete", key), suppress(FileNotFoundError):
            self._files.unlink(self._path(key))

    def delete_all(self, keys: Sequence[str]) -> None:
        """See ``DeleteStore.delete_all``."""
        # All paths first: a malformed key among them must not come to light halfway.
        folders = {os.path.dirname(self._path(key)) for key in keys}
        for key in keys:
            self.delete(key)
        for folder in sorted(folders):
            what = os.path.relpath(folder, self._root)
            with _mapped_errors("make durable", what), suppress(FileNotFoundError):
                self._files.sync_folder(folder)

    def move(self, key: str, new_key: str) -> None:
        """See ``DeleteStore.move``."""
        path, new_path = self._path(key), self._path(new_key)
        self.object_bytes(key)
        self._make_lost_folders(new_path)
        with _mapped_errors("move", key):
            self._files.rename(path, new_path)
        with _mapped_errors("make durable", key):
            for folder in dict.fromkeys(map(os.path.dirname, (new_path, path))):
                self._files.sync_folder(folder)

    def set_reserve(self, reserve_bytes: int) -> bool:
        """Take ``reserve_bytes`` of the disk, to be given back by ``release_reserve``.

        Returns whether they are taken. That they cannot be is no error: a reserve is only there to
        help when it is there. Zero gives back what was taken before.
        """
        path = os.path.join(self._root, RESERVE_FILE)
        with suppress(OSError):
            if reserve_bytes and self._files.status(path).st_size == reserve_bytes:
                return True
        self.release_reserve()
        if not reserve_bytes:
            return False
        try:
            descriptor = self._files.create(path)
        except OSError:
            return False
        try:
            self._files.allocate(descriptor, reserve_bytes)
        except OSError:
            self.release_reserve()
            return False
        finally:
            self._files.close(descriptor)
        return True

    def release_reserve(self) -> bool:
        """Give back what ``set_reserve`` took; return whether there was anything."""
        try:
            self._files.unlink(os.path.join(self._root, RESERVE_FILE))
        except OSError:
            return False
        return True

    def leftovers(self) -> list[ObjectInfo]:
        """Return what is being written now, and what crashes have left of such; not what others put
        into ``tmp/``.

        Raises:
            StorageError: the file system refused.
        """
        return [
            info
            for info in self.list_objects(TEMPORARY_FOLDER)
            if _TEMPORARY_NAME.fullmatch(info.key.rpartition("/")[2])
        ]

    def remove_leftovers(self) -> int:
        """Remove what ``leftovers`` returns, and return how many bytes it had.

        The caller sees to it that nothing is being written: a ``put`` under way would fail.

        Raises:
            StorageError: the file system refused; some may be gone.
        """
        found = self.leftovers()
        for info in found:
            self.delete(info.key)
        return sum(info.object_bytes for info in found)

    def free_bytes(self) -> int:
        """Return how many bytes can still be written to the disk, the reserve not counted.

        Raises:
            StorageError: the file system does not tell.
        """
        with _mapped_errors("measure", self._root):
            return self._files.free_bytes(self._root)

    def make_folders(self, prefixes: Sequence[str]) -> None:
        """Make the folders that keys will lie in, private to their owner, and sync them.

        Raises:
            NoSpace, StorageError: the file system refused.
        """
        for prefix in (*prefixes, TEMPORARY_FOLDER):
            parts = prefix.split("/")
            for depth in range(1, len(parts) + 1):
                self._make_folder("/".join(parts[:depth]))
            self._durable_folders.add(self._path(prefix))

    def is_writable(self) -> bool:
        """Tell whether objects could be added by this process."""
        is_there = os.path.isdir(self._temporary_folder)
        folder = self._temporary_folder if is_there else self._root
        return os.access(folder, os.W_OK | os.X_OK)

    def _make_folder(self, prefix: str) -> None:
        path = self._path(prefix)
        with _mapped_errors("make", prefix):
            with suppress(FileExistsError):
                self._files.make_folder(path)
            self._files.sync_folder(os.path.dirname(path))

    def _make_lost_folders(self, *paths: str) -> None:
        """Make the folders of ``paths`` again: tools that copy repositories may drop empty ones.

        A folder that is there and empty may be one that somebody has just made, and whose name a
        crash would undo, with all that is put into it meanwhile. So nothing gets into a folder
        before its own name is durable; where there is something in it, it is.
        """
        for folder in map(os.path.dirname, paths):
            is_known = folder in self._durable_folders or folder == self._temporary_folder
            if folder == self._root or (is_known and os.path.isdir(folder)):
                continue
            prefix = os.path.relpath(folder, self._root)
            if next(self.list_objects(prefix), None) is None:
                self.make_folders([prefix])
            self._durable_folders.add(folder)

    def _path(self, key: str) -> str:
        check_key(key)
        return os.path.join(self._root, key)

    def _read_fully(self, descriptor: int, offset: int, length: int) -> bytes:
        data = self._files.read(descriptor, length, offset)
        if len(data) == length:
            return data
        pieces = [data]
        missing = length - len(data)
        while missing and pieces[-1]:
            pieces.append(self._files.read(descriptor, missing, offset + length - missing))
            missing -= len(pieces[-1])
        return b"".join(pieces)

    def _write_synced(self, path: str, parts: Sequence[Buffer]) -> None:
        descriptor = self._files.create(path)
        try:
            for begin in range(0, len(parts), _WRITE_PARTS_MAX):
                self._write_all(descriptor, parts[begin : begin + _WRITE_PARTS_MAX])
            self._files.sync(descriptor)
        finally:
            self._files.close(descriptor)

    def _write_all(self, descriptor: int, parts: Sequence[Buffer]) -> None:
        pending = [memoryview(part) for part in parts if len(part)]
        while pending:
            written = self._files.write(descriptor, pending)
            while pending and written >= len(pending[0]):
                written -= len(pending.pop(0))
            if written:
                pending[0] = pending[0][written:]


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
