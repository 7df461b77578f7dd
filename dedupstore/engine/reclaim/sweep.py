"""Removing the packs that were declared dead, once nobody can be using them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dedupstore.engine.epochs import oldest_epoch_at_work, remove_past_epochs
from dedupstore.engine.generation import read_generation
from dedupstore.engine.keys import parity_key
from dedupstore.engine.monitor import Event
from dedupstore.engine.pack_reader import StoredPack, list_packs, read_table
from dedupstore.engine.parity import stored_parity
from dedupstore.engine.reclaim.marker import Marker
from dedupstore.engine.repository import Repository
from dedupstore.errors import DamageError, NoSpace, UnsupportedFormat
from dedupstore.ids import ChunkId

_SCANNED_PER_REMOVED = 8
_CHUNKS_AT_ONCE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep removed, and how many dead packs it had to leave for a later one."""

    packs: int = 0
    bytes_freed: int = 0
    packs_left: int = 0


def sweep(repository: Repository, marker: Marker) -> Sweep:
    """Remove dead packs that nobody at work can have seen alive.

    A pack that generation N declared dead may be in use by whoever began before N. The parity of
    packs goes before them, and they leave the index after: an index that names packs which are
    gone is put right when it is opened.

    Raises:
        DamageError, UnsupportedFormat: the generation record is damaged or newer.
        StorageError: the store refused; some packs may be gone.
    """
    store = repository.store
    state = read_generation(store)
    oldest = oldest_epoch_at_work(repository.location)
    there = {pack.id: pack for pack in list_packs(store) if pack.id in state.tombstones}
    free = [
        pack
        for id_, pack in there.items()
        if (oldest is None or oldest >= state.tombstones[id_].generation)
        and id_ not in marker.wrongly_dead
    ]
    _remove(repository, free)
    remove_past_epochs(repository.location, state.generation)
    return Sweep(len(free), sum(pack.pack_bytes for pack in free), len(there) - len(free))


def _remove(repository: Repository, packs: Sequence[StoredPack]) -> None:
    store, index = repository.store, repository.index
    parity = stored_parity(store).keys()
    is_index_full = False
    for group, chunks in _groups(repository, packs):
        freed_parity = [
            parity_key(pack.kind, pack.id) for pack in group if (pack.kind, pack.id) in parity
        ]
        store.delete_all([*freed_parity, *(pack.key for pack in group)])
        if is_index_full:
            continue
        try:
            index.remove_packs([pack.id for pack in group], chunks)
        except NoSpace as error:
            repository.monitor.event(Event("index-postponed", b"", error.message))
            index.close()
            is_index_full = True


def _groups(
    repository: Repository, packs: Sequence[StoredPack]
) -> Iterator[tuple[Sequence[StoredPack], set[ChunkId] | None]]:
    """Yield packs that are to be removed together, and what the index may have of them.

    To go through the whole index is the quickest where much of it goes. Where little goes, that
    would take longer the more there is, and the chunks are looked up in the packs' tables.
    """
    ids = {pack.id for pack in packs}
    counts = {row.id: row.chunk_count for row in repository.index.packs() if row.id in ids}
    if sum(counts.values()) * _SCANNED_PER_REMOVED > repository.index.entry_count():
        yield packs, None
        return
    group: list[StoredPack] = []
    chunks = 0
    for pack in packs:
        group.append(pack)
        chunks += counts.get(pack.id, 0)
        if chunks >= _CHUNKS_AT_ONCE:
            yield group, _chunks_of(repository, group)
            group, chunks = [], 0
    if group:
        yield group, _chunks_of(repository, group)


def _chunks_of(repository: Repository, packs: Iterable[StoredPack]) -> set[ChunkId] | None:
    """Return the chunks that the tables of packs list; ``None`` where one cannot be read."""
    chunks: set[ChunkId] = set()
    for pack in packs:
        try:
            table = read_table(repository.store, pack)
        except (DamageError, UnsupportedFormat):
            return None
        chunks.update(chunk.id for block in table.blocks for chunk in block.chunks)
    return chunks
