"""Making sure, before a snapshot is committed, that all it needs is stored for good.

A writer takes chunks that are stored already as they are. Where packs were declared dead since it
began, some of these may be in them: they are still there, as long as the writer is at work, and are
stored once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from dedupstore.chunking.chunks import Chunks
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.generation import read_generation
from dedupstore.engine.repository import Repository
from dedupstore.engine.tree_reader import content_extents
from dedupstore.format.entry import Content, decode_entry, entry_contents, split_entries
from dedupstore.format.pieces import HOLE_ID, decode_extents, piece_body
from dedupstore.ids import ChunkId

_LOOKUP_CHUNKS = 4096


def revalidate(
    repository: Repository, writer: ChunkWriter, manifest: ChunkId, manifest_level: int
) -> int:
    """Store again what a manifest needs and packs declared dead hold; flush the writer.

    Return the generation for which everything has been found to be stored.

    Raises:
        DamageError, UnsupportedFormat: something that is needed cannot be read back.
        NoSpace, StorageError: something could not be stored.
    """
    generation = read_generation(repository.store).generation
    repository.index.require_generation(generation)
    # What is stored from now on must not come out as a pack that has been declared dead.
    writer.use_generation(generation)
    with ChunkReader(repository) as reader:
        walk = _Walk(reader, writer)
        walk.manifest_piece(manifest, manifest_level)
        walk.finish()
    writer.flush()
    return generation


class _Walk:
    """Goes through all a manifest needs, each piece once."""

    def __init__(self, reader: ChunkReader, writer: ChunkWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._chunks: list[ChunkId] = []
        self._lists_seen: set[Content] = set()

    def read(self, id_: ChunkId) -> memoryview:
        """Return a piece, which is stored again if need be; see ``PieceReader``."""
        piece = self._reader.read(id_)
        self._writer.add_piece(bytes(piece))
        return piece

    def manifest_piece(self, id_: ChunkId, level: int) -> None:
        body = piece_body(self.read(id_), level)
        if level:
            for extent in decode_extents(body):
                self.manifest_piece(extent.id, level - 1)
            return
        for data in split_entries(body):
            for content in entry_contents(decode_entry(data)):
                self._content(content)

    def finish(self) -> None:
        self._store_missing(self._chunks)

    def _content(self, content: Content) -> None:
        if content.level:
            if content in self._lists_seen:
                return
            self._lists_seen.add(content)
        self._chunks += [
            extent.id for extent in content_extents(self, content) if extent.id != HOLE_ID
        ]
        if len(self._chunks) >= _LOOKUP_CHUNKS:
            self._store_missing(self._chunks)
            self._chunks = []

    def _store_missing(self, ids: Iterable[ChunkId]) -> None:
        for batch in _batches(ids):
            missing = self._writer.missing(batch)
            wanted = [id_ for id_ in dict.fromkeys(batch) if id_ in missing]
            for chunk in self._reader.stream(wanted):
                self._writer.add_data(Chunks.of_one(chunk))


def _batches(ids: Iterable[ChunkId]) -> Iterator[list[ChunkId]]:
    remaining = iter(ids)
    while batch := list(islice(remaining, _LOOKUP_CHUNKS)):
        yield batch
