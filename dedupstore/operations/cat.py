"""Writing one file of a snapshot to a stream."""

from __future__ import annotations

import os
from typing import BinaryIO

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.file_reader import (
    LossTally,
    describe_missing,
    read_what_is_left,
    zeros,
)
from dedupstore.engine.repository import Repository
from dedupstore.engine.selection import find_file
from dedupstore.engine.snapshots import Snapshot
from dedupstore.errors import ChunkUnreadable


def cat(repository: Repository, snapshot: Snapshot, path: str | bytes, output: BinaryIO) -> int:
    """Write the bytes of the file at ``path`` to ``output`` and return how many there were.

    Of a damaged file, what comes before the first missing byte is written.

    Raises:
        PathUnknown: the snapshot holds no file at that path.
        ChunkUnreadable: bytes of the file are missing; the message names all of them.
        DamageError, UnsupportedFormat, LockTimeout, StorageError: it cannot be read; what was
            written until then is right.
        OSError: ``output`` cannot be written.
    """
    written_bytes = 0
    with repository.session(reads=[snapshot.id]), ChunkReader(repository, salvages=True) as reader:
        entry = find_file(reader, snapshot, os.fsencode(path))
        tally = LossTally(read_what_is_left(reader, entry.content))
        for part_bytes, data, _ in tally:
            # What comes behind is read only to name all that is missing.
            if tally.missing:
                continue
            for piece in (data,) if data is not None else zeros(part_bytes):
                output.write(piece)
            written_bytes += part_bytes
    if tally.damage is not None:
        raise ChunkUnreadable(
            f"{describe_missing(tally.missing, entry.size)}: {tally.damage.message}",
            hint=_hint(repository, tally),
        ) from tally.damage
    return written_bytes


def _hint(repository: Repository, tally: LossTally) -> str | None:
    if tally.data_bytes:
        return "restore it: what is left goes to a file beside its name"
    if repository.store.is_writable():
        return "see what can be mended with: dedupstore repair --dry-run"
    return None
