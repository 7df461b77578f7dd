"""Writing one file of a snapshot to a stream."""

from __future__ import annotations

import os
from typing import BinaryIO

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.file_reader import read_file_parts, zeros
from dedupstore.engine.repository import Repository
from dedupstore.engine.selection import find_file
from dedupstore.engine.snapshots import Snapshot


def cat(repository: Repository, snapshot: Snapshot, path: str | bytes, output: BinaryIO) -> int:
    """Write the bytes of the file at ``path`` to ``output`` and return how many there were.

    Raises:
        PathUnknown: the snapshot holds no file at that path.
        DamageError, UnsupportedFormat, LockTimeout, StorageError: it cannot be read; what was
            written until then is right.
        OSError: ``output`` cannot be written.
    """
    written_bytes = 0
    with repository.shared_lock(), ChunkReader(repository) as reader:
        entry = find_file(reader, snapshot, os.fsencode(path))
        for part_bytes, data in read_file_parts(reader, entry.content):
            for piece in (data,) if data is not None else zeros(part_bytes):
                output.write(piece)
            written_bytes += part_bytes
    return written_bytes
