"""Following every snapshot to its chunks."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice

from dedupstore.engine.audit.findings import FindingCollector
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.keys import snapshot_key
from dedupstore.engine.monitor import kind_of_refusal
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import Snapshot
from dedupstore.engine.tree_reader import content_extents, manifest_entries, manifest_pieces
from dedupstore.errors import DamageError, UnsupportedFormat
from dedupstore.format.entry import Content, decode_entry, path_sort_key, split_entries
from dedupstore.format.hashing import digest
from dedupstore.format.pieces import HOLE_ID, piece_body
from dedupstore.ids import ChunkId, PackId

_LOOKUP_CHUNKS = 4096


class ReferenceCheck:
    """Checks that every chunk a snapshot needs is known and sound.

    Pieces and chunk lists that were found sound in one snapshot are not gone through again for
    the next, so many snapshots of slowly changing logs cost little more than one. ``dead`` are the
    packs that were declared dead before the check began; what is only in these is missing.
    """

    def __init__(
        self,
        repository: Repository,
        reader: ChunkReader,
        dead: Collection[PackId],
        collector: FindingCollector,
    ) -> None:
        self._repository = repository
        self._reader = reader
        self._dead = dead
        self._collector = collector
        self._sound_pieces: set[ChunkId] = set()
        self._sound_contents: set[Content] = set()

    def check(self, snapshot: Snapshot) -> None:
        """Check one snapshot.

        Raises:
            StorageError: the store could not deliver.
        """
        record = snapshot.record
        last_key = b""
        try:
            for piece in manifest_pieces(self._reader, record.manifest, record.manifest_level):
                last_key = self._check_piece(snapshot, piece, last_key)
        except (DamageError, UnsupportedFormat) as error:
            kind = kind_of_refusal("manifest", error)
            object_key = snapshot_key(snapshot.id)
            self._collector.error(kind, object_key, error.message).hits(snapshot.id, None)

    def packs_of(self, snapshots: list[Snapshot]) -> set[PackId]:
        """Return the packs that hold the chunks of files in ``snapshots``.

        What of a manifest cannot be read is passed over; ``check`` tells of it.

        Raises:
            StorageError: the store could not deliver.
        """
        packs: set[PackId] = set()
        for record in (snapshot.record for snapshot in snapshots):
            try:
                for entry in manifest_entries(self._reader, record.manifest, record.manifest_level):
                    for batch in _id_batches(self._reader, entry.content):
                        found = self._repository.index.find(batch)
                        packs.update({location.pack for location in found.values()})
            except (DamageError, UnsupportedFormat):
                continue
        return packs

    def _check_piece(self, snapshot: Snapshot, piece: memoryview, last_key: bytes) -> bytes:
        """Check the files of one piece; return the sort key of its last path."""
        piece_id = digest(piece)
        sound = True
        for data in split_entries(piece_body(piece, 0)):
            entry = decode_entry(data)
            key = path_sort_key(entry.path)
            if key <= last_key:
                raise DamageError(f"a manifest is out of order at {entry.path[:200]!r}")
            last_key = key
            if piece_id not in self._sound_pieces:
                sound &= self._check_content(snapshot, entry.path, entry.content)
        if sound:
            self._sound_pieces.add(piece_id)
        return last_key

    def _check_content(self, snapshot: Snapshot, path: bytes, content: Content) -> bool:
        if content.level and content in self._sound_contents:
            return True
        sound = True
        try:
            for bad in self._bad_chunks(content):
                sound = False
                finding = self._collector.about(bad)
                if finding is None:
                    finding = self._collector.missing(bad, snapshot_key(snapshot.id))
                finding.hits(snapshot.id, path)
        except (DamageError, UnsupportedFormat) as error:
            sound = False
            kind = kind_of_refusal("list", error)
            object_key = snapshot_key(snapshot.id)
            self._collector.error(kind, object_key, error.message).hits(snapshot.id, path)
        if sound and content.level:
            self._sound_contents.add(content)
        return sound

    def _bad_chunks(self, content: Content) -> Iterator[ChunkId]:
        for batch in _id_batches(self._reader, content):
            there = self._there(batch)
            for id_ in batch:
                if id_ not in there or self._collector.about(id_) is not None:
                    yield id_

    def _there(self, ids: list[ChunkId]) -> set[ChunkId]:
        known = self._repository.index.known(ids)
        if len(known) < len(set(ids)):
            # A prune may have declared packs dead since; to us they are still there.
            found = self._repository.index.find([id_ for id_ in ids if id_ not in known])
            known |= {id_ for id_, place in found.items() if place.pack not in self._dead}
        return known


def _id_batches(reader: ChunkReader, content: Content) -> Iterator[list[ChunkId]]:
    """Yield the ids of a file's chunks, some at a time."""
    ids = (extent.id for extent in content_extents(reader, content) if extent.id != HOLE_ID)
    while batch := list(islice(ids, _LOOKUP_CHUNKS)):
        yield batch
