"""Decoded blocks that were used lately, fetched ahead by worker threads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from dedupstore.engine.block_salvage import salvage_block
from dedupstore.engine.pack_reader import read_block
from dedupstore.engine.verified_block import DecodedBlock, decoded_block
from dedupstore.engine.workers import worker_count
from dedupstore.errors import DamageError
from dedupstore.ids import ChunkId
from dedupstore.storage.contract import ReadStore

BLOCKS_HELD_MAX = 6
BLOCKS_AHEAD = 2


class BlockPlace(NamedTuple):
    """Where a block is stored: the key of its pack and a range of bytes."""

    key: str
    offset: int
    stored_bytes: int


class BlockCache:
    """Fetches and decodes blocks in threads and holds the last few.

    Memory is bounded by ``BLOCKS_HELD_MAX`` blocks, usually 8 MiB each. With ``salvages``, a
    damaged block is given out with the chunks that are sound, if any are; while it is salvaged,
    each thread takes some five times its size.
    """

    def __init__(self, store: ReadStore, *, salvages: bool) -> None:
        self._store = store
        self._salvages = salvages
        self._given_up: set[BlockPlace] = set()
        self._blocks: OrderedDict[BlockPlace, Future[DecodedBlock]] = OrderedDict()
        self._executor = ThreadPoolExecutor(worker_count(), "dedupstore-read")

    def prefetch(self, place: BlockPlace, ids: Sequence[ChunkId] = ()) -> None:
        """Begin to fetch a block that will be asked for soon, and prove some of its chunks."""
        if place in self._blocks:
            self._blocks.move_to_end(place)
            return
        self._blocks[place] = self._executor.submit(self._load, place, ids)
        while len(self._blocks) > BLOCKS_HELD_MAX:
            self._blocks.popitem(last=False)[1].cancel()

    def get(self, place: BlockPlace) -> DecodedBlock:
        """Return a block, waiting for it if need be.

        Raises:
            DamageError, UnsupportedFormat, StorageError: it cannot be read.
        """
        self.prefetch(place)
        return self._blocks[place].result()

    def forget(self) -> None:
        """Drop all blocks; for when the places they came from may be wrong."""
        self._blocks.clear()
        self._given_up.clear()

    def close(self) -> None:
        """Stop the threads."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._blocks.clear()

    def _load(self, place: BlockPlace, ids: Sequence[ChunkId]) -> DecodedBlock:
        try:
            block = decoded_block(read_block(self._store, *place))
            block.prove(ids)
            return block
        except DamageError as damage:
            # To read past bad sectors is slow: not again where nothing came of it.
            if not self._salvages or place in self._given_up:
                raise
            chunks = salvage_block(self._store, *place)
            if not chunks:
                self._given_up.add(place)
                raise
            return DecodedBlock(chunks, damage.message)
