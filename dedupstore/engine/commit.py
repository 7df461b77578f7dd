"""The order of commits: the one place where a snapshot comes to exist."""

from __future__ import annotations

from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.epochs import Session
from dedupstore.engine.generation import current_generation
from dedupstore.engine.keys import PACK_PREFIXES, snapshot_key
from dedupstore.engine.repository import Repository
from dedupstore.engine.reserve import renew_reserve
from dedupstore.engine.revalidation import revalidate
from dedupstore.errors import SnapshotUnknown, UsageError
from dedupstore.format.snapshot_record import SnapshotRecord, encode_snapshot_record
from dedupstore.ids import SnapshotId
from dedupstore.limits import SNAPSHOT_RECORD_BYTES_MAX


def commit_snapshot(
    repository: Repository, session: Session, writer: ChunkWriter, record: SnapshotRecord
) -> tuple[SnapshotId, int]:
    """Make a snapshot exist, and return its id and the bytes of its record.

    The order of writes, and what a crash leaves after each:

    1. Each pack is written under ``tmp/`` and synced. A crash leaves a file there, which no
       reader looks at.
    2. The pack is renamed to its name, and its folder is synced. A crash leaves a pack that no
       snapshot needs; the next command that opens the index reads it in, and the next snapshot
       of the same logs uses its chunks.
    3. The pack's chunks, with those of some before it, are added to the index in one synced
       transaction. A crash before leaves packs that the index does not know: as after step 2.
    4. Where packs have been declared dead since the session began, all that the snapshot needs is
       looked up again, and what only they hold is stored once more: steps 1 to 3.
    5. The names of all packs are synced: one that is used may be of a process that ended within
       step 2. While no pack can be declared dead (the lock ``switch``), the snapshot record is
       written under ``tmp/``, synced, renamed, and its folder is synced. Before the rename there
       is no snapshot; after it, there is, and all it needs is durable.

    Steps 1 to 3 repeat for each pack while a snapshot is being made; step 5 happens once, and only
    after ``writer.flush`` has done them for the last one. Nothing stored is modified in place.

    Raises:
        UsageError: the record would be too long to be read again; there is no snapshot.
        LockTimeout: another process kept the lock ``switch``; there is no snapshot.
        DamageError, NoSpace, StorageError: something could not be stored; there is no snapshot.
    """
    _encode(record)
    store = repository.store
    writer.flush()
    generation = session.generation
    while True:
        for prefix in PACK_PREFIXES.values():
            store.sync_names(prefix)
        with repository.switch_lock(exclusive=False):
            # An index that could not learn what is dead does not count either.
            agrees = repository.index.generation >= generation
            if current_generation(store) == generation and agrees:
                record = _without_lost_previous(repository, record)
                snapshot, data = _encode(record)
                store.put(snapshot_key(snapshot), [data])
                break
        generation = revalidate(repository, writer, record.manifest, record.manifest_level)
    renew_reserve(repository)
    return snapshot, len(data)


def _encode(record: SnapshotRecord) -> tuple[SnapshotId, bytes]:
    snapshot, data = encode_snapshot_record(record)
    if len(data) > SNAPSHOT_RECORD_BYTES_MAX:
        raise UsageError(
            f"the snapshot's record would be {len(data)} bytes long",
            hint="give fewer paths and tags",
        )
    return snapshot, data


def _without_lost_previous(repository: Repository, record: SnapshotRecord) -> SnapshotRecord:
    """Name no snapshot as the one before that has been removed meanwhile."""
    if record.previous is not None:
        try:
            repository.require_snapshot(record.previous)
        except SnapshotUnknown:
            return record._replace(previous=None)
    return record
