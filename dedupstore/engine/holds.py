"""Holds: snapshots that must not be removed, whatever a policy says (docs/format/repository.md)."""

from __future__ import annotations

from dedupstore.clock import format_time
from dedupstore.engine.keys import HOLDS_PREFIX, stored_ids
from dedupstore.engine.repository import Repository
from dedupstore.format.canonical_json import encode_json
from dedupstore.format.fields import FORMAT_VERSION
from dedupstore.ids import SnapshotId


def hold_snapshot(repository: Repository, snapshot: SnapshotId) -> None:
    """Hold a snapshot; to hold one twice is to hold it once.

    Raises:
        SnapshotUnknown: it is not there any more.
        LockTimeout, NoSpace, StorageError: the repository is locked, or the store refused.
    """
    record = {"format": FORMAT_VERSION, "held_since": format_time(repository.clock.now())}
    # While this lock is held, nothing is removed: either that looks at holds after, or it is done.
    with repository.switch_lock(exclusive=False):
        repository.require_snapshot(snapshot)
        repository.store.put(_key(snapshot), [encode_json(record)])


def release_snapshot(repository: Repository, snapshot: SnapshotId) -> None:
    """End the hold of a snapshot; to release one that is not held is no error.

    Raises:
        LockTimeout, StorageError: the repository is locked, or the store refused.
    """
    with repository.switch_lock(exclusive=False):
        repository.store.delete_all([_key(snapshot)])


def held_snapshots(repository: Repository) -> frozenset[SnapshotId]:
    """Return the snapshots that are held; files with other names are passed over.

    Raises:
        StorageError: the store could not list.
    """
    return frozenset(id_ for id_, _ in stored_ids(repository.store, HOLDS_PREFIX))


def _key(snapshot: SnapshotId) -> str:
    return f"{HOLDS_PREFIX}/{snapshot.hex()}"
