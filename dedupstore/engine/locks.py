"""Locks that die with their process: flock on files in the repository's folder ``locks/``.

Snapshots, restores and checks share the lock ``repository``; what removes data, and init, take it
alone. The lock ``index`` is held alone by whoever rebuilds the index.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dedupstore.clock import Clock
from dedupstore.errors import LockTimeout, StorageError
from dedupstore.storage.local import storage_error

LOCKS_FOLDER = "locks"
_POLL_SECONDS = 0.05
_HELD_ELSEWHERE = frozenset((errno.EAGAIN, errno.EACCES))


@contextmanager
def hold_lock(
    folder: str, name: str, *, exclusive: bool, wait_seconds: float, clock: Clock
) -> Iterator[None]:
    """Hold the lock ``name`` of the repository in ``folder`` for the length of a ``with`` block.

    ``wait_seconds`` is how long to try; 0 tries once.

    Raises:
        LockTimeout: another process holds the lock and the wait ran out.
        StorageError: the lock file cannot be used.
    """
    path = os.path.join(folder, LOCKS_FOLDER, name)
    descriptor = _open_lock_file(path, exclusive)
    if descriptor is None:
        yield
        return
    try:
        _acquire(descriptor, exclusive, wait_seconds, clock, folder)
        yield
    finally:
        os.close(descriptor)


def _open_lock_file(path: str, exclusive: bool) -> int | None:
    """Open a lock file; ``None`` where it is missing and cannot be made by a reader."""
    try:
        return _open_for_writing(path)
    except OSError as error:
        if exclusive or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise storage_error(error, "open", f"the lock {path}") from error
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        # Nobody can write here, so nobody can remove what a reader is reading.
        return None
    except OSError as error:
        raise storage_error(error, "open", f"the lock {path}") from error


def _open_for_writing(path: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        # Tools that copy repositories may leave the folder out.
        with suppress(FileExistsError):
            os.mkdir(os.path.dirname(path), 0o700)
        return os.open(path, flags, 0o600)


def _acquire(
    descriptor: int, exclusive: bool, wait_seconds: float, clock: Clock, folder: str
) -> None:
    operation = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB
    deadline = clock.monotonic_seconds() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, operation)
        except OSError as error:
            if error.errno not in _HELD_ELSEWHERE:
                raise StorageError(f"cannot lock {folder}: {error.strerror}") from error
            if clock.monotonic_seconds() >= deadline:
                raise LockTimeout(
                    f"another process is working on {folder}",
                    hint="wait for it to end, or give --lock-wait a duration such as 10m",
                ) from error
            time.sleep(_POLL_SECONDS)
        else:
            return
