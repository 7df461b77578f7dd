"""How much a repository, or some of its snapshots, holds and takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.keys import OBJECT_PREFIXES, PARITY_PREFIXES
from dedupstore.engine.pack_reader import list_packs
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import Snapshot, load_snapshots
from dedupstore.engine.tree_reader import content_extents, manifest_entries
from dedupstore.format.entry import entry_contents
from dedupstore.format.pack import PackKind
from dedupstore.format.pieces import HOLE_ID
from dedupstore.ids import ChunkId, PackId

_LOOKUP_CHUNKS = 4096


@dataclass(frozen=True, slots=True)
class Stats:
    """Sizes in bytes.

    ``bytes_original`` is what restoring each snapshot would write, all added up;
    ``bytes_unique`` the chunks of that, each counted once; ``bytes_stored`` what they take in the
    repository. ``chunks`` are those of logs, ``packs`` are all. For some snapshots only,
    ``bytes_stored`` adds up the blocks, and ``packs`` counts the packs, that hold their chunks.

    Of a file with a twin, ``bytes_original`` counts the file, and ``bytes_unique`` the text and the
    recipe that it is stored as.
    """

    snapshots: int
    bytes_original: int
    bytes_unique: int
    bytes_stored: int
    chunks: int
    packs: int

    @property
    def dedup_ratio(self) -> float:
        """Original bytes for each unique byte; 1 where there is nothing."""
        return self.bytes_original / self.bytes_unique if self.bytes_unique else 1.0

    @property
    def compression_ratio(self) -> float:
        """Unique bytes for each stored byte; 1 where there is nothing."""
        return self.bytes_unique / self.bytes_stored if self.bytes_stored else 1.0


def stats(repository: Repository, snapshots: Sequence[Snapshot] = ()) -> Stats:
    """Return the sizes of ``snapshots``, or of the whole repository where none are given.

    Raises:
        DamageError, UnsupportedFormat, LockTimeout, StorageError: something cannot be read.
    """
    with repository.session(reads=[snapshot.id for snapshot in snapshots]):
        if snapshots:
            return _of_snapshots(repository, snapshots)
        return _of_repository(repository)


def _of_repository(repository: Repository) -> Stats:
    records = [snapshot.record for snapshot in load_snapshots(repository)]
    prefixes = (*OBJECT_PREFIXES, *PARITY_PREFIXES.values())
    objects = [info for prefix in prefixes for info in repository.store.list_objects(prefix)]
    totals = repository.index.totals(PackKind.DATA)
    return Stats(
        snapshots=len(records),
        bytes_original=sum(record.counts.content_bytes for record in records),
        bytes_unique=totals.chunks_bytes,
        bytes_stored=sum(info.object_bytes for info in objects),
        chunks=totals.chunks,
        packs=sum(1 for _ in list_packs(repository.store)),
    )


def _of_snapshots(repository: Repository, snapshots: Sequence[Snapshot]) -> Stats:
    with ChunkReader(repository) as reader:
        unique: dict[ChunkId, int] = {}
        for record in (snapshot.record for snapshot in snapshots):
            for entry in manifest_entries(reader, record.manifest, record.manifest_level):
                for content in entry_contents(entry):
                    for extent in content_extents(reader, content):
                        if extent.id != HOLE_ID:
                            unique[extent.id] = extent.extent_bytes
    stored_bytes, packs = _stored_share(repository, unique)
    return Stats(
        snapshots=len(snapshots),
        bytes_original=sum(snapshot.record.counts.content_bytes for snapshot in snapshots),
        bytes_unique=sum(unique.values()),
        bytes_stored=stored_bytes,
        chunks=len(unique),
        packs=len(packs),
    )


def _stored_share(repository: Repository, unique: dict[ChunkId, int]) -> tuple[int, set[PackId]]:
    """Add up the blocks that hold the chunks, each block once."""
    blocks: dict[tuple[PackId, int], int] = {}
    ids = iter(unique)
    while batch := list(islice(ids, _LOOKUP_CHUNKS)):
        for location in repository.index.find(batch).values():
            blocks[location.pack, location.block_offset] = location.block_bytes
    return sum(blocks.values()), {pack for pack, _ in blocks}
