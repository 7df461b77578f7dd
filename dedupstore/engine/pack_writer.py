"""Collecting chunks into blocks and blocks into packs, compressed and stored by threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import NamedTuple

from dedupstore.chunking.chunks import Chunks
from dedupstore.engine.block_encoder import EncodedBlock, OpenBlock, encode_open_block
from dedupstore.engine.buffers import fresh_buffer
from dedupstore.engine.compression import Levels
from dedupstore.engine.keys import pack_key
from dedupstore.engine.parity import ParityMaker
from dedupstore.format.codecs import LEVEL_MAX
from dedupstore.format.hashing import digest_parts
from dedupstore.format.pack import (
    PACK_HEADER_BYTES,
    BlockInfo,
    PackKind,
    PackTable,
    encode_pack_header,
    encode_table_and_trailer,
)
from dedupstore.ids import ChunkId, PackId
from dedupstore.limits import PACK_BYTES_TARGET, PACK_CHUNKS_TARGET
from dedupstore.storage.contract import WriteStore


class FinishedPack(NamedTuple):
    """A pack that has been stored durably, with ``parity_bytes`` of parity beside it."""

    id: PackId
    pack_bytes: int
    table: PackTable
    parity_bytes: int = 0


class PackWriter:
    """Writes packs of one kind.

    ``generation`` is that of the repository for which the writer knows what is stored: it goes
    into each pack. ``compressing`` and ``storing`` run the two slow steps; at most
    ``blocks_in_flight_max`` blocks and one pack are in their hands. ``on_stored`` is called, in the
    thread that uses the writer, for each pack that has become durable. ``levels`` say how blocks
    are compressed.
    """

    def __init__(
        self,
        store: WriteStore,
        kind: PackKind,
        *,
        generation: int,
        block_bytes_target: int,
        compressing: Executor,
        storing: Executor,
        blocks_in_flight_max: int,
        on_stored: Callable[[FinishedPack], None],
        levels: Levels,
        parity: ParityMaker | None = None,
    ) -> None:
        self._store = store
        self._kind = kind
        self.generation = generation
        self._block_bytes_target = block_bytes_target
        self._compressing = compressing
        self._storing = storing
        self._blocks_in_flight_max = blocks_in_flight_max
        self._on_stored = on_stored
        self._parity = parity
        self._levels = levels
        self._free_buffers: list[memoryview] = []
        self._open_block: OpenBlock | None = None
        self._has_submitted = False
        self._in_flight: deque[tuple[Future[EncodedBlock], memoryview]] = deque()
        self._pack_parts: list[bytes | memoryview] = []
        self._pack_blocks: list[BlockInfo] = []
        self._pack_end = PACK_HEADER_BYTES
        self._pack_chunks = 0
        self._pack_level = LEVEL_MAX
        self._being_stored: Future[FinishedPack] | None = None

    def add(self, ids: Sequence[ChunkId], chunks: Chunks) -> None:
        """Take copies of new chunks; waits while too much is in flight.

        Raises:
            DamageError, NoSpace, StorageError: an earlier block or pack failed.
        """
        done = 0
        while done < len(ids):
            block = self._open_block
            if block is None:
                first_bytes = chunks.ends[done] - (chunks.ends[done - 1] if done else chunks.begin)
                block = self._open_block = OpenBlock(self._take_buffer(first_bytes))
            taken = block.add(ids, chunks, done)
            done += taken
            if done < len(ids):
                self._submit_block(block)
                self._open_block = None

    def use_level(self, level: int) -> None:
        """Compress at one level what is added from now on, apart from what was added before.

        Raises:
            DamageError, NoSpace, StorageError: an earlier block or pack failed.
        """
        levels = Levels(level, level)
        if levels != self._levels:
            self.close_block()
            self._levels = levels

    def close_block(self) -> None:
        """Let what was added so far be compressed, however little it is.

        Raises:
            DamageError, NoSpace, StorageError: an earlier block or pack failed.
        """
        if self._open_block is not None:
            # Frequent snapshots bring little, and a small block compresses badly: time is spent
            # where there is only one.
            self._submit_block(self._open_block, is_only=not self._has_submitted)
            self._open_block = None

    def close_pack(self) -> None:
        """Let everything added so far be stored, however little it is.

        Raises:
            DamageError, NoSpace, StorageError: a block or pack failed.
        """
        self.close_block()
        while self._in_flight:
            self._append_oldest()
        if self._pack_parts:
            self._store_pack()

    def flush(self) -> None:
        """Make everything added so far durable and tell of it.

        Raises:
            DamageError, NoSpace, StorageError: a block or pack failed.
        """
        self.close_pack()
        self._await_stored()

    def _take_buffer(self, chunk_bytes: int) -> memoryview:
        """Return a buffer for a block: one used before, since fresh memory costs page faults."""
        if chunk_bytes > self._block_bytes_target:
            return fresh_buffer(chunk_bytes)
        if self._free_buffers:
            return self._free_buffers.pop()
        return fresh_buffer(self._block_bytes_target)

    def _submit_block(self, block: OpenBlock, *, is_only: bool = False) -> None:
        self._has_submitted = True
        while len(self._in_flight) >= self._blocks_in_flight_max:
            self._append_oldest()
        encoding = self._compressing.submit(
            encode_open_block, block, self._levels.only if is_only else self._levels.each
        )
        self._in_flight.append((encoding, block.buffer))
        while self._in_flight and self._in_flight[0][0].done():
            self._append_oldest()

    def _append_oldest(self) -> None:
        encoding, buffer = self._in_flight[0]
        # A block that failed stays the oldest, so that nothing can be finished without it.
        encoded = encoding.result()
        self._in_flight.popleft()
        if len(buffer) == self._block_bytes_target:
            self._free_buffers.append(buffer)
        self.add_block(encoded)

    def add_block(self, encoded: EncodedBlock) -> None:
        """Append a block that is encoded already.

        Raises:
            NoSpace, StorageError: an earlier pack failed.
        """
        self._pack_blocks.append(encoded.at(self._pack_end))
        self._pack_parts.append(encoded.data)
        self._pack_end += len(encoded.data)
        self._pack_chunks += len(encoded.chunks)
        self._pack_level = min(self._pack_level, encoded.level)
        if self._pack_end >= PACK_BYTES_TARGET or self._pack_chunks >= PACK_CHUNKS_TARGET:
            self._store_pack()

    def _store_pack(self) -> None:
        self._await_stored()
        table = PackTable(self._kind, tuple(self._pack_blocks), self.generation, self._pack_level)
        parts = [encode_pack_header(self._kind), *self._pack_parts]
        self._being_stored = self._storing.submit(
            store_pack, self._store, table, parts, self._parity
        )
        self._pack_parts, self._pack_blocks = [], []
        self._pack_end = PACK_HEADER_BYTES
        self._pack_chunks = 0
        self._pack_level = LEVEL_MAX

    def _await_stored(self) -> None:
        if self._being_stored is not None:
            stored, self._being_stored = self._being_stored.result(), None
            self._on_stored(stored)


def store_pack(
    store: WriteStore,
    table: PackTable,
    parts: list[bytes | memoryview],
    parity: ParityMaker | None = None,
) -> FinishedPack:
    """Finish a pack with its table, name it by its BLAKE3 and put it into the store.

    ``parts`` are the header and the blocks that ``table`` lists. The parity follows the pack, if
    there is what makes it.

    Raises:
        NoSpace, StorageError: the store refused.
    """
    parts = [*parts, encode_table_and_trailer(table)]
    pack = digest_parts(parts)
    store.put(pack_key(table.kind, pack), parts)
    parity_bytes = parity.store_parity(store, table.kind, pack, parts) if parity else 0
    return FinishedPack(pack, sum(map(len, parts)), table, parity_bytes)
