"""Reading packs: their tables and single blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

from dedupstore.engine.keys import PACK_PREFIXES, pack_key, stored_ids
from dedupstore.errors import (
    DamageError,
    FormatError,
    ObjectMissing,
    ObjectUnreadable,
    UnsupportedFormat,
)
from dedupstore.format.block import (
    BLOCK_MAGIC,
    DIRECTORY_ENTRY_BYTES,
    HEADER_BYTES,
    Block,
    decode_block,
    decode_block_header,
)
from dedupstore.format.pack import (
    PACK_HEADER_BYTES,
    TRAILER_BYTES,
    BlockInfo,
    PackKind,
    PackTable,
    decode_table,
    decode_trailer,
)
from dedupstore.ids import PackId
from dedupstore.limits import BLOCK_BYTES_MAX, BLOCK_CHUNKS_MAX, BLOCK_NOTES_BYTES_MAX, MIB
from dedupstore.storage.contract import ReadStore

_TAIL_BYTES = 64 * 1024
_SEARCH_BYTES = 4 * MIB
_SEARCH_BYTES_NEAR_DAMAGE = MIB // 4
BLOCK_STORED_BYTES_MAX = (
    HEADER_BYTES
    + BLOCK_CHUNKS_MAX * DIRECTORY_ENTRY_BYTES
    + BLOCK_NOTES_BYTES_MAX
    + BLOCK_BYTES_MAX
)
"""No block fills more bytes of a pack."""


class StoredPack(NamedTuple):
    """A pack as a listing of the store shows it."""

    kind: PackKind
    id: PackId
    pack_bytes: int

    @property
    def key(self) -> str:
        """The pack's key in the store."""
        return pack_key(self.kind, self.id)


def list_packs(store: ReadStore) -> Iterator[StoredPack]:
    """Yield every pack of the store; files with other names are no packs and are passed over.

    Raises:
        StorageError: the store could not list.
    """
    for kind, prefix in PACK_PREFIXES.items():
        for id_, object_bytes in stored_ids(store, prefix):
            yield StoredPack(kind, id_, object_bytes)


def stored_pack(store: ReadStore, key: str) -> StoredPack:
    """Return the pack with the key ``key``.

    Raises:
        ValueError: the key is not a pack's.
        ObjectMissing, StorageError: the pack is not there, or the store could not tell.
    """
    for kind, prefix in PACK_PREFIXES.items():
        if key.startswith(prefix + "/"):
            id_ = bytes.fromhex(key.rpartition("/")[2])
            return StoredPack(kind, id_, store.object_bytes(key))
    raise ValueError(f"not a pack: {key}")


def read_table(store: ReadStore, pack: StoredPack) -> PackTable:
    """Read the table at the end of a pack.

    Raises:
        FormatError, UnsupportedFormat: the pack or its table is damaged, or newer.
        ObjectMissing, StorageError: the store could not deliver.
    """
    tail_begin = max(0, pack.pack_bytes - _TAIL_BYTES)
    tail = store.get(pack.key, tail_begin, pack.pack_bytes - tail_begin)
    trailer = decode_trailer(tail, pack.pack_bytes)
    if trailer.table_offset >= tail_begin:
        begin = trailer.table_offset - tail_begin
        table = tail[begin : len(tail) - TRAILER_BYTES]
    else:
        table = store.get(pack.key, trailer.table_offset, trailer.table_bytes)
    header = tail if tail_begin == 0 else store.get(pack.key, 0, PACK_HEADER_BYTES)
    decoded = decode_table(header[:PACK_HEADER_BYTES], table, trailer)
    if decoded.kind is not pack.kind:
        raise FormatError(f"{pack.key} is a pack of kind {decoded.kind.name.lower()}")
    return decoded


def read_table_or_blocks(
    store: ReadStore, pack: StoredPack, on_damage: Callable[[DamageError], None]
) -> PackTable:
    """Read the table of a pack, or where that is damaged, make one of the blocks that are not.

    ``on_damage`` is told what is wrong with the pack before it is searched.

    Raises:
        UnsupportedFormat: the pack is newer.
        StorageError: the store could not deliver.
    """
    try:
        return read_table(store, pack)
    except DamageError as error:
        on_damage(error)
    blocks: list[BlockInfo] = []
    levels: list[int] = []
    position = PACK_HEADER_BYTES
    for offset in block_magics(store, pack):
        if offset < position:
            continue
        with suppress(DamageError, UnsupportedFormat):
            block, level = _find_block(store, pack.key, offset)
            blocks.append(block)
            levels.append(level)
            position = offset + block.stored_bytes
    return PackTable(pack.kind, tuple(blocks), level=min(levels, default=0))


def block_magics(store: ReadStore, pack: StoredPack) -> Iterator[int]:
    """Yield the offsets in a pack at which a block may begin.

    Raises:
        StorageError: the store could not deliver.
    """
    for begin, window in _windows(store, pack, 0, pack.pack_bytes, _SEARCH_BYTES):
        found = window.find(BLOCK_MAGIC)
        while found >= 0:
            yield begin + found
            found = window.find(BLOCK_MAGIC, found + 1)


def _windows(
    store: ReadStore, pack: StoredPack, begin: int, end: int, step: int
) -> Iterator[tuple[int, bytes]]:
    """Yield what can be read of a range, in windows that overlap by a magic but for one byte."""
    for position in range(begin, end, step):
        try:
            yield position, store.get(pack.key, position, step + len(BLOCK_MAGIC) - 1)
        except ObjectMissing:
            return
        except ObjectUnreadable:
            # A bad sector hides only what is near it.
            if step > _SEARCH_BYTES_NEAR_DAMAGE:
                window_end = min(end, position + step)
                yield from _windows(store, pack, position, window_end, _SEARCH_BYTES_NEAR_DAMAGE)


def _find_block(store: ReadStore, key: str, offset: int) -> tuple[BlockInfo, int]:
    """Return the block at an offset, and at which level it is compressed."""
    header = decode_block_header(store.get(key, offset, HEADER_BYTES))
    block = read_block(store, key, offset, header.stored_bytes)
    info = BlockInfo(offset, header.stored_bytes, header.original_bytes, block.chunks)
    return info, header.level


def read_block(store: ReadStore, key: str, offset: int, stored_bytes: int) -> Block:
    """Read and verify one block of a pack; its payload is not decoded yet.

    Raises:
        FormatError, UnsupportedFormat: the block is damaged, or newer.
        ObjectMissing, StorageError: the store could not deliver.
    """
    if stored_bytes > BLOCK_STORED_BYTES_MAX:
        raise FormatError(f"a block cannot fill {stored_bytes} bytes")
    return decode_block(store.get(key, offset, stored_bytes))
