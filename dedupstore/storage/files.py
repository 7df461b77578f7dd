"""The primitive operations on files that a local store is made of, as an object of their own.

``Files`` does them; whoever gives a store another object with the same methods sees each step the
store takes, and decides how it ends. Every method raises OSError as the system does.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from dedupstore.storage.contract import Buffer

FOLDER_MODE = 0o700
FILE_MODE = 0o600


class Files:
    """The file system of the machine."""

    def create(self, path: str) -> int:
        """Make a new file, private to its owner, and return a descriptor to write to it.

        FileExistsError where there is something at ``path`` already.
        """
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)

    def write(self, descriptor: int, parts: Sequence[Buffer]) -> int:
        """Append ``parts`` (as many as one system call takes); return how many bytes were."""
        return os.writev(descriptor, parts)

    def allocate(self, descriptor: int, size_bytes: int) -> None:
        """Make a file ``size_bytes`` long and take the room for it on the disk."""
        os.posix_fallocate(descriptor, 0, size_bytes)

    def sync(self, descriptor: int) -> None:
        """Make the bytes of a file survive a crash of the machine."""
        os.fsync(descriptor)

    def open(self, path: str) -> int:
        """Return a descriptor to read a file from."""
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self, descriptor: int, length: int, offset: int) -> bytes:
        """Return at most ``length`` bytes from ``offset``; none at the end of the file."""
        return os.pread(descriptor, length, offset)

    def close(self, descriptor: int) -> None:
        """Let go of a descriptor."""
        os.close(descriptor)

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, replacing what has that name."""
        os.rename(old, new)

    def unlink(self, path: str) -> None:
        """Remove the name of a file."""
        os.unlink(path)

    def make_folder(self, path: str) -> None:
        """Make a folder, private to its owner."""
        os.mkdir(path, FOLDER_MODE)

    def sync_folder(self, path: str) -> None:
        """Make the names in a folder, new ones and vanished ones, survive a crash."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        except OSError as error:
            # Some network file systems cannot sync folders; there a rename is as durable as it
            # gets.
            if error.errno != errno.EINVAL:
                raise
        finally:
            os.close(descriptor)

    def scan(self, path: str) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        """Return what is in a folder, to be iterated over in a ``with`` block."""
        return os.scandir(path)

    def status(self, path: str) -> os.stat_result:
        """Return what is known of a file or folder, links followed."""
        return os.stat(path)

    def free_bytes(self, path: str) -> int:
        """Return how many bytes can still be written to the disk that ``path`` lies on."""
        disk = os.statvfs(path)
        return disk.f_bavail * disk.f_frsize
