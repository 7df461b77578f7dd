"""Parity: making what heals a damaged pack, and healing with it (docs/format/parity.md)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from dedupstore.engine.keys import PARITY_PREFIXES, pack_key, parity_key, stored_ids
from dedupstore.engine.pack_reader import StoredPack, list_packs
from dedupstore.errors import (
    FormatError,
    ObjectMissing,
    ObjectUnreadable,
    UsageError,
)
from dedupstore.format.hashing import checksum, digest_parts
from dedupstore.format.pack import PackKind
from dedupstore.format.parity import (
    PARITY_HEAD_BYTES_MAX,
    ParityHead,
    ParityLayout,
    decode_parity_foot,
    decode_parity_head,
    encode_parity,
)
from dedupstore.format.reed_solomon import SHARDS_MAX, rebuild_data
from dedupstore.ids import PackId
from dedupstore.limits import PARITY_SHARD_BYTES_MIN
from dedupstore.storage.contract import Buffer, DeleteStore, ReadStore, WriteStore

_ALIGNMENT_BYTES = 16

EncodeShards = Callable[[memoryview, int, int], list[bytearray]]


class ParityMaker(NamedTuple):
    """Makes parity of ``percent`` of the size of packs; see ``parity_maker``."""

    percent: int
    encode_shards: EncodeShards

    def store_parity(
        self, store: WriteStore, kind: PackKind, pack: PackId, parts: Sequence[Buffer]
    ) -> int:
        """Make the parity of a pack whose bytes are ``parts``, store it, and return its size.

        Raises:
            NoSpace, StorageError: the store refused.
        """
        layout = parity_layout(sum(map(len, parts)), self.percent)
        data = bytearray()
        for part in parts:
            data += part
        data += bytes(layout.data_count * layout.shard_bytes - len(data))
        view = memoryview(data)
        shards = self.encode_shards(view, layout.data_count, layout.parity_count)
        head = ParityHead(
            pack,
            layout,
            tuple(
                checksum(view[begin : begin + layout.shard_bytes])
                for begin in range(0, len(view), layout.shard_bytes)
            ),
            tuple(map(checksum, shards)),
        )
        store.put(parity_key(kind, pack), encode_parity(head, shards))
        return layout.object_bytes


def parity_maker(percent: int) -> ParityMaker:
    """Return what makes parity of ``percent``, from 1 to 100.

    Raises:
        UsageError: the percentage is out of range, or the library for it is not installed.
    """
    if not 1 <= percent <= 100:
        raise UsageError(f"not a percentage of parity: {percent}", hint="give one from 1 to 100")
    try:
        module = importlib.import_module("dedupstore.engine.parity_encoder")
    except ImportError as error:
        raise UsageError(
            "making parity needs a library that is not installed",
            hint="pip install 'dedupstore[parity]'",
        ) from error
    encode_shards: EncodeShards = module.encode_parity_shards
    return ParityMaker(percent, encode_shards)


def parity_maker_like(
    store: ReadStore, kind: PackKind, pack: PackId, percent_else: int | None
) -> ParityMaker | None:
    """Return what makes the parity of a pack anew, as much as there is of it.

    Where neither end of a damaged object says how much that is, it is ``percent_else``; ``None``
    where that is ``None``, too.

    Raises:
        UnsupportedFormat: the parity is newer.
        UsageError: see ``parity_maker``.
        StorageError: the store could not deliver.
    """
    head = _read_head(store, kind, pack)
    if head is None:
        return None if percent_else is None else parity_maker(percent_else)
    layout = head.layout

    def difference_bytes(percent: int) -> int:
        return abs(parity_layout(layout.pack_bytes, percent).object_bytes - layout.object_bytes)

    # Of small packs, several percentages give one size: any of them does.
    return parity_maker(min(range(1, 101), key=difference_bytes))


def parity_layout(pack_bytes: int, percent: int) -> ParityLayout:
    """Return the layout of parity of at least ``percent`` for a pack.

    The pack is cut into as many shards as the code allows, since many small ones bear damage at
    more places than a few large ones.
    """
    data_count_max = SHARDS_MAX * 100 // (100 + percent)
    shard_bytes = max(PARITY_SHARD_BYTES_MIN, -(-pack_bytes // data_count_max))
    shard_bytes += -shard_bytes % _ALIGNMENT_BYTES
    data_count = -(-pack_bytes // shard_bytes)
    return ParityLayout(pack_bytes, shard_bytes, data_count, -(-data_count * percent // 100))


def stored_parity(store: ReadStore) -> dict[tuple[PackKind, PackId], int]:
    """Return the size of each parity object, by the kind and the name of its pack.

    Raises:
        StorageError: the store could not list.
    """
    return {
        (kind, pack): object_bytes
        for kind, prefix in PARITY_PREFIXES.items()
        for pack, object_bytes in stored_ids(store, prefix)
    }


def packs_without_parity(store: ReadStore, percent: int | None = None) -> Iterator[StoredPack]:
    """Yield each pack that has no parity, or with ``percent`` none of the size that gives.

    Raises:
        StorageError: the store could not list.
    """
    # Packs are listed before parity: one that is added in between has its parity by then.
    packs = list(list_packs(store))
    sizes = stored_parity(store)
    for pack in packs:
        object_bytes = sizes.get((pack.kind, pack.id))
        if object_bytes is None:
            yield pack
        elif percent is not None:
            expected_bytes = parity_layout(pack.pack_bytes, percent).object_bytes
            if object_bytes != expected_bytes:
                yield pack


def remove_parity(store: DeleteStore, kind: PackKind, pack: PackId) -> None:
    """Remove the parity of a pack; to remove what is not there is no error.

    Raises:
        StorageError: the store refused.
    """
    store.delete(parity_key(kind, pack))


def orphans(store: ReadStore) -> Iterator[tuple[PackKind, PackId, int]]:
    """Yield kind, pack and size of each parity object whose pack is not there.

    A pack that was lost looks like one that was removed, and parity of 100 percent brings it
    back: remove no orphan of which the pack is still needed.

    Raises:
        StorageError: the store could not list.
    """
    # Parity is listed before packs: a writer stores a pack first.
    parity = stored_parity(store)
    packs = {(pack.kind, pack.id) for pack in list_packs(store)}
    for (kind, pack), object_bytes in parity.items():
        if (kind, pack) not in packs:
            yield kind, pack, object_bytes


def check_parity(store: ReadStore, kind: PackKind, pack: PackId) -> int:
    """Verify every byte of a parity object against its own checksums and return its size.

    Raises:
        UnsupportedFormat: it is newer.
        FormatError: some of it is damaged; the rest may still serve.
        ObjectMissing, ObjectUnreadable, StorageError: the store could not deliver.
    """
    key = parity_key(kind, pack)
    object_bytes = store.object_bytes(key)
    head = decode_parity_head(store.get(key, 0, PARITY_HEAD_BYTES_MAX))
    layout = head.layout
    end = store.get(key, max(0, object_bytes - layout.head_bytes), layout.head_bytes)
    if head.pack != pack or object_bytes != layout.object_bytes or decode_parity_foot(end) != head:
        raise FormatError("the parity of a pack is cut off, or another pack's")
    for number, expected in enumerate(head.parity_checksums):
        shard = store.get(key, layout.parity_offset(number), layout.shard_bytes)
        if checksum(shard) != expected:
            raise FormatError("a shard of parity is damaged")
    return object_bytes


def heal_pack(store: ReadStore, kind: PackKind, pack: PackId) -> bytes | None:
    """Return the bytes of a damaged, cut off or partly unreadable pack, rebuilt from its parity.

    Nothing is stored. ``None`` means that there is no parity that serves, or that more is lost
    than it can rebuild. The bytes that are returned are proved by their BLAKE3, the pack's name.
    A pack that is gone altogether can be rebuilt only from parity of 100 percent.

    Raises:
        UnsupportedFormat: the parity is newer.
        StorageError: the store could not deliver.
    """
    head = _read_head(store, kind, pack)
    if head is None:
        return None
    layout = head.layout
    present = min(_size(store, pack_key(kind, pack)), layout.pack_bytes)
    # Less than that cannot be enough; so what a head claims is backed by stored bytes before
    # memory is taken for it.
    if present + _size(store, parity_key(kind, pack)) < layout.pack_bytes:
        return None
    data = list(_sound_data(store, pack_key(kind, pack), head))
    lost = data.count(None)
    if lost:
        rebuilt = rebuild_data(data, _sound_parity(store, parity_key(kind, pack), head, lost))
        if rebuilt is None:
            return None
        missing = iter(rebuilt)
        data = [next(missing) if shard is None else shard for shard in data]
    shards = [shard for shard in data if shard is not None]
    shards[-1] = shards[-1][: layout.pack_bytes - layout.shard_bytes * (len(shards) - 1)]
    return b"".join(shards) if digest_parts(shards) == pack else None


def _read_head(store: ReadStore, kind: PackKind, pack: PackId) -> ParityHead | None:
    """Return the head of a parity object from whichever of its two ends is sound."""
    key = parity_key(kind, pack)
    end_offset = max(0, _size(store, key) - PARITY_HEAD_BYTES_MAX)
    for offset, decode in ((0, decode_parity_head), (end_offset, decode_parity_foot)):
        with suppress(FormatError, ObjectMissing, ObjectUnreadable):
            head = decode(store.get(key, offset, PARITY_HEAD_BYTES_MAX))
            if head.pack == pack:
                return head
    return None


def _size(store: ReadStore, key: str) -> int:
    try:
        return store.object_bytes(key)
    except ObjectMissing:
        return 0


def _sound_data(store: ReadStore, key: str, head: ParityHead) -> Iterator[bytes | None]:
    """Yield each data shard, ``None`` where it is lost or damaged."""
    layout = head.layout
    for number, expected in enumerate(head.data_checksums):
        offset = number * layout.shard_bytes
        shard_bytes = min(layout.shard_bytes, layout.pack_bytes - offset)
        shard = _read(store, key, offset, shard_bytes).ljust(layout.shard_bytes, b"\0")
        yield shard if checksum(shard) == expected else None


def _sound_parity(store: ReadStore, key: str, head: ParityHead, count_max: int) -> dict[int, bytes]:
    """Return sound parity shards by their numbers, at most ``count_max``."""
    layout = head.layout
    found: dict[int, bytes] = {}
    for number, expected in enumerate(head.parity_checksums):
        if len(found) == count_max:
            break
        shard = _read(store, key, layout.parity_offset(number), layout.shard_bytes)
        if len(shard) == layout.shard_bytes and checksum(shard) == expected:
            found[number] = shard
    return found


def _read(store: ReadStore, key: str, offset: int, length: int) -> bytes:
    try:
        return store.get(key, offset, length)
    except (ObjectMissing, ObjectUnreadable):
        return b""
