"""Loading the records of all snapshots and of removals, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection

from dedupstore.engine.audit.findings import FindingCollector
from dedupstore.engine.generation import current_generation, read_generation
from dedupstore.engine.keys import generation_key, snapshot_key
from dedupstore.engine.monitor import kind_of_refusal
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import Snapshot, list_snapshot_ids, load_snapshot
from dedupstore.errors import DamageError, ObjectMissing, UnsupportedFormat
from dedupstore.format.generation_record import GenerationRecord
from dedupstore.ids import SnapshotId


def read_state(repository: Repository, collector: FindingCollector) -> GenerationRecord:
    """Return what was removed on purpose; nothing, and a finding, where that cannot be read.

    Raises:
        StorageError: the store could not deliver.
    """
    try:
        return read_generation(repository.store)
    except (DamageError, UnsupportedFormat) as error:
        kind = kind_of_refusal("generation", error)
        generation = current_generation(repository.store)
        collector.error(kind, generation_key(generation), error.message)
        return GenerationRecord()


def load_all(
    repository: Repository, forgotten: Collection[SnapshotId], collector: FindingCollector
) -> list[Snapshot]:
    """Load all snapshot records; damaged, foreign and missing ones become findings.

    ``forgotten`` are those that were removed on purpose.
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
    known = {*ids, *forgotten}
    for snapshot in loaded:
        record = snapshot.record
        if record.repository_id != repository.config.repository_id:
            detail = "the record, or the repository's config, belongs to another repository"
            collector.error("snapshot-foreign", snapshot_key(snapshot.id), detail)
        if record.previous is not None and record.previous not in known:
            known.add(record.previous)
            detail = f"the snapshot after it, {snapshot.id.hex()[:12]}, names it"
            collector.error("snapshot-missing", snapshot_key(record.previous), detail)
    return loaded
