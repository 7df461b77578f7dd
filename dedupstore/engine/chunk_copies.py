"""Finding further copies of chunks: two writers at once may have stored one chunk each.

The index knows one place of each chunk. Where what is stored there is damaged, the tables of all
packs are searched for another.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from dedupstore.engine.block_cache import BlockPlace
from dedupstore.engine.pack_reader import list_packs, read_block, read_table_or_blocks
from dedupstore.engine.verified_block import verify_block
from dedupstore.errors import DedupstoreError
from dedupstore.ids import ChunkId
from dedupstore.storage.contract import ReadStore


def places_of(store: ReadStore, ids: Collection[ChunkId]) -> dict[ChunkId, list[BlockPlace]]:
    """Return every block that is said to hold each of ``ids``; packs that cannot be read have none.

    Raises:
        StorageError: the store could not list.
    """
    wanted = frozenset(ids)
    places: dict[ChunkId, list[BlockPlace]] = {id_: [] for id_ in wanted}
    for pack in list_packs(store):
        with suppress(DedupstoreError):
            for block in read_table_or_blocks(store, pack, lambda damage: None).blocks:
                for id_ in wanted.intersection(chunk.id for chunk in block.chunks):
                    places[id_].append(BlockPlace(pack.key, block.offset, block.stored_bytes))
    return places


def sound_copies(store: ReadStore, ids: Collection[ChunkId]) -> set[ChunkId]:
    """Return those of ``ids`` that can be read from at least one block.

    Raises:
        StorageError: the store could not list.
    """
    sound: set[ChunkId] = set()
    places = places_of(store, ids) if ids else {}
    for place in {place for found in places.values() for place in found}:
        with suppress(DedupstoreError):
            sound |= verify_block(read_block(store, *place)).chunks.keys()
    return sound & places.keys()
