"""Storing chunks: each once, whoever brings it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from dedupstore.chunking.chunks import Chunks
from dedupstore.engine.block_encoder import EncodedBlock
from dedupstore.engine.closing import Closing
from dedupstore.engine.compression import COMPRESSING_MAX, Compression, Levels
from dedupstore.engine.epochs import Session
from dedupstore.engine.index_sync import index_entries, index_row
from dedupstore.engine.pack_writer import FinishedPack, PackWriter
from dedupstore.engine.parity import parity_maker
from dedupstore.engine.repository import Repository
from dedupstore.engine.small_chunks import SmallChunks
from dedupstore.engine.workers import worker_count
from dedupstore.format.hashing import digest, digests
from dedupstore.format.pack import PackKind
from dedupstore.ids import ChunkId, PackId
from dedupstore.limits import BLOCK_BYTES_TARGET, MANIFEST_BLOCK_BYTES_TARGET

_STORED_AT_ONCE = 16 * 1024
_MOVED_AT_ONCE = 64 * 1024
"""Chunks that enter the index in one transaction, for which all else waits until it is durable.

If they never do, they do when the index is opened. What is moved lies closer together there when
it is more.
"""


class ChunkWriter(Closing):
    """Stores chunks that the repository does not have yet; use it in a ``with`` block.

    ``session`` is the one under way, which keeps what is stored from being taken for garbage.
    With ``replace``, what is stored takes the place of what is known; ``levels`` say how it is
    compressed. With ``dry_run`` nothing is written, but everything is counted. Leaving the block
    without ``flush`` abandons what is not yet stored.

    ``bytes_stored`` counts what was added to the store, in the packs ``pack_ids_stored``.
    """

    def __init__(
        self,
        repository: Repository,
        session: Session,
        *,
        dry_run: bool = False,
        replace: bool = False,
        levels: Levels = Compression.AUTO.levels,
    ) -> None:
        self.bytes_stored = 0
        self.pack_ids_stored: set[PackId] = set()
        self._index = repository.index
        self._dry_run = dry_run
        self._replace = replace
        self._bytes_new = 0
        self._small = SmallChunks()
        self._unindexed: set[ChunkId] = set()
        self._stored_packs: list[FinishedPack] = []
        percent = repository.config.parity_percent
        # Found out before anything is written: parity needs a library that may be missing.
        parity = parity_maker(percent) if percent is not None and not dry_run else None
        workers = min(worker_count(), COMPRESSING_MAX)
        self._compressing = ThreadPoolExecutor(workers, "dedupstore-compress")
        self._storing = ThreadPoolExecutor(1, "dedupstore-store")
        self._packs = {
            kind: PackWriter(
                repository.store,
                kind,
                generation=session.generation,
                block_bytes_target=block_bytes_target,
                compressing=self._compressing,
                storing=self._storing,
                blocks_in_flight_max=workers,
                on_stored=self._stored_packs.append,
                parity=parity,
                levels=levels,
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

    def add_data(self, chunks: Chunks) -> list[ChunkId]:
        """Store those of ``chunks`` that are new and return the ids of all, in order.

        Raises:
            DamageError, NoSpace, StorageError: something could not be stored.
        """
        ids = digests(chunks.views())
        self.add_hashed(ids, chunks)
        return ids

    def add_hashed(self, ids: Sequence[ChunkId], chunks: Chunks) -> None:
        """Store those of ``chunks`` that are new, sooner or later; ``ids`` are theirs, in order.

        Raises:
            DamageError, NoSpace, StorageError: something could not be stored.
        """
        if self._small.take(ids, chunks):
            return
        self._store_small()
        if not self._small.take(ids, chunks):
            self._store_new(ids, chunks)

    def missing(self, ids: Sequence[ChunkId]) -> set[ChunkId]:
        """Return those of ``ids`` that are neither stored nor about to be.

        Raises:
            NoSpace, StorageError: the index cannot be used.
        """
        return set(ids) - self._index.known(ids) - self._unindexed

    def add_piece(self, piece: bytes) -> ChunkId:
        """Store a piece of a manifest or chunk list, if it is new, and return its id.

        Raises:
            DamageError, NoSpace, StorageError: something could not be stored.
        """
        id_ = digest(piece)
        if self.missing([id_]):
            piece_alone = Chunks.of_one(memoryview(piece))
            self._add_new(self._packs[PackKind.MANIFEST], [id_], piece_alone)
        return id_

    def use_generation(self, generation: int) -> None:
        """Name the packs that are begun from now on for another generation."""
        for writer in self._packs.values():
            writer.generation = generation

    def use_level(self, kind: PackKind, level: int) -> None:
        """Compress at one level what is copied into packs of a kind from now on.

        Raises:
            DamageError, NoSpace, StorageError: something could not be stored.
        """
        self._packs[kind].use_level(level)

    def copy_chunk(self, kind: PackKind, id_: ChunkId, chunk: memoryview) -> None:
        """Store a chunk whether it is known or not.

        Raises:
            DamageError, NoSpace, StorageError: something could not be stored.
        """
        self._add_new(self._packs[kind], [id_], Chunks.of_one(chunk))
        self._index_stored_packs()

    def copy_block(self, kind: PackKind, block: EncodedBlock) -> None:
        """Store a block as it is, whether its chunks are known or not.

        Raises:
            DamageError, NoSpace, StorageError: something could not be stored.
        """
        self._unindexed.update(chunk.id for chunk in block.chunks)
        self._packs[kind].add_block(block)
        self._index_stored_packs()

    def count_new(self) -> int:
        """Return how many original bytes of chunks of logs were not known before they were added.

        Raises:
            DamageError, NoSpace, StorageError: something could not be stored.
        """
        self._store_small()
        return self._bytes_new

    def flush(self) -> None:
        """Make all chunks durable and put them into the index.

        Raises:
            DamageError, NoSpace, StorageError: something could not be stored.
        """
        self._store_small()
        # Each step of all writers before the next, so that their threads work at the same time.
        for step in (PackWriter.close_block, PackWriter.close_pack, PackWriter.flush):
            for writer in self._packs.values():
                step(writer)
        self._index_stored_packs(all_of_them=True)

    def _store_small(self) -> None:
        ids, chunks = self._small.empty()
        if ids:
            self._store_new(ids, chunks)

    def _store_new(self, ids: Sequence[ChunkId], chunks: Chunks) -> None:
        missing = self.missing(ids)
        if not missing:
            return
        writer = self._packs[PackKind.DATA]
        for first, stop in _runs_of(missing, ids):
            run = chunks.part(first, stop)
            self._bytes_new += run.ends[-1] - run.begin
            self._add_new(writer, ids[first:stop], run)
        self._index_stored_packs()

    def _add_new(self, writer: PackWriter, ids: Sequence[ChunkId], chunks: Chunks) -> None:
        self._unindexed.update(ids)
        if not self._dry_run:
            writer.add(ids, chunks)

    def _index_stored_packs(self, *, all_of_them: bool = False) -> None:
        waiting_chunks = sum(pack.table.chunk_count for pack in self._stored_packs)
        if not waiting_chunks:
            return
        at_once = _MOVED_AT_ONCE if self._replace else _STORED_AT_ONCE
        if not all_of_them and waiting_chunks < at_once:
            return
        packs = [
            (
                index_row(pack.id, pack.pack_bytes, pack.table),
                list(index_entries(pack.table)),
            )
            for pack in self._stored_packs
        ]
        if self._replace:
            self._index.move_to_packs(packs)
        else:
            self._index.add_packs(packs)
        for pack, entries in packs:
            self._unindexed.difference_update(entry.id for entry in entries)
            self.pack_ids_stored.add(pack.id)
            self.bytes_stored += pack.pack_bytes
        self.bytes_stored += sum(pack.parity_bytes for pack in self._stored_packs)
        self._stored_packs.clear()


def _runs_of(missing: set[ChunkId], ids: Sequence[ChunkId]) -> Iterator[tuple[int, int]]:
    """Yield where in ``ids`` those lie that are ``missing``, each once: first, and behind last."""
    if len(missing) == len(ids):
        yield 0, len(ids)
        return
    first = 0
    for number, id_ in enumerate(ids):
        if id_ in missing:
            missing.discard(id_)
            continue
        if first < number:
            yield first, number
        first = number + 1
    if first < len(ids):
        yield first, len(ids)
