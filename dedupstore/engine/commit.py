"""The order of commits: the one place where a snapshot comes to exist."""

from __future__ import annotations

from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.keys import snapshot_key
from dedupstore.engine.repository import Repository
from dedupstore.errors import UsageError
from dedupstore.format.snapshot_record import SnapshotRecord, encode_snapshot_record
from dedupstore.ids import SnapshotId
from dedupstore.limits import SNAPSHOT_RECORD_BYTES_MAX


def commit_snapshot(
    repository: Repository, writer: ChunkWriter, record: SnapshotRecord
) -> tuple[SnapshotId, int]:
    """Make a snapshot exist, and return its id and the bytes of its record.

    The order of writes, and what a crash leaves after each:

    1. Each pack is written under ``tmp/`` and synced. A crash leaves a file there, which no
       reader looks at.
    2. The pack is renamed to its name, and its folder is synced. A crash leaves a pack that no
       snapshot needs; the next command that opens the index reads it in, and the next snapshot
       of the same logs uses its chunks.
    3. The pack's chunks are added to the index in one synced transaction. A crash before leaves a
       pack that the index does not know: as after step 2.
    4. The snapshot record is written under ``tmp/``, synced, renamed, and its folder is synced.
       Before the rename there is no snapshot; after it, there is, and all it needs is durable.

    Steps 1 to 3 repeat for each pack while a snapshot is being made; step 4 happens once, and only
    after ``writer.flush`` has done them for the last one. Nothing stored is modified in place.

    Raises:
        UsageError: the record would be too long to be read again; there is no snapshot.
        DamageError, NoSpace, StorageError: something could not be stored; there is no snapshot.
    """
    snapshot, data = encode_snapshot_record(record)
    if len(data) > SNAPSHOT_RECORD_BYTES_MAX:
        raise UsageError(
            f"the snapshot's record would be {len(data)} bytes long",
            hint="give fewer paths and tags",
        )
    writer.flush()
    repository.store.put(snapshot_key(snapshot), [data])
    return snapshot, len(data)
