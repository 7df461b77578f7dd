"""Holding the index against the packs themselves before anything is removed because of it.

The index says where a chunk is, and with that which pack is needed. It is only a hint: where it
were wrong, a pack that is needed would look as if it were not. So the tables of the packs that are
to go are read, and every chunk in them is accounted for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from itertools import islice

from dedupstore.engine.index_sync import index_entries
from dedupstore.engine.monitor import Event
from dedupstore.engine.pack_reader import StoredPack, list_packs, read_table
from dedupstore.engine.reclaim.plan import PackUse
from dedupstore.engine.reclaim.usage import Usage
from dedupstore.engine.repository import Repository
from dedupstore.errors import DamageError, IndexUnusable, UnsupportedFormat
from dedupstore.format.pack import PackKind
from dedupstore.ids import ChunkId, PackId
from dedupstore.index.location import IndexedPack, IndexEntry

_LOOKUP_CHUNKS = 4096

_Elsewhere = defaultdict[PackId, list[tuple[int, ChunkId, PackId]]]
"""By pack, what the index says is in it: ordinals and chunks, and the packs that have them too."""


def prove(repository: Repository, usage: Usage, packs: Sequence[PackUse]) -> list[PackUse]:
    """Return those of ``packs`` of which it is certain what of them is needed.

    A pack whose own table cannot be read is told as an event, and is left for repair; so is one
    that may hold the only sound copy of a chunk that such a pack should hold.

    Raises:
        IndexUnusable: the index is wrong about one of the chunks; it must be built anew.
        StorageError: the store could not deliver.
    """
    proved: list[PackUse] = []
    elsewhere: _Elsewhere = defaultdict(list)
    monitor = repository.monitor
    monitor.begin("proving what can go")
    try:
        for use in packs:
            entries = _entries_of(repository, use.pack)
            if entries is None:
                continue
            while batch := list(islice(entries, _LOOKUP_CHUNKS)):
                _prove_batch(repository, usage, use.pack.id, batch, elsewhere)
            proved.append(use)
            monitor.advance(0, 1)
        unproved = _prove_elsewhere(repository, elsewhere)
    finally:
        monitor.end()
    return [use for use in proved if use.pack.id not in unproved]


def refuse_newer_packs(repository: Repository, known: Collection[IndexedPack]) -> None:
    """Refuse to go on where a newer version has stored a pack; ``known`` are those in the index.

    What is in such a pack cannot be told apart from what is lost.

    Raises:
        UnsupportedFormat: there is a pack of a newer version.
        StorageError: the store could not deliver.
    """
    ids = {pack.id for pack in known}
    for pack in list_packs(repository.store):
        if pack.id not in ids:
            # Whatever else keeps a pack from the index is told when that is opened.
            with suppress(DamageError):
                read_table(repository.store, pack)


def _prove_batch(
    repository: Repository,
    usage: Usage,
    pack: PackId,
    batch: Sequence[IndexEntry],
    elsewhere: _Elsewhere,
) -> None:
    misplaced = {entry.id for entry in repository.index.misplaced(pack, batch)}
    found = repository.index.find(list(misplaced))
    for id_ in misplaced:
        location = found.get(id_)
        if location is None:
            raise IndexUnusable(f"the index does not know chunk {id_.hex()[:16]}")
        # One in this pack should be the chunk's other place in it.
        if location.pack == pack or usage.is_needed(location.pack, location.ordinal):
            elsewhere[location.pack].append((location.ordinal, id_, pack))


def _prove_elsewhere(repository: Repository, elsewhere: _Elsewhere) -> set[PackId]:
    """Make sure that chunks which are said to be in other packs are there.

    Return the packs whose chunks are said to be in one that cannot be read.
    """
    unproved: set[PackId] = set()
    packs = {pack.id: pack for pack in repository.index.packs() if pack.id in elsewhere}
    for id_, chunks in elsewhere.items():
        if id_ not in packs:
            raise IndexUnusable(f"the index does not know pack {id_.hex()[:16]}")
        entries = _entries_of(repository, packs[id_])
        if entries is None:
            unproved.update(pack for _, _, pack in chunks)
            continue
        there = {(entry.ordinal, entry.id) for entry in entries}
        if not there.issuperset((ordinal, chunk) for ordinal, chunk, _ in chunks):
            raise IndexUnusable(f"the index is wrong about what is in pack {id_.hex()[:16]}")
    return unproved


def _entries_of(repository: Repository, pack: IndexedPack) -> Iterator[IndexEntry] | None:
    try:
        stored = StoredPack(PackKind(pack.kind), pack.id, pack.pack_bytes)
        return index_entries(read_table(repository.store, stored))
    except (DamageError, UnsupportedFormat) as error:
        detail = f"pack {pack.id.hex()[:16]} stays as it is: {error.message}"
        repository.monitor.event(Event("pack-damaged", b"", detail))
        return None
