"""Copying what is needed of packs into new ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from dedupstore.engine.block_encoder import EncodedBlock
from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.compression import REPACKING
from dedupstore.engine.monitor import Event
from dedupstore.engine.pack_reader import StoredPack, read_table
from dedupstore.engine.reclaim.plan import PackUse
from dedupstore.engine.reclaim.usage import Usage
from dedupstore.engine.repository import Repository
from dedupstore.engine.verified_block import VerifiedBlock, verify_block
from dedupstore.errors import ChunkUnreadable, DamageError, UnsupportedFormat
from dedupstore.format.block import Block, ChunkInfo, decode_block
from dedupstore.format.codecs import CODEC_STORED
from dedupstore.format.pack import BlockInfo, PackKind
from dedupstore.ids import ChunkId
from dedupstore.limits import BLOCK_BYTES_TARGET, MANIFEST_BLOCK_BYTES_TARGET

_BLOCK_BYTES_TARGETS = {
    PackKind.DATA: BLOCK_BYTES_TARGET,
    PackKind.MANIFEST: MANIFEST_BLOCK_BYTES_TARGET,
}


def copy_needed(
    repository: Repository,
    writer: ChunkWriter,
    usage: Usage,
    packs: Sequence[PackUse],
    recompress_level: int | None = None,
) -> list[PackUse]:
    """Copy what is needed of ``packs`` and return those of which everything has been copied.

    Blocks of data that are compressed at a lower level than ``recompress_level`` are compressed
    anew. What is packed anew keeps the level of its block, if it gets no higher one. Every chunk is
    held against its id on the way. A pack in which something needed is damaged is told as an event,
    and is none of these: repair may still get something out of it.

    Raises:
        DamageError, NoSpace, StorageError: something could not be stored.
    """
    copied = []
    monitor = repository.monitor
    monitor.begin("repacking", sum(use.pack.pack_bytes for use in packs))
    try:
        for use in packs:
            stored = StoredPack(PackKind(use.pack.kind), use.pack.id, use.pack.pack_bytes)
            now_needed = replace(use, needed_chunks=usage.needed_chunks(use.pack.id))
            if _copy_pack(repository, writer, usage, stored, recompress_level):
                copied.append(now_needed)
            monitor.advance(use.pack.pack_bytes, 1)
        writer.flush()
    finally:
        monitor.end()
    # A pack is named by its bytes: what came out as it went in has to stay.
    return [use for use in copied if use.pack.id not in writer.pack_ids_stored]


def repacked_level(level: int, recompress_level: int | None) -> int:
    """Return at which level is packed anew what has a level: what took long stays small."""
    return max(level, REPACKING if recompress_level is None else recompress_level)


class _ReadBlock(NamedTuple):
    """A block of which something is needed, read and verified."""

    info: BlockInfo
    data: bytes
    block: Block
    verified: VerifiedBlock
    needed: list[ChunkInfo]


def _copy_pack(
    repository: Repository,
    writer: ChunkWriter,
    usage: Usage,
    pack: StoredPack,
    recompress_level: int | None,
) -> bool:
    """Copy what is needed of a pack; tell whether all of it could be read."""
    blocks = _needed_blocks(repository, usage, pack)
    while True:
        # What cannot be stored is no fault of this pack: it may be what was copied of another.
        try:
            block = next(blocks, None)
        except (DamageError, UnsupportedFormat) as error:
            repository.monitor.event(Event("pack-damaged", pack.key.encode(), error.message))
            return False
        if block is None:
            return True
        _copy_block(writer, pack.kind, block, recompress_level)


def _needed_blocks(repository: Repository, usage: Usage, pack: StoredPack) -> Iterator[_ReadBlock]:
    """Yield the blocks of a pack of which something is needed.

    Raises:
        DamageError, UnsupportedFormat: something needed cannot be read.
    """
    ordinal = 0
    for info in read_table(repository.store, pack).blocks:
        needed = [
            chunk
            for number, chunk in enumerate(info.chunks, ordinal)
            if usage.is_needed(pack.id, number)
        ]
        ordinal += len(info.chunks)
        if needed:
            data = repository.store.get(pack.key, info.offset, info.stored_bytes)
            block = decode_block(data)
            verified = verify_block(block)
            _require_sound(verified, [chunk.id for chunk in needed])
            yield _ReadBlock(info, data, block, verified, needed)


def _copy_block(
    writer: ChunkWriter, kind: PackKind, read: _ReadBlock, recompress_level: int | None
) -> None:
    info, data, block, verified, needed = read
    is_large = 2 * info.original_bytes >= _BLOCK_BYTES_TARGETS[kind]
    is_whole = len(needed) == len(block.chunks) and not verified.damaged
    level_min = (recompress_level or 0) if kind is PackKind.DATA else 0
    if is_large and is_whole and block.header.level >= level_min:
        encoded = EncodedBlock(data, info.original_bytes, block.chunks, block.header.level)
        writer.copy_block(kind, encoded)
        return
    # What no level makes smaller goes with any.
    level = 0 if block.header.codec == CODEC_STORED else block.header.level
    writer.use_level(kind, repacked_level(level, recompress_level))
    for chunk in needed:
        writer.copy_chunk(kind, chunk.id, verified.chunk(chunk.id))


def _require_sound(verified: VerifiedBlock, ids: Sequence[ChunkId]) -> None:
    for id_ in ids:
        if id_ not in verified.chunks:
            raise ChunkUnreadable(f"chunk {id_.hex()[:16]} is not what it should be")
