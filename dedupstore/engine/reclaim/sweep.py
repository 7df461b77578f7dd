"""Removing the packs that were declared dead, once nobody can be using them."""

from __future__ import annotations

from dataclasses import dataclass

from dedupstore.engine.epochs import oldest_epoch_at_work, remove_past_epochs
from dedupstore.engine.generation import read_generation
from dedupstore.engine.keys import parity_key
from dedupstore.engine.monitor import Event
from dedupstore.engine.pack_reader import list_packs
from dedupstore.engine.parity import stored_parity
from dedupstore.engine.reclaim.marker import Marker
from dedupstore.engine.repository import Repository
from dedupstore.errors import NoSpace


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
    parity = stored_parity(store).keys() & {(pack.kind, pack.id) for pack in free}
    freed_parity = [parity_key(kind, id_) for kind, id_ in parity]
    store.delete_all([*freed_parity, *(pack.key for pack in free)])
    try:
        repository.index.remove_packs([pack.id for pack in free])
    except NoSpace as error:
        repository.monitor.event(Event("index-postponed", b"", error.message))
        repository.index.close()
    remove_past_epochs(repository.location, state.generation)
    return Sweep(len(free), sum(pack.pack_bytes for pack in free), len(there) - len(free))
