"""Snapshots of entries that no source has: stored as they are, without reading files."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import dedupstore
from dedupstore.chunking.chunks import Chunks
from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.commit import commit_snapshot
from dedupstore.engine.tree_writer import ManifestWriter
from dedupstore.format.entry import Content, Entry, path_sort_key
from dedupstore.format.pieces import Extent
from dedupstore.format.snapshot_record import SnapshotCounts, SnapshotRecord


def store_snapshot(
    repository: dedupstore.Repository, make_entries: Callable[[ChunkWriter], Iterable[Entry]]
) -> dedupstore.Snapshot:
    """Store a snapshot of the entries that a function makes, which may store chunks for them."""
    with repository.session() as session, ChunkWriter(repository, session) as writer:
        manifest = ManifestWriter(writer.add_piece)
        entries = sorted(make_entries(writer), key=lambda entry: path_sort_key(entry.path))
        for entry in entries:
            manifest.add(entry)
        id_, level = manifest.finish()
        size = sum(entry.size for entry in entries)
        record = SnapshotRecord(
            repository_id=repository.config.repository_id,
            time=repository.clock.now(),
            set_name="stored",
            host="stored",
            paths=(b"/",),
            tags=(),
            manifest=id_,
            manifest_level=level,
            counts=SnapshotCounts(len(entries), 0, 0, size, size),
            previous=None,
            program="stored",
        )
        snapshot, _ = commit_snapshot(repository, session, writer, record)
    return dedupstore.load_snapshot(repository, snapshot)


def store_content(writer: ChunkWriter, data: bytes, chunk_bytes: int = 4096) -> Content:
    """Store bytes in chunks of one length, at most 32, and return their list."""
    ends = [min(begin + chunk_bytes, len(data)) for begin in range(0, len(data), chunk_bytes)]
    chunks = Chunks(memoryview(data), 0, ends)
    extents = map(Extent, chunks.lengths(), writer.add_data(chunks))
    return Content(0, tuple(extents))
