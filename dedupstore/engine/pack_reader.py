"""Reading packs: their tables and single blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dedupstore.engine.keys import PACK_PREFIXES, id_of_key, pack_key
from dedupstore.errors import FormatError, UsageError
from dedupstore.format.block import Block, decode_block
from dedupstore.format.pack import (
    PACK_HEADER_BYTES,
    TRAILER_BYTES,
    PackKind,
    PackTable,
    decode_table,
    decode_trailer,
)
from dedupstore.ids import PackId
from dedupstore.storage.contract import ReadStore

_TAIL_BYTES = 64 * 1024


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
        for key, object_bytes in store.list_objects(prefix):
            try:
                yield StoredPack(kind, id_of_key(key), object_bytes)
            except UsageError:
                continue


def stored_pack(store: ReadStore, key: str) -> StoredPack:
    """Return the pack with the key ``key``.

    Raises:
        UsageError: the key is not a pack's.
        ObjectMissing, StorageError: the pack is not there, or the store could not tell.
    """
    for kind, prefix in PACK_PREFIXES.items():
        if key.startswith(prefix + "/"):
            return StoredPack(kind, id_of_key(key), store.object_bytes(key))
    raise UsageError(f"not a pack: {key}")


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


def read_block(store: ReadStore, key: str, offset: int, stored_bytes: int) -> Block:
    """Read and verify one block of a pack; its payload is not decoded yet.

    Raises:
        FormatError, UnsupportedFormat: the block is damaged, or newer.
        ObjectMissing, StorageError: the store could not deliver.
    """
    return decode_block(store.get(key, offset, stored_bytes))
