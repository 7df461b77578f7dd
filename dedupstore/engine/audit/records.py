"""Loading the records of all snapshots and of removals, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress

from dedupstore.engine.audit.findings import FindingCollector
from dedupstore.engine.generation import current_generation, read_generation
from dedupstore.engine.keys import generation_key, snapshot_key
from dedupstore.engine.monitor import kind_of_refusal
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import Snapshot, list_snapshot_ids, load_snapshot
from dedupstore.errors import DamageError, ObjectMissing, SnapshotUnknown, UnsupportedFormat
from dedupstore.format.generation_record import GenerationRecord
from dedupstore.ids import SnapshotId
from dedupstore.limits import GENERATION_REACHED_MAX

_STATE_UNREADABLE = ("generation-damaged", "generation-unsupported")


def read_state(repository: Repository, collector: FindingCollector) -> GenerationRecord:
    """Return what was removed on purpose; nothing, and a finding, where that cannot be read.

    Raises:
        StorageError: the store could not deliver.
    """
    try:
        state = read_generation(repository.store)
        if state.generation >= GENERATION_REACHED_MAX:
            raise DamageError("no repository can have come to this generation")
        return state
    except (DamageError, UnsupportedFormat) as error:
        kind = kind_of_refusal("generation", error)
        generation = current_generation(repository.store)
        collector.error(kind, generation_key(generation), error.message)
        return GenerationRecord()


def load_all(
    repository: Repository, forgotten: Collection[SnapshotId], collector: FindingCollector
) -> list[Snapshot]:
    """Load all snapshot records; damaged, foreign and missing ones become findings.

    ``forgotten`` are those that were removed on purpose. Where ``read_state`` could not tell, one
    that is missing may be one of these, and is no more than a warning.
    """
    loaded: list[Snapshot] = []
    ids = list_snapshot_ids(repository)
    for id_ in ids:
        try:
            snapshot = load_snapshot(repository, id_)
        except ObjectMissing:
            continue  # removed since it was listed
        except (DamageError, UnsupportedFormat) as error:
            kind = kind_of_refusal("snapshot", error)
            collector.error(kind, snapshot_key(id_), error.message).hits(id_, None)
            continue
        loaded.append(snapshot)
    loaded.sort(key=lambda snapshot: (snapshot.record.time, snapshot.id))
    for snapshot in loaded:
        if snapshot.record.repository_id != repository.config.repository_id:
            detail = "the record, or the repository's config, belongs to another repository"
            collector.error("snapshot-foreign", snapshot_key(snapshot.id), detail)
    for missing, namer in _missing(repository, loaded, {*ids, *forgotten}).items():
        detail = f"the snapshot after it, {namer.hex()[:12]}, names it"
        if any(map(collector.has_found, _STATE_UNREADABLE)):
            detail += "; it may have been forgotten: the record that would say so cannot be read"
            collector.warning("snapshot-missing", snapshot_key(missing), detail)
        else:
            collector.error("snapshot-missing", snapshot_key(missing), detail)
    return loaded


def _missing(
    repository: Repository, loaded: Sequence[Snapshot], known: Collection[SnapshotId]
) -> dict[SnapshotId, SnapshotId]:
    """Return the snapshots that are named as the one before and are not there, and who names them.

    What somebody has removed on purpose while the records were loaded is none of these.
    """
    found: dict[SnapshotId, SnapshotId] = {}
    for snapshot in loaded:
        previous = snapshot.record.previous
        if previous is not None and previous not in known:
            found.setdefault(previous, snapshot.id)
    if found:
        with suppress(DamageError, UnsupportedFormat):
            for forgotten in read_generation(repository.store).forgotten:
                found.pop(forgotten, None)
    # The memory of a removed one goes after the last snapshot that names it: asked in this order.
    return {lost: namer for lost, namer in found.items() if _is_there(repository, namer)}


def _is_there(repository: Repository, snapshot: SnapshotId) -> bool:
    try:
        repository.require_snapshot(snapshot)
    except SnapshotUnknown:
        return False
    return True
