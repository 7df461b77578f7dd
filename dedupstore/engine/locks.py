"""Locks that die with their process: flock on files in the repository's folder ``locks/``.

The lock ``removal`` is held alone, for their whole length, by what removes or repairs data: there
is one of these at a time. The lock ``switch`` is shared by whoever makes a snapshot exist, and held
alone for a moment by what removes data, when it declares what is dead; init takes it, too. The lock
``index`` is held alone by whoever opens or rebuilds the index. For the locks of those at work, see
``epochs``.
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
_CANNOT_BE_MADE = frozenset((errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT))
_HELD_ELSEWHERE = frozenset((errno.EAGAIN, errno.EACCES))


@contextmanager
def hold_lock(
    folder: str, name: str, *, exclusive: bool, wait_seconds: float, clock: Clock
) -> Iterator[None]:
    """Hold the lock ``name`` of the repository in ``folder`` for the length of a ``with`` block.

    ``wait_seconds`` is how long to try; 0 tries once.

    Raises:
        LockTimeout: another process holds the lock and the wait ran out.
        NoSpace, StorageError: the lock file cannot be used.
    """
    deadline_seconds = clock.monotonic_seconds() + wait_seconds
    path = os.path.join(folder, LOCKS_FOLDER, name)
    while True:
        try:
            descriptor = _open_for_writing(folder, path)
        except OSError as error:
            raise storage_error(error, "write", f"the lock {path}") from error
        try:
            _acquire(descriptor, exclusive, deadline_seconds, clock, folder)
            if is_in_place(descriptor, path):
                yield
                return
        finally:
            os.close(descriptor)


def is_in_place(descriptor: int, path: str) -> bool:
    """Tell whether an open file is still the one at ``path``: a lock on another is no lock."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(status, os.fstat(descriptor))


def open_lock_file(folder: str, name: str) -> int | None:
    """Open the file of the lock ``name``; ``None`` where it is missing and cannot be made.

    Raises:
        StorageError: the file cannot be opened.
    """
    path = os.path.join(folder, LOCKS_FOLDER, name)
    try:
        return _open_for_writing(folder, path)
    except OSError as error:
        if error.errno not in _CANNOT_BE_MADE:
            raise storage_error(error, "write", f"the lock {path}") from error
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        # Where nobody can write, nobody can remove what a reader is reading; and where only the
        # disk is full, to read without a lock is better than not to read.
        return None
    except OSError as error:
        raise storage_error(error, "open", f"the lock {path}") from error


def _open_for_writing(folder: str, path: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        # Tools that copy repositories may leave folders out; one that is gone is not made again.
        above = os.path.dirname(os.path.relpath(path, folder))
        parts = above.split(os.sep)
        for depth in range(1, len(parts) + 1):
            with suppress(FileExistsError):
                os.mkdir(os.path.join(folder, *parts[:depth]), 0o700)
        return os.open(path, flags, 0o600)


def try_lock(descriptor: int, *, exclusive: bool) -> bool:
    """Lock an open file until it is closed; return whether nobody stood in the way.

    Raises:
        StorageError: the file system cannot lock.
    """
    operation = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB
    try:
        fcntl.flock(descriptor, operation)
    except OSError as error:
        if error.errno not in _HELD_ELSEWHERE:
            raise StorageError(f"cannot lock: {error.strerror}") from error
        return False
    return True


def _acquire(
    descriptor: int, exclusive: bool, deadline_seconds: float, clock: Clock, folder: str
) -> None:
    while not try_lock(descriptor, exclusive=exclusive):
        if clock.monotonic_seconds() >= deadline_seconds:
            raise LockTimeout(
                f"another process is working on {folder}",
                hint="wait for it to end, or give --lock-wait a duration such as 10m",
            )
        time.sleep(_POLL_SECONDS)
