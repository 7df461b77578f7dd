"""The order of commits: the one place where a snapshot comes to exist."""

from __future__ import annotations

from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.keys import snapshot_key
from dedupstore.engine.repository import Repository
from dedupstore.format.snapshot_record import SnapshotRecord, encode_snapshot_record
from dedupstore.ids import SnapshotId


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
        DamageError, NoSpace, StorageError: something could not be stored; there is no snapshot.
    """
    writer.flush()
    snapshot, data = encode_snapshot_record(record)
    repository.store.put(snapshot_key(snapshot), [data])
    return snapshot, len(data)
