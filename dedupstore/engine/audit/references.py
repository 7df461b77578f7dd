"""Following every snapshot to its chunks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from dedupstore.engine.audit.findings import FindingCollector
from dedupstore.engine.audit.twins import TwinCheck
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.keys import snapshot_key
from dedupstore.engine.latest_used import LatestUsed
from dedupstore.engine.monitor import kind_of_refusal
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import Snapshot
from dedupstore.engine.tree_reader import extent_batches, list_below, manifest_entries
from dedupstore.errors import DamageError, FormatError, UnsupportedFormat
from dedupstore.format.entry import (
    Content,
    Entry,
    check_level_extents,
    decode_entry,
    entry_contents,
    path_sort_key,
    split_entries,
)
from dedupstore.format.pieces import HOLE_ID, Extent, decode_extents, piece_body
from dedupstore.ids import ChunkId, PackId

_PIECES_HELD = 32 * 1024
_LISTS_HELD = 32 * 1024


class _SoundPiece(NamedTuple):
    """A piece of a manifest of which all is well: how much it covers, and from where to where."""

    covered_bytes: int
    first_key: bytes
    last_key: bytes


class ReferenceCheck:
    """Checks that every chunk a snapshot needs is known and sound.

    Pieces and chunk lists that were found sound in one snapshot are not gone through again for
    the next, so many snapshots of slowly changing logs cost little more than one: as many are
    remembered as some million files take, those that were met last. ``dead`` are the
    packs that were declared dead before the check began; what is only in these is missing. Files
    of which all chunks are sound are also given to ``twins``, if there is one.
    """

    def __init__(
        self,
        repository: Repository,
        reader: ChunkReader,
        dead: Collection[PackId],
        collector: FindingCollector,
        twins: TwinCheck | None = None,
    ) -> None:
        self._repository = repository
        self._reader = reader
        self._dead = dead
        self._collector = collector
        self._twins = twins
        self._sound_pieces: LatestUsed[bytes, _SoundPiece] = LatestUsed(_PIECES_HELD)
        self._sound_lists: LatestUsed[bytes, int] = LatestUsed(_LISTS_HELD)
        self._there_ahead: set[ChunkId] = set()

    def check(self, snapshot: Snapshot) -> None:
        """Check one snapshot.

        Raises:
            StorageError: the store could not deliver.
        """
        record = snapshot.record
        try:
            self._check_tree(snapshot, record.manifest, record.manifest_level, b"")
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
                    for batch in _id_batches(self._reader, entry):
                        found = self._repository.index.find(batch)
                        packs.update({location.pack for location in found.values()})
            except (DamageError, UnsupportedFormat):
                continue
        return packs

    def _check_tree(
        self, snapshot: Snapshot, id_: ChunkId, level: int, last_key: bytes
    ) -> tuple[_SoundPiece, bool]:
        """Check a piece of the manifest and all below it; return it, and whether all is sound.

        ``last_key`` is the sort key of the path before it.
        """
        known = self._sound_pieces.get(_at_level(id_, level))
        if known is not None:
            if known.first_key <= last_key:
                raise FormatError("the pieces of a manifest are out of order")
            return known, True
        piece = self._reader.read(id_)
        body = piece_body(piece, level)
        if level:
            found, sound = self._check_branches(snapshot, body, level, last_key)
        else:
            found, sound = self._check_entries(snapshot, len(piece), body, last_key)
        if sound:
            self._sound_pieces.put(_at_level(id_, level), found)
        return found, sound

    def _check_branches(
        self, snapshot: Snapshot, body: memoryview, level: int, last_key: bytes
    ) -> tuple[_SoundPiece, bool]:
        extents = decode_extents(body)
        check_level_extents(level - 1, extents)
        sound = True
        first_key: bytes | None = None
        for extent in extents:
            if extent.id == HOLE_ID:
                raise FormatError("a hole stands where a piece should be")
            below, below_sound = self._check_tree(snapshot, extent.id, level - 1, last_key)
            if below.covered_bytes != extent.extent_bytes:
                raise FormatError("a piece of a manifest has another length than its list says")
            sound &= below_sound
            first_key = below.first_key if first_key is None else first_key
            last_key = below.last_key
        covered_bytes = sum(extent.extent_bytes for extent in extents)
        return _SoundPiece(covered_bytes, first_key or b"", last_key), sound

    def _check_entries(
        self, snapshot: Snapshot, piece_bytes: int, body: memoryview, last_key: bytes
    ) -> tuple[_SoundPiece, bool]:
        sound = True
        first_key: bytes | None = None
        entries = [decode_entry(data) for data in split_entries(body)]
        # A look-up for each of many small files would take longer than all the rest.
        listed = _listed_chunks(entries)
        self._there_ahead = self._there(listed)
        all_listed = self._there_ahead.issuperset(listed) and (
            self._collector.unreliable.isdisjoint(listed)
        )
        for entry in entries:
            key = path_sort_key(entry.path)
            if key <= last_key:
                raise FormatError(f"a manifest is out of order at {entry.path[:200]!r}")
            first_key = key if first_key is None else first_key
            last_key = key
            if not all_listed or entry.twin is not None or entry.content.level:
                sound &= self._check_entry(snapshot, entry)
        return _SoundPiece(piece_bytes, first_key or b"", last_key), sound

    def _check_entry(self, snapshot: Snapshot, entry: Entry) -> bool:
        sound = True
        for content in entry_contents(entry):
            sound &= self._check_content(snapshot, entry.path, content)
        if sound and self._twins is not None:
            return self._twins.check(snapshot, entry)
        return sound

    def _check_content(self, snapshot: Snapshot, path: bytes, content: Content) -> bool:
        try:
            return self._check_extents(snapshot, path, content.extents, content.level)
        except (DamageError, UnsupportedFormat) as error:
            kind = kind_of_refusal("list", error)
            object_key = snapshot_key(snapshot.id)
            self._collector.error(kind, object_key, error.message).hits(snapshot.id, path)
            return False

    def _check_extents(
        self, snapshot: Snapshot, path: bytes, extents: Sequence[Extent], level: int
    ) -> bool:
        """Check part of a chunk list; return whether all of its chunks are sound."""
        if level == 0:
            ids = [extent.id for extent in extents if extent.id != HOLE_ID]
            return self._check_chunks(snapshot, path, ids)
        sound = True
        for extent in extents:
            if self._sound_lists.get(_at_level(extent.id, level)) == extent.extent_bytes:
                continue
            below = list_below(self._reader, extent, level)
            if self._check_extents(snapshot, path, below, level - 1):
                self._sound_lists.put(_at_level(extent.id, level), extent.extent_bytes)
            else:
                sound = False
        return sound

    def _check_chunks(self, snapshot: Snapshot, path: bytes, ids: list[ChunkId]) -> bool:
        there = self._there(ids)
        unreliable = self._collector.unreliable
        bad = [id_ for id_ in ids if id_ not in there or id_ in unreliable]
        for id_ in bad:
            finding = self._collector.about(id_)
            if finding is None:
                finding = self._collector.missing(id_, snapshot_key(snapshot.id))
            finding.hits(snapshot.id, path)
        return not bad

    def _there(self, ids: list[ChunkId]) -> set[ChunkId]:
        if self._there_ahead.issuperset(ids):
            return self._there_ahead
        known = self._repository.index.known(ids)
        if len(known) < len(set(ids)):
            # A prune may have declared packs dead since; to us they are still there.
            found = self._repository.index.find([id_ for id_ in ids if id_ not in known])
            known |= {id_ for id_, place in found.items() if place.pack not in self._dead}
        return known


def _at_level(piece: ChunkId, level: int) -> bytes:
    """Return a key for a piece as one of a level; it takes half the memory of a pair."""
    return piece + bytes((level,))


def _listed_chunks(entries: Sequence[Entry]) -> list[ChunkId]:
    """Return the chunks that entries list themselves, not in trees."""
    return [
        extent.id
        for entry in entries
        for content in entry_contents(entry)
        if not content.level
        for extent in content.extents
        if extent.id != HOLE_ID
    ]


def _id_batches(reader: ChunkReader, entry: Entry) -> Iterator[list[ChunkId]]:
    """Yield the ids of the chunks that a file needs, some at a time."""
    for content in entry_contents(entry):
        for batch in extent_batches(reader, content):
            yield [extent.id for extent in batch if extent.id != HOLE_ID]
