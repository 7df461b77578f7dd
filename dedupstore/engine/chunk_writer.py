"""Storing chunks: each once, whoever brings it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from dedupstore.engine.closing import Closing
from dedupstore.engine.index_sync import index_entries
from dedupstore.engine.pack_writer import FinishedPack, PackWriter
from dedupstore.engine.repository import Repository
from dedupstore.engine.workers import worker_count
from dedupstore.format.hashing import digest
from dedupstore.format.pack import PackKind
from dedupstore.ids import ChunkId
from dedupstore.index.location import IndexedPack
from dedupstore.limits import BLOCK_BYTES_TARGET, MANIFEST_BLOCK_BYTES_TARGET


class ChunkWriter(Closing):
    """Stores chunks that the repository does not have yet; use it in a ``with`` block.

    Leaving the block without ``flush`` abandons what is not yet stored. With ``dry_run`` nothing
    is written, but everything is counted.

    ``bytes_new`` counts original bytes of chunks of logs that were not known; ``bytes_stored``
    what was added to the store.
    """

    def __init__(self, repository: Repository, *, dry_run: bool = False) -> None:
        self.bytes_new = 0
        self.bytes_stored = 0
        self._index = repository.index
        self._dry_run = dry_run
        self._unindexed: set[ChunkId] = set()
        self._stored_packs: list[FinishedPack] = []
        workers = worker_count()
        self._compressing = ThreadPoolExecutor(workers, "dedupstore-compress")
        self._storing = ThreadPoolExecutor(1, "dedupstore-store")
        self._packs = {
            kind: PackWriter(
                repository.store,
                kind,
                block_bytes_target=block_bytes_target,
                compressing=self._compressing,
                storing=self._storing,
                blocks_in_flight_max=workers,
                on_stored=self._stored_packs.append,
            )
            for kind, block_bytes_target in (
                (PackKind.DATA, BLOCK_BYTES_TARGET),
                (PackKind.MANIFEST, MANIFEST_BLOCK_BYTES_TARGET),
            )
        }

    def close(self) -> None:
        """Stop the threads; what is not flushed is abandoned."""
        self._compressing.shutdown(wait=True, cancel_futures=True)
        self._storing.shutdown(wait=True, cancel_futures=True)

    def add_data(self, chunks: Sequence[memoryview]) -> list[ChunkId]:
        """Store those of ``chunks`` that are new and return the ids of all, in order.

        Raises:
            DamageError, NoSpace, StorageError: something could not be stored.
        """
        ids = [digest(chunk) for chunk in chunks]
        known = self._index.known(ids)
        writer = self._packs[PackKind.DATA]
        for id_, chunk in zip(ids, chunks, strict=True):
            if id_ not in known and id_ not in self._unindexed:
                self.bytes_new += len(chunk)
                self._add_new(writer, id_, chunk)
        self._index_stored_packs()
        return ids

    def add_piece(self, piece: bytes) -> ChunkId:
        """Store a piece of a manifest or chunk list, if it is new, and return its id.

        Raises:
            DamageError, NoSpace, StorageError: something could not be stored.
        """
        id_ = digest(piece)
        if id_ not in self._unindexed and not self._index.known([id_]):
            self._add_new(self._packs[PackKind.MANIFEST], id_, memoryview(piece))
        return id_

    def flush(self) -> None:
        """Make all chunks durable and put them into the index.

        Raises:
            DamageError, NoSpace, StorageError: something could not be stored.
        """
        for writer in self._packs.values():
            writer.flush()
        self._index_stored_packs()

    def _add_new(self, writer: PackWriter, id_: ChunkId, chunk: memoryview) -> None:
        self._unindexed.add(id_)
        if not self._dry_run:
            writer.add(id_, chunk)

    def _index_stored_packs(self) -> None:
        if not self._stored_packs:
            return
        packs = [
            (
                IndexedPack(pack.id, pack.table.kind, pack.pack_bytes),
                list(index_entries(pack.table)),
            )
            for pack in self._stored_packs
        ]
        self._index.add_packs(packs)
        for pack, entries in packs:
            self._unindexed.difference_update(entry.id for entry in entries)
            self.bytes_stored += pack.pack_bytes
        self._stored_packs.clear()
