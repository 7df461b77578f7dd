"""Keeping the index true to the packs: opened, compared, completed, rebuilt where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import accumulate, count, repeat

from dedupstore.engine.generation import read_generation
from dedupstore.engine.keys import pack_key
from dedupstore.engine.monitor import Event, Monitor
from dedupstore.engine.pack_reader import StoredPack, list_packs, read_table_or_blocks
from dedupstore.errors import DamageError, IndexUnusable, ObjectUnreadable, UnsupportedFormat
from dedupstore.format.generation_record import GenerationRecord, Tombstone
from dedupstore.format.pack import PackKind, PackTable
from dedupstore.ids import PackId
from dedupstore.index.environment import IndexEnvironment
from dedupstore.index.generations import NewGeneration, open_current
from dedupstore.index.location import (
    ENTRY_ROW,
    IndexedPack,
    IndexedPacks,
    IndexEntry,
    PackEntries,
)
from dedupstore.storage.contract import ReadStore

_PACK_KINDS = frozenset(PackKind)

_ENTRIES_AT_ONCE = 16_384
"""Chunks that are added to the index in one transaction: many, since each is synced to disk, but of
a large index each is on a page of its own, and a transaction holds what it changes in memory."""


def open_index(
    store: ReadStore, folder: str, repository_id: bytes, monitor: Monitor
) -> IndexEnvironment:
    """Open the index in ``folder`` and make it agree with the packs of ``store``.

    Packs it does not know are read in, those that were declared dead are marked, and those that
    were removed on purpose are dropped. Where it knows packs that are lost, or cannot be used at
    all, it is rebuilt from the tables of all packs; that is told as an event. A pack whose table
    is damaged is told, too, and searched for blocks.

    Raises:
        DamageError: the generation record is damaged.
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
        # In this order: what is declared dead, and then removed, after the index was asked is in
        # the record that is read after; a pack that a writer has just added is in the listing.
        packs = index.packs()
        state = _generation_or_none(store, monitor)
        if state is None:
            state = _as_the_index_knows(packs)
        stored = {pack.id: pack for pack in list_packs(store)}
        _refuse_lost(packs, stored, state, monitor)
        gone = [pack.id for pack in packs.packs if pack.id not in stored]
        if gone:
            index.remove_packs(gone)
        marked = {pack.id for pack in packs.packs if pack.is_dead}
        if packs.generation != state.generation or state.tombstones.keys() - marked - set(gone):
            index.set_dead(state.tombstones.keys(), state.generation)
        known = {pack.id for pack in packs.packs}
        unknown = [stored[id_] for id_ in stored.keys() - known]
        _read_in(store, index, unknown, state, monitor)
    except BaseException:
        index.close()
        raise
    return index


def _generation_or_none(store: ReadStore, monitor: Monitor) -> GenerationRecord | None:
    """Return the newest generation record; ``None`` where it cannot be used, which is told.

    An index without it is good enough to read by; writers refuse to go on.
    """
    try:
        return read_generation(store)
    except (DamageError, UnsupportedFormat) as error:
        monitor.event(Event("generation-damaged", b"", error.message))
        return None


def _as_the_index_knows(packs: IndexedPacks) -> GenerationRecord:
    """Return what an index knows of what is dead, where nothing newer can be read."""
    dead = {
        pack.id: Tombstone(PackKind(pack.kind), packs.generation)
        for pack in packs.packs
        if pack.is_dead and pack.kind in _PACK_KINDS
    }
    return GenerationRecord(packs.generation, tombstones=dead)


def _refuse_lost(
    packs: IndexedPacks,
    stored: dict[PackId, StoredPack],
    state: GenerationRecord,
    monitor: Monitor,
) -> None:
    """Raise if the index does not fit the packs, save those that were removed on purpose."""
    lost = False
    for pack in packs.packs:
        if pack.kind not in _PACK_KINDS:
            raise IndexUnusable(f"the index knows a pack of kind {pack.kind}")
        if pack.id in stored:
            lost |= stored[pack.id].pack_bytes != pack.pack_bytes
            if pack.is_dead and pack.id not in state.tombstones:
                raise IndexUnusable("the index calls a pack dead that is not")
            continue
        # An index that was last used before the newest removal cannot tell one from a loss.
        removed = pack.is_dead or pack.id in state.tombstones
        if not removed and packs.generation == state.generation:
            lost = True
            key = pack_key(PackKind(pack.kind), pack.id)
            monitor.event(Event("pack-missing", key.encode(), "the index knows it"))
    if lost:
        raise IndexUnusable("the index names packs that are gone or have another size")


def rebuild_index(
    store: ReadStore, folder: str, repository_id: bytes, monitor: Monitor
) -> IndexEnvironment:
    """Build a new index in ``folder`` from the tables of all packs, and make it the current one.

    Raises:
        NoSpace, StorageError: the file system or the store refused; the old index is untouched.
    """
    generation = NewGeneration(folder, repository_id)
    try:
        # Without a record an index agrees with generation 0, which no writer takes for newer ones.
        state = _generation_or_none(store, monitor) or GenerationRecord()
        # Of a chunk that is in a live pack and in a dead one, the place added first is kept.
        packs = sorted(list_packs(store), key=lambda pack: pack.id in state.tombstones)
        chunks = _read_in(store, generation, packs, state, monitor)
        monitor.begin("writing the index", chunks * ENTRY_ROW.size)
        try:
            return generation.publish(
                state.generation, lambda written: monitor.advance(written * ENTRY_ROW.size)
            )
        finally:
            monitor.end()
    except BaseException:
        generation.discard()
        raise


def index_entries(table: PackTable) -> Iterator[IndexEntry]:
    """Yield what the index should know of a pack's chunks; of a chunk twice in it, both places."""
    # What ``_make`` does, without a step of Python for each of what may be millions.
    make = partial(tuple.__new__, IndexEntry)
    ordinals = count()
    for block in table.blocks:
        ids, lengths = zip(*block.chunks, strict=True)
        positions = accumulate(lengths, initial=0)
        offset, stored_bytes = repeat(block.offset), repeat(block.stored_bytes)
        # The ids come first: they end it before an ordinal is taken that would be lost.
        fields = zip(ids, ordinals, offset, stored_bytes, positions, lengths, strict=False)
        yield from map(make, fields)


def index_row(pack: PackId, pack_bytes: int, table: PackTable) -> IndexedPack:
    """Return what the index should know of a pack itself."""
    original_bytes = sum(block.original_bytes for block in table.blocks)
    return IndexedPack(
        pack, table.kind, pack_bytes, table.generation, table.chunk_count, original_bytes
    )


def _read_in(
    store: ReadStore,
    index: IndexEnvironment | NewGeneration,
    packs: list[StoredPack],
    state: GenerationRecord,
    monitor: Monitor,
) -> int:
    """Add packs and their chunks, and return how many chunks these were."""
    if not packs:
        return 0
    chunks = 0
    monitor.begin("reading pack tables", sum(pack.pack_bytes for pack in packs))
    waiting: list[PackEntries] = []
    waiting_entries = 0
    try:
        for pack in packs:
            table, is_searched = _table_of(store, pack, monitor)
            if table is not None:
                row = index_row(pack.id, pack.pack_bytes, table)
                is_dead = pack.id in state.tombstones
                row = row._replace(is_searched=is_searched, is_dead=is_dead)
                waiting.append((row, list(index_entries(table))))
                waiting_entries += row.chunk_count
                chunks += row.chunk_count
            if waiting_entries >= _ENTRIES_AT_ONCE:
                index.add_packs(waiting)
                waiting, waiting_entries = [], 0
            monitor.advance(pack.pack_bytes, 1)
        index.add_packs(waiting)
    finally:
        monitor.end()
    return chunks


def _table_of(
    store: ReadStore, pack: StoredPack, monitor: Monitor
) -> tuple[PackTable | None, bool]:
    """Return the table of a pack, and whether it was made by searching the pack for blocks.

    Return ``None`` for a pack that is to stay unknown to the index.

    That is a newer pack, and one of which the disk gives nothing back: it may do so another time.
    """
    unreadable = is_searched = False

    def on_damage(damage: DamageError) -> None:
        nonlocal unreadable, is_searched
        is_searched = True
        unreadable = isinstance(damage, ObjectUnreadable)
        monitor.event(Event("pack-damaged", pack.key.encode(), damage.message))

    try:
        table = read_table_or_blocks(store, pack, on_damage)
    except UnsupportedFormat as error:
        monitor.event(Event("pack-unsupported", pack.key.encode(), error.message))
        return None, False
    return None if unreadable and not table.blocks else table, is_searched
