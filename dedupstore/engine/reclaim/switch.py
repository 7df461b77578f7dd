"""Declaring packs dead: the short moment in which no snapshot may come to exist."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dedupstore.engine.epochs import is_at_work, next_generation
from dedupstore.engine.generation import read_generation, write_generation
from dedupstore.engine.keys import PACK_PREFIXES
from dedupstore.engine.monitor import Event
from dedupstore.engine.pack_reader import list_packs
from dedupstore.engine.reclaim.marker import Marker
from dedupstore.engine.reclaim.plan import PackUse
from dedupstore.engine.repository import Repository
from dedupstore.errors import NoSpace
from dedupstore.format.generation_record import Tombstone
from dedupstore.format.pack import PackKind
from dedupstore.limits import TOMBSTONES_MAX


@dataclass(frozen=True, slots=True)
class Switch:
    """What was declared dead, and for how long everybody else had to stand still."""

    dead: tuple[PackUse, ...]
    seconds: float


def declare_dead(repository: Repository, marker: Marker, candidates: Sequence[PackUse]) -> Switch:
    """Declare those of ``candidates`` dead that are still not needed, under a new generation.

    A candidate that a snapshot has come to need since it was looked at stays as it is, and so does
    one that may be a snapshot's that is under way. Beyond ``TOMBSTONES_MAX`` they wait for another
    time.

    Order: what was committed since the marking is marked; the generation record is written, which
    is the moment the packs are dead; the index learns of it. Whoever opens the index, or began
    to use it before, compares it with the record.

    Raises:
        IndexUnusable: it is not the index any more that the marking relied on; nothing is dead.
        DamageError, UnsupportedFormat, LockTimeout, NoSpace, StorageError: nothing is dead.
    """
    # Most of what came meanwhile is marked while others may go on.
    marker.mark_listed()
    clock = repository.clock
    # A rebuild that began before would not know what is dead, and that comes after would.
    with repository.pinned_index(marker.openings), repository.switch_lock(exclusive=True):
        began_seconds = clock.monotonic_seconds()
        marker.mark_listed(quietly=True)
        being_written = maybe_being_written(repository)
        dead = [use for use in candidates if _is_still_dead(marker, use, being_written)]
        if dead or marker.wrongly_dead:
            dead = _write(repository, marker, dead)
        seconds = clock.monotonic_seconds() - began_seconds
    return Switch(tuple(dead), seconds)


def maybe_being_written(repository: Repository) -> Callable[[int], bool]:
    """Return a function that tells whether a snapshot that began in a generation is under way."""
    answers: dict[int, bool] = {}

    def ask(generation: int) -> bool:
        if generation not in answers:
            answers[generation] = is_at_work(repository.location, generation)
        return answers[generation]

    return ask


def _is_still_dead(marker: Marker, use: PackUse, being_written: Callable[[int], bool]) -> bool:
    pack = use.pack
    if marker.usage.needed_chunks(pack.id) > use.needed_chunks or pack.id in marker.wrongly_dead:
        return False
    return bool(use.needed_chunks) or not being_written(pack.generation)


def _write(repository: Repository, marker: Marker, dead: Sequence[PackUse]) -> list[PackUse]:
    """Write the generation record and tell the index; return the packs that are dead by it."""
    store = repository.store
    # What is kept instead may have been stored by a process that ended before it was durable.
    for prefix in PACK_PREFIXES.values():
        store.sync_names(prefix)
    state = read_generation(store)
    there = {pack.id for pack in list_packs(store)}
    tombstones = {
        id_: stone
        for id_, stone in state.tombstones.items()
        if id_ in there and id_ not in marker.wrongly_dead
    }
    dead = dead[: max(0, TOMBSTONES_MAX - len(tombstones))]
    generations = (use.pack.generation for use in dead)
    generation = next_generation(repository.location, state.generation, generations)
    for use in dead:
        tombstones[use.pack.id] = Tombstone(PackKind(use.pack.kind), generation)
    write_generation(
        store,
        state._replace(
            generation=generation,
            time=repository.clock.now(),
            tombstones=tombstones,
        ),
    )
    try:
        repository.index.set_dead(tombstones.keys(), generation)
    except NoSpace as error:
        # The record is what counts; the index is compared with it when it is opened again.
        repository.monitor.event(Event("index-postponed", b"", error.message))
        repository.index.close()
    return list(dead)
