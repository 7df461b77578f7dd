"""Sessions: who is at work, and since which generation of the repository.

Whoever reads or writes stored data holds the file ``locks/epochs/GENERATION`` shared for as long,
with the number of the generation in which it began. A sweep that wants to remove what a later
generation declared dead looks for holders of earlier ones; the locks end with their processes, so
none is ever stale.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from dedupstore.clock import Clock
from dedupstore.engine.generation import current_generation
from dedupstore.engine.locks import LOCKS_FOLDER, is_in_place, open_lock_file, try_lock
from dedupstore.errors import LockTimeout, StorageError
from dedupstore.format.generation_record import generation_name, parse_generation_name
from dedupstore.limits import GENERATION_REACHED_MAX
from dedupstore.storage.contract import ReadStore
from dedupstore.storage.local import storage_error

_EPOCHS = "epochs"
EPOCHS_FOLDER = f"{LOCKS_FOLDER}/{_EPOCHS}"
_FIRST = "0" * 16
"""The name of generation 0, which has no record."""

_POLL_SECONDS = 0.005
_WAIT_SECONDS = 60.0


@dataclass(slots=True)
class Session:
    """Somebody at work: ``generation`` is that of the repository when it began."""

    generation: int


@contextmanager
def hold_epoch(
    store: ReadStore, folder: str, clock: Clock, *, writes: bool = False
) -> Iterator[Session]:
    """Be at work in the repository in ``folder`` for the length of a ``with`` block.

    Where the lock cannot be made because nothing can be written, the block runs without, unless
    it ``writes`` itself.

    Raises:
        LockTimeout: a sweep held the lock for a minute, which it does for moments only.
        StorageError: the lock file cannot be used.
    """
    deadline_seconds = clock.monotonic_seconds() + _WAIT_SECONDS
    while True:
        generation = current_generation(store)
        descriptor = open_lock_file(folder, _name(generation))
        if descriptor is None:
            if writes:
                raise StorageError("cannot write the lock of those at work")
            break
        is_current = False
        try:
            # Looked at again: had a switch and a sweep come in between, nobody would know of us.
            is_current = (
                try_lock(descriptor, exclusive=False)
                and is_in_place(descriptor, _path(folder, generation))
                and current_generation(store) == generation
            )
        finally:
            if not is_current:
                os.close(descriptor)
        if is_current:
            break
        if clock.monotonic_seconds() >= deadline_seconds:
            raise LockTimeout(f"a prune does not let go of {folder}", hint="run it again")
        time.sleep(_POLL_SECONDS)
    try:
        yield Session(generation)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def epochs_at_work(folder: str) -> frozenset[int]:
    """Return the generations in which those began who are at work now.

    Raises:
        StorageError: the lock files cannot be used.
    """
    return frozenset(epoch for epoch in _epochs(folder) if is_at_work(folder, epoch))


def oldest_epoch_at_work(folder: str) -> int | None:
    """Return the earliest generation in which somebody now at work began; ``None`` for nobody.

    Raises:
        StorageError: the lock files cannot be used.
    """
    return min(epochs_at_work(folder), default=None)


def next_generation(folder: str, current: int, others: Iterable[int] = ()) -> int:
    """Return a number for a new generation: above ``current``, that of the newest record.

    It is also above ``others``, found elsewhere, and above those of anybody at work: numbers never
    go back, even if the records of earlier generations have been lost. Of these, numbers that no
    repository can have reached are passed over: they would leave none above.

    Raises:
        StorageError: the lock files cannot be listed.
    """
    found = (number for number in (*others, *_epochs(folder)) if number < GENERATION_REACHED_MAX)
    return 1 + max((current, *found))


def is_at_work(folder: str, generation: int) -> bool:
    """Tell whether somebody who began in a generation is still at work.

    Raises:
        StorageError: the lock file cannot be used.
    """
    try:
        descriptor = _open_existing(_path(folder, generation))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise storage_error(error, "open", "a lock") from error
    try:
        return not try_lock(descriptor, exclusive=True)
    finally:
        os.close(descriptor)


@contextmanager
def all_kept_out(folder: str, generation: int) -> Iterator[bool]:
    """Keep everybody from beginning to work for the length of a ``with`` block, if nobody is.

    Yields whether nobody is at work. ``generation`` is the current one, and the caller holds the
    lock ``removal``, so that it stays that. Whoever wants to begin waits: the block must be short.

    Raises:
        StorageError: the lock files cannot be used.
    """
    descriptor = open_lock_file(folder, _name(generation))
    if descriptor is None:
        yield False
        return
    try:
        nobody_began_now = try_lock(descriptor, exclusive=True) and is_in_place(
            descriptor, _path(folder, generation)
        )
        earlier = (epoch for epoch in _epochs(folder) if epoch != generation)
        yield nobody_began_now and not any(is_at_work(folder, epoch) for epoch in earlier)
    finally:
        os.close(descriptor)


def remove_past_epochs(folder: str, generation: int) -> None:
    """Remove the lock files of generations before ``generation`` that nobody holds.

    Whoever opens such a file too late finds that the generation has moved on, and begins again.
    """
    for epoch in _epochs(folder):
        if epoch >= generation:
            return
        with suppress(OSError):
            descriptor = os.open(_path(folder, epoch), os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(_path(folder, epoch))
            finally:
                os.close(descriptor)


def _open_existing(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
    # Enough to ask, where nothing can be written; some network file systems want more.
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _epochs(folder: str) -> list[int]:
    try:
        names = os.listdir(os.path.join(folder, EPOCHS_FOLDER))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"cannot list the locks of {folder}: {error.strerror}") from error
    numbers = (0 if name == _FIRST else parse_generation_name(name) for name in names)
    return sorted(number for number in numbers if number is not None)


def _name(generation: int) -> str:
    return f"{_EPOCHS}/{generation_name(generation) if generation else _FIRST}"


def _path(folder: str, generation: int) -> str:
    return os.path.join(folder, LOCKS_FOLDER, _name(generation))
