"""Keeping the index true to the packs: opened, compared, completed, rebuilt where it is not."""

from __future__ import annotations

from collections.abc import Iterator

from dedupstore.engine.keys import pack_key
from dedupstore.engine.monitor import Event, Monitor
from dedupstore.engine.pack_reader import StoredPack, list_packs, read_table_or_blocks
from dedupstore.errors import DamageError, IndexUnusable, ObjectUnreadable, UnsupportedFormat
from dedupstore.format.pack import PackKind, PackTable
from dedupstore.index.environment import IndexEnvironment
from dedupstore.index.generations import NewGeneration, open_current
from dedupstore.index.location import IndexedPack, IndexEntry, PackEntries
from dedupstore.storage.contract import ReadStore

_PACK_KINDS = frozenset(PackKind)

_ENTRIES_AT_ONCE = 50_000
"""Chunks that are added to the index in one transaction: many, since each is synced to disk."""


def open_index(
    store: ReadStore, folder: str, repository_id: bytes, monitor: Monitor
) -> IndexEnvironment:
    """Open the index in ``folder`` and make it agree with the packs of ``store``.

    Packs it does not know are read in. Where it knows packs that are gone, or cannot be used at
    all, it is rebuilt from the tables of all packs; that is told as an event. A pack whose table
    is damaged is told, too, and searched for blocks.

    Raises:
        NoSpace, StorageError: the file system or the store refused.
    """
    try:
        return _open_and_complete(store, folder, repository_id, monitor)
    except IndexUnusable as reason:
        if next(list_packs(store), None) is not None:
            monitor.event(Event("index-rebuilt", b"", reason.message))
    return rebuild_index(store, folder, repository_id, monitor)


def _open_and_complete(
    store: ReadStore,
    folder: str,
    repository_id: bytes,
    monitor: Monitor,
) -> IndexEnvironment:
    index = open_current(folder, repository_id)
    try:
        packs = index.packs()
        known = {pack.id: pack.pack_bytes for pack in packs}
        # Listed after the index was asked: a pack that a writer has just added is in both.
        stored = {pack.id: pack for pack in list_packs(store)}
        for pack in packs:
            if pack.kind not in _PACK_KINDS:
                raise IndexUnusable(f"the index knows a pack of kind {pack.kind}")
            if pack.id not in stored:
                key = pack_key(PackKind(pack.kind), pack.id)
                monitor.event(Event("pack-missing", key.encode(), "the index knows it"))
        if any(id_ not in stored or stored[id_].pack_bytes != known[id_] for id_ in known):
            raise IndexUnusable("the index names packs that are gone or have another size")
        _read_in(store, index, [stored[id_] for id_ in stored.keys() - known.keys()], monitor)
    except BaseException:
        index.close()
        raise
    return index


def rebuild_index(
    store: ReadStore, folder: str, repository_id: bytes, monitor: Monitor
) -> IndexEnvironment:
    """Build a new index in ``folder`` from the tables of all packs, and make it the current one.

    Raises:
        NoSpace, StorageError: the file system or the store refused; the old index is untouched.
    """
    generation = NewGeneration(folder, repository_id)
    try:
        _read_in(store, generation.environment, list(list_packs(store)), monitor)
        return generation.publish()
    except BaseException:
        generation.discard()
        raise


def index_entries(table: PackTable) -> Iterator[IndexEntry]:
    """Yield what the index should know of a pack's chunks; of a chunk twice in it, both places."""
    for block in table.blocks:
        position = 0
        for chunk in block.chunks:
            yield IndexEntry(
                chunk.id, block.offset, block.stored_bytes, position, chunk.chunk_bytes
            )
            position += chunk.chunk_bytes


def _read_in(
    store: ReadStore, index: IndexEnvironment, packs: list[StoredPack], monitor: Monitor
) -> None:
    if not packs:
        return
    monitor.begin("reading pack tables", sum(pack.pack_bytes for pack in packs))
    waiting: list[PackEntries] = []
    waiting_entries = 0
    try:
        for pack in packs:
            entries = _entries_of(store, pack, monitor)
            if entries is not None:
                waiting.append((IndexedPack(pack.id, pack.kind, pack.pack_bytes), entries))
                waiting_entries += len(entries)
            if waiting_entries >= _ENTRIES_AT_ONCE:
                index.add_packs(waiting)
                waiting, waiting_entries = [], 0
            monitor.advance(pack.pack_bytes, 1)
        index.add_packs(waiting)
    finally:
        monitor.end()


def _entries_of(store: ReadStore, pack: StoredPack, monitor: Monitor) -> list[IndexEntry] | None:
    """Return the chunks of a pack; ``None`` for one that is to stay unknown to the index.

    That is a newer pack, and one of which the disk gives nothing back: it may do so another time.
    """
    unreadable = False

    def on_damage(damage: DamageError) -> None:
        nonlocal unreadable
        unreadable = isinstance(damage, ObjectUnreadable)
        monitor.event(Event("pack-damaged", pack.key.encode(), damage.message))

    try:
        entries = list(index_entries(read_table_or_blocks(store, pack, on_damage)))
    except UnsupportedFormat as error:
        monitor.event(Event("pack-unsupported", pack.key.encode(), error.message))
        return None
    return None if unreadable and not entries else entries
