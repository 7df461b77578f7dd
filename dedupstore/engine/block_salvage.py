"""The sound chunks of one damaged block, for readers."""

from __future__ import annotations

from contextlib import suppress

from dedupstore.engine.pack_reader import BLOCK_STORED_BYTES_MAX, read_table, stored_pack
from dedupstore.engine.what_is_left import WhatIsLeft
from dedupstore.errors import DamageError, UnsupportedFormat
from dedupstore.format.block import ChunkInfo
from dedupstore.format.salvage import salvage_chunks
from dedupstore.ids import ChunkId
from dedupstore.storage.contract import ReadStore


def salvage_block(
    store: ReadStore, key: str, offset: int, stored_bytes: int
) -> dict[ChunkId, memoryview]:
    """Return the chunks of a damaged block that are sound, each held against its id; maybe none.

    What is in it is known from the table of its pack, or where that is damaged, from the block.

    Raises:
        StorageError: the store could not deliver.
    """
    if stored_bytes > BLOCK_STORED_BYTES_MAX:
        return {}
    left = WhatIsLeft(store)
    try:
        data = left.get(key, offset, stored_bytes)
    except DamageError:
        return {}
    found = salvage_chunks(data, _listed(left, key, offset, stored_bytes))
    # Copies, so that nothing but the chunks is held on to of all the ways that were tried.
    return {id_: memoryview(bytes(chunk)) for id_, chunk in found.items()}


def _listed(store: ReadStore, key: str, offset: int, stored_bytes: int) -> tuple[ChunkInfo, ...]:
    with suppress(DamageError, UnsupportedFormat):
        for block in read_table(store, stored_pack(store, key)).blocks:
            if (block.offset, block.stored_bytes) == (offset, stored_bytes):
                return block.chunks
    return ()
