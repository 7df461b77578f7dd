"""Finding out what snapshots need, each distinct piece of a manifest being read once."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.monitor import SilentMonitor
from dedupstore.engine.reclaim.usage import Usage
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import Snapshot, list_snapshot_ids, load_snapshot
from dedupstore.errors import ChunkUnreadable, DamageError, ObjectMissing
from dedupstore.format.entry import Content, decode_entry, entry_contents, split_entries
from dedupstore.format.pieces import HOLE_ID, decode_extents, piece_body
from dedupstore.ids import ChunkId, PackId, SnapshotId

_LOOKUP_CHUNKS = 4096


class Marker:
    """Marks in ``usage`` all chunks that snapshots need, and remembers which these were.

    ``packs`` are those that the index knew at the start. ``pieces_read`` counts pieces of
    manifests and chunk lists. ``lost`` counts chunks of logs that are needed and nowhere.
    ``wrongly_dead`` are packs that were declared dead and hold what is needed, which no order of
    events should lead to. All of that holds for the places that chunks have in the index since
    ``openings`` (see ``HealingIndex``).
    """

    def __init__(self, repository: Repository, reader: ChunkReader) -> None:
        # Asked first, so that the index is open before its openings are counted.
        self.packs = repository.index.packs()
        self.openings = repository.index.openings
        self.usage = Usage()
        self.pieces_read = 0
        self.lost = 0
        self.wrongly_dead: set[PackId] = set()
        self._repository = repository
        self._reader = reader
        self._marked: set[SnapshotId] = set()
        self._waiting: list[ChunkId] = []
        self._met: dict[tuple[str, int], set[ChunkId]] = {}

    def mark_listed(self, *, but: Collection[SnapshotId] = (), quietly: bool = False) -> None:
        """Mark what all listed snapshots need that have not been marked yet, except ``but``.

        ``quietly`` tells the monitor nothing: it may take any time, and others may be waiting.

        Raises:
            DamageError, UnsupportedFormat: what a snapshot needs cannot be told.
            StorageError: the store could not deliver.
        """
        monitor = SilentMonitor() if quietly else self._repository.monitor
        ids = list_snapshot_ids(self._repository)
        found = (self._load(id_) for id_ in ids if id_ not in self._marked and id_ not in but)
        new = [snapshot for snapshot in found if snapshot is not None]
        # Oldest first: what comes later shares most of it, and lies behind it in the packs.
        new.sort(key=lambda snapshot: (snapshot.record.time, snapshot.id))
        monitor.begin("marking what snapshots need")
        try:
            for snapshot in new:
                self._mark(snapshot)
                self._marked.add(snapshot.id)
                monitor.advance(0, 1)
            self._mark_waiting()
        finally:
            monitor.end()

    def _load(self, id_: SnapshotId) -> Snapshot | None:
        try:
            return load_snapshot(self._repository, id_)
        except ObjectMissing:
            return None  # removed since it was listed
        except DamageError as error:
            raise _not_to_be_followed(id_, error) from error

    def _mark(self, snapshot: Snapshot) -> None:
        record = snapshot.record
        try:
            self._mark_manifest([record.manifest], record.manifest_level)
        except DamageError as error:
            raise _not_to_be_followed(snapshot.id, error) from error

    def _mark_manifest(self, pieces: Iterable[ChunkId], level: int) -> None:
        for piece in self._first_met("manifest", level, pieces):
            body = self._read(piece, level)
            if level:
                self._mark_manifest((e.id for e in decode_extents(body)), level - 1)
                continue
            for data in split_entries(body):
                for content in entry_contents(decode_entry(data)):
                    self._mark_content(content)

    def _mark_content(self, content: Content) -> None:
        ids = [extent.id for extent in content.extents if extent.id != HOLE_ID]
        if content.level:
            self._mark_lists(ids, content.level)
        else:
            self._mark_data(ids)

    def _mark_lists(self, pieces: Iterable[ChunkId], level: int) -> None:
        for piece in self._first_met("list", level, pieces):
            extents = decode_extents(self._read(piece, level))
            ids = [extent.id for extent in extents if extent.id != HOLE_ID]
            if level > 1:
                self._mark_lists(ids, level - 1)
            else:
                self._mark_data(ids)

    def _read(self, piece: ChunkId, level: int) -> memoryview:
        self.pieces_read += 1
        return piece_body(self._reader.read(piece), level)

    def _first_met(self, role: str, level: int, pieces: Iterable[ChunkId]) -> list[ChunkId]:
        """Mark pieces and return those that had not been; what is below these is to be marked.

        A log may hold the very bytes of a piece, and is then the same chunk: having been marked
        as something else does not count.
        """
        met = self._met.setdefault((role, level), set())
        new = [id_ for id_ in dict.fromkeys(pieces) if id_ not in met]
        marks = self._repository.index.marks(new)
        for id_ in new:
            if id_ not in marks:
                raise ChunkUnreadable(f"piece {id_.hex()[:16]} of a manifest is in no pack")
            self.usage.add(marks[id_])
        # By their ids, not by where an index that may be wrong says that they are.
        met.update(new)
        return new

    def _mark_data(self, ids: list[ChunkId]) -> None:
        self._waiting += ids
        if len(self._waiting) >= _LOOKUP_CHUNKS:
            self._mark_waiting()

    def _mark_waiting(self) -> None:
        ids, self._waiting = list(set(self._waiting)), []
        for begin in range(0, len(ids), _LOOKUP_CHUNKS):
            batch = ids[begin : begin + _LOOKUP_CHUNKS]
            marks = self._repository.index.marks(batch)
            for mark in marks.values():
                self.usage.add(mark)
            if len(marks) < len(batch):
                self._not_in_live_packs([id_ for id_ in batch if id_ not in marks])

    def _not_in_live_packs(self, ids: list[ChunkId]) -> None:
        found = self._repository.index.find(ids)
        self.lost += len(ids) - len(found)
        self.wrongly_dead.update(location.pack for location in found.values())


def _not_to_be_followed(id_: SnapshotId, error: DamageError) -> DamageError:
    return DamageError(
        f"snapshot {id_.hex()[:12]} cannot be followed to all it needs: {error.message}",
        hint="run dedupstore repair, or forget that snapshot",
    )
