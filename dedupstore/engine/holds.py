"""Holds: snapshots that must not be removed, whatever a policy says (docs/format/repository.md)."""

from __future__ import annotations

from datetime import UTC, tzinfo

from dedupstore.clock import format_time
from dedupstore.engine.keys import HOLDS_PREFIX, stored_ids
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import PREFIX_DIGITS_MIN, find_snapshot_id, list_snapshot_ids
from dedupstore.errors import SnapshotUnknown
from dedupstore.format.canonical_json import encode_json
from dedupstore.format.fields import FORMAT_VERSION
from dedupstore.ids import SnapshotId, is_id_prefix

_CANDIDATES_MAX = 10


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


def find_releasable_id(
    repository: Repository, name: str, *, set_name: str | None = None, zone: tzinfo = UTC
) -> SnapshotId:
    """Return the id of the snapshot that ``name`` means, as ``find_snapshot_id`` does.

    A prefix may also mean a hold that is left of a snapshot whose record is gone.

    Raises:
        SnapshotUnknown, UsageError, StorageError: see ``find_snapshot``.
    """
    prefix = name.lower()
    if is_id_prefix(prefix) and len(prefix) >= PREFIX_DIGITS_MIN:
        listed = frozenset(list_snapshot_ids(repository))
        held = held_snapshots(repository)
        matches = sorted(id_ for id_ in listed | held if id_.hex().startswith(prefix))
        if any(id_ not in listed for id_ in matches):
            if len(matches) == 1:
                return matches[0]
            raise SnapshotUnknown(
                f"{name} means {len(matches)} snapshots",
                hint="give more digits: " + ", ".join(id_.hex()[:12] for id_ in matches[:5]),
                candidates=tuple(id_.hex() for id_ in matches[:_CANDIDATES_MAX]),
            )
    return find_snapshot_id(repository, name, set_name=set_name, zone=zone)


def held_snapshots(repository: Repository) -> frozenset[SnapshotId]:
    """Return the snapshots that are held; files with other names are passed over.

    Raises:
        StorageError: the store could not list.
    """
    return frozenset(id_ for id_, _ in stored_ids(repository.store, HOLDS_PREFIX))


def _key(snapshot: SnapshotId) -> str:
    return f"{HOLDS_PREFIX}/{snapshot.hex()}"
