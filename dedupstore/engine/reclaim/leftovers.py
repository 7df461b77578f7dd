"""Removing what processes that were killed have left half-written."""

from __future__ import annotations

from dedupstore.engine.epochs import all_kept_out, oldest_epoch_at_work
from dedupstore.engine.generation import current_generation
from dedupstore.engine.repository import Repository


def remove_leftovers(repository: Repository) -> int:
    """Remove half-written objects that nobody is going to finish, and return their bytes.

    While anybody is at work, all stay: it cannot be told whose they are. All who write are at work,
    or hold the lock ``switch``, or the lock ``removal``, which the caller holds; so with the other
    two held alone nothing is being written, and nothing begins to be.

    Raises:
        LockTimeout, StorageError: the locks cannot be had, or the store refused.
    """
    store = repository.store
    # Asked first, so that nobody is made to wait for nothing.
    if not store.leftovers() or oldest_epoch_at_work(repository.location) is not None:
        return 0
    generation = current_generation(store)
    with (
        repository.switch_lock(exclusive=True),
        all_kept_out(repository.location, generation) as nobody_at_work,
    ):
        return store.remove_leftovers() if nobody_at_work else 0
