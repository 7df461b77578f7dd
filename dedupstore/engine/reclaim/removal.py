"""Removing snapshots, so that none that is listed ever lacks anything."""

from __future__ import annotations

from collections.abc import Collection

from dedupstore.engine.epochs import next_generation
from dedupstore.engine.generation import read_generation, write_generation
from dedupstore.engine.holds import held_snapshots
from dedupstore.engine.keys import PACK_PREFIXES, SNAPSHOTS_PREFIX, snapshot_key
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import list_snapshot_ids
from dedupstore.ids import SnapshotId


def remove_snapshots(
    repository: Repository,
    snapshots: Collection[SnapshotId],
    named_as_previous: Collection[SnapshotId],
) -> None:
    """Remove snapshot records for good: those that are there and not held.

    ``named_as_previous`` are the snapshots that others name as the one before them; of those, the
    removed ones are remembered as removed on purpose. The order of writes:

    1. The names of all records and packs are synced, so that what stays is there for good.
    2. A generation record says which snapshots are forgotten. A crash leaves them listed and whole.
    3. The records are removed and their folder is synced. Packs are not touched.

    Raises:
        DamageError, UnsupportedFormat: the generation record is damaged or newer.
        LockTimeout, NoSpace, StorageError: nothing has been removed, or only some.
    """
    store = repository.store
    with repository.switch_lock(exclusive=True):
        for prefix in (*PACK_PREFIXES.values(), SNAPSHOTS_PREFIX):
            store.sync_names(prefix)
        there = frozenset(list_snapshot_ids(repository))
        removable = frozenset(snapshots) & there - held_snapshots(repository)
        if not removable:
            return
        state = read_generation(store)
        forgotten = removable | state.forgotten & frozenset(named_as_previous)
        write_generation(
            store,
            state._replace(
                generation=next_generation(repository.location, state.generation),
                time=repository.clock.now(),
                forgotten=forgotten,
            ),
        )
        store.delete_all([snapshot_key(id_) for id_ in sorted(removable)])
