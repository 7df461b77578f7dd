"""What a damaged pack still gives: its exact bytes again, or block by block what is sound."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from dedupstore.engine.block_encoder import EncodedBlock
from dedupstore.engine.pack_reader import (
    BLOCK_STORED_BYTES_MAX,
    StoredPack,
    block_magics,
    read_table,
    read_table_or_blocks,
)
from dedupstore.engine.parity import heal_pack
from dedupstore.engine.verified_block import verify_block
from dedupstore.engine.what_is_left import WhatIsLeft
from dedupstore.errors import DamageError, UnsupportedFormat
from dedupstore.format.block import ChunkInfo, decode_block
from dedupstore.format.hashing import digest_parts
from dedupstore.format.pack import (
    PACK_HEADER_BYTES,
    TRAILER_BYTES,
    BlockInfo,
    decode_trailer,
    encode_pack_header,
    encode_table_and_trailer,
)
from dedupstore.format.salvage import salvage_chunks
from dedupstore.ids import ChunkId
from dedupstore.storage.contract import ReadStore

_GENERATIONS_TRIED = 64


@dataclass(frozen=True, slots=True)
class SalvagedBlock:
    """What is sound of one block: ``whole`` if all of it is, else those of its ``chunks``."""

    chunks: dict[ChunkId, memoryview]
    whole: EncodedBlock | None = None


def exact_bytes(store: ReadStore, pack: StoredPack, generation: int) -> tuple[bytes, str] | None:
    """Return the exact bytes of a damaged pack and what they were made from, if they can be had.

    They come from its parity; or from its blocks, if these are sound and only what is around them
    is damaged. ``generation`` is the repository's now. What is returned is proved by the BLAKE3.

    Raises:
        StorageError: the store could not deliver.
    """
    with suppress(UnsupportedFormat):
        data = heal_pack(store, pack.kind, pack.id)
        if data is not None:
            return data, "its parity"
    with suppress(DamageError, UnsupportedFormat):
        data = _around_its_blocks(WhatIsLeft(store), pack, generation)
        if data is not None:
            return data, "its blocks, which are sound"
    return None


def salvage_pack(store: ReadStore, pack: StoredPack) -> Iterator[SalvagedBlock]:
    """Yield what is sound of each block of a pack, in order; nothing of a block that gives nothing.

    Raises:
        UnsupportedFormat: the pack, or a block of it, is newer.
        StorageError: the store could not deliver.
    """
    left = WhatIsLeft(store)
    for info in _block_places(left, pack):
        data = left.get(pack.key, info.offset, info.stored_bytes)
        salvaged = _salvage_block(data, info.chunks)
        if salvaged.chunks:
            yield salvaged


def listed_chunks(store: ReadStore, pack: StoredPack) -> frozenset[ChunkId]:
    """Return the chunks that a pack's table says are in it; none where that cannot be read.

    Raises:
        StorageError: the store could not deliver.
    """
    with suppress(DamageError, UnsupportedFormat):
        table = read_table(WhatIsLeft(store), pack)
        return frozenset(chunk.id for block in table.blocks for chunk in block.chunks)
    return frozenset()


def _salvage_block(data: bytes, listed: tuple[ChunkInfo, ...]) -> SalvagedBlock:
    try:
        block = decode_block(data)
        verified = verify_block(block)
    except DamageError:
        return SalvagedBlock(salvage_chunks(data, listed))
    if verified.damaged:
        return SalvagedBlock({**salvage_chunks(data, listed), **verified.chunks})
    whole = EncodedBlock(data, block.header.original_bytes, block.chunks, block.header.level)
    return SalvagedBlock(verified.chunks, whole)


def _block_places(store: ReadStore, pack: StoredPack) -> Iterator[BlockInfo]:
    """Yield where blocks are, or may be: from the table, else from all that looks like a block."""
    try:
        yield from read_table(store, pack).blocks
        return
    except DamageError:
        pass
    sound = read_table_or_blocks(store, pack, lambda damage: None).blocks
    begins = [block.offset for block in sound]
    end = PACK_HEADER_BYTES
    places: list[BlockInfo] = list(sound)
    for offset in block_magics(store, pack):
        inside = any(b.offset <= offset < b.offset + b.stored_bytes for b in sound)
        if not inside and offset >= end:
            following = min((begin for begin in begins if begin > offset), default=pack.pack_bytes)
            stored_bytes = min(following - offset, BLOCK_STORED_BYTES_MAX)
            places.append(BlockInfo(offset, stored_bytes, 0, ()))
    yield from sorted(places, key=lambda place: place.offset)


def _around_its_blocks(store: ReadStore, pack: StoredPack, generation: int) -> bytes | None:
    """Write a pack's header, table and trailer anew around its blocks, if that makes it whole."""
    generations = [*range(generation, -1, -1)[:_GENERATIONS_TRIED], 0]
    with suppress(DamageError):
        tail = store.get(pack.key, max(0, pack.pack_bytes - TRAILER_BYTES), TRAILER_BYTES)
        generations.insert(0, decode_trailer(tail, pack.pack_bytes).generation)
    table = read_table_or_blocks(store, pack, lambda damage: None)
    end = PACK_HEADER_BYTES
    for block in table.blocks:
        if block.offset != end:
            return None
        end += block.stored_bytes
    blocks = store.get(pack.key, PACK_HEADER_BYTES, end - PACK_HEADER_BYTES)
    for tried in dict.fromkeys(generations):
        rest = encode_table_and_trailer(table._replace(generation=tried))
        parts = [encode_pack_header(pack.kind), blocks, rest]
        if digest_parts(parts) == pack.id:
            return b"".join(parts)
    return None
