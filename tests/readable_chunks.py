"""What can be read of a repository, chunk by chunk: the measure of what damage and repair do."""

from __future__ import annotations

import hashlib
from pathlib import Path

import dedupstore
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.pack_reader import list_packs, read_table
from dedupstore.errors import DedupstoreError
from dedupstore.ids import ChunkId
from dedupstore.storage.local import LocalStore


def stored_chunks(folder: Path) -> frozenset[ChunkId]:
    """Return the ids of all chunks of a sound repository."""
    store = LocalStore(str(folder))
    tables = [read_table(store, pack) for pack in list_packs(store)]
    return frozenset(chunk.id for t in tables for block in t.blocks for chunk in block.chunks)


def readable_chunks(folder: Path, ids: frozenset[ChunkId]) -> set[ChunkId]:
    """Return those of ``ids`` that a reader gets."""
    found = set()
    with dedupstore.open_repository(folder) as repository, ChunkReader(repository) as reader:
        for id_ in sorted(ids):
            try:
                reader.read(id_)
            except DedupstoreError:
                continue
            found.add(id_)
    return found


def listed_snapshots(folder: Path) -> set[bytes]:
    """Return the ids of the snapshots that are listed."""
    with dedupstore.open_repository(folder) as repository:
        return {snapshot.id for snapshot in dedupstore.list_snapshots(repository)}


def contents_of_objects(folder: Path) -> set[str]:
    """Return a digest of the bytes of each record and pack, in place or in quarantine."""
    places = ("snapshots", "packs/data", "packs/manifest", "quarantine")
    return {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for place in places
        for path in (folder / place).glob("*")
    }
