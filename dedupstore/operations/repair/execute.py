"""Doing what a plan says, in the order that is safe at every step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.epochs import Session, next_generation
from dedupstore.engine.generation import current_generation, read_generation, write_generation
from dedupstore.engine.keys import (
    PACK_PREFIXES,
    PARITY_PREFIXES,
    SNAPSHOTS_PREFIX,
    generation_key,
    parity_key,
)
from dedupstore.engine.pack_reader import StoredPack, list_packs, stored_pack
from dedupstore.engine.pack_salvage import exact_bytes, salvage_pack
from dedupstore.engine.parity import parity_maker_like
from dedupstore.engine.quarantine import (
    QUARANTINE_PREFIX,
    copy_to_quarantine,
    move_to_quarantine,
)
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import load_snapshot
from dedupstore.errors import (
    DamageError,
    NoSpace,
    ObjectMissing,
    UnsupportedFormat,
)
from dedupstore.format.generation_record import GenerationRecord
from dedupstore.format.hashing import digest
from dedupstore.ids import PackId, SnapshotId
from dedupstore.limits import GENERATION_REACHED_MAX
from dedupstore.operations.repair.plan import ActionKind, RepairPlan


@dataclass(slots=True)
class Repaired:
    """``quarantined`` are the keys, in quarantine, of what was replaced or put aside.

    ``bytes_written`` is the size of new packs and of packs that were made whole.
    """

    quarantined: list[str] = field(default_factory=list)
    bytes_written: int = 0


def execute(repository: Repository, plan: RepairPlan) -> Repaired:
    """Do what ``plan`` says. The caller holds the removal lock.

    The order, and what a crash leaves after each step; the next repair goes on from there:

    1. A damaged generation record is copied to quarantine, and one with a higher number takes its
       place. It declares nothing dead: what was, is garbage that prune finds again. One whose
       number is out of reach is removed instead.
    2. Where the exact bytes of a damaged pack can be had, the pack is copied to quarantine and
       replaced, at once. Where it is gone, it is put back.
    3. A generation is written, and what can be read of other damaged packs is copied into new packs
       of that generation, durably; the index leads to these. A crash leaves chunks twice, which is
       no harm.
    4. While no snapshot can be committed: a generation is written, so that whoever opens the index
       takes a pack that is missing for one that was taken away on purpose; sound packs that were
       dead, and may have what the damaged ones have lost, live again by it. Records and packs that
       are damaged are moved to quarantine; another generation is written, so that whoever began
       meanwhile, or before, looks again for what its snapshot needs before it commits. A crash
       leaves some of the packs where they were, damaged as they were, and everything that could be
       read of them in other packs as well.
    5. The index is built anew. Without that, it is put right when it is opened.
    6. Damaged parity of sound packs is copied to quarantine and replaced; where it cannot be made
       anew, it is moved there. A crash leaves it as it was.

    Nothing that could be read before cannot be read after any of these steps, and nothing is
    removed that is not in quarantine. A record is read once more before it is put aside: one that a
    disk did not give back for a moment only stays where it is.

    Raises:
        UnsupportedFormat: the generation record is newer; nothing has been changed.
        UsageError: new packs need parity, and the library for it is missing.
        LockTimeout, DamageError, NoSpace, StorageError: something refused; what was done by then
            is done.
    """
    done = Repaired()
    # A repair that was killed may have moved something without making that durable.
    folders = (*PACK_PREFIXES.values(), *PARITY_PREFIXES.values())
    for prefix in (QUARANTINE_PREFIX, SNAPSHOTS_PREFIX, *folders):
        repository.store.sync_names(prefix)
    if plan.keys(ActionKind.RENEW_GENERATION):
        _renew_generation(repository, done)
    healed, salvaged_keys = plan.keys(ActionKind.HEAL_PACK), plan.keys(ActionKind.SALVAGE_PACK)
    # Where the exact bytes were there and cannot be had now, the next repair decides anew.
    _replace_whole(repository, healed, done)
    # What is put aside takes its parity along, which may not have been given back for a moment.
    damaged = _replace_whole(repository, salvaged_keys, done)
    for key in plan.keys(ActionKind.BRING_BACK_PACK):
        _bring_back(repository, key, done)
    salvaged = _salvage(repository, damaged, done) if damaged else []
    records = list(_still_damaged(repository, plan.keys(ActionKind.QUARANTINE_SNAPSHOT)))
    given_up = [*records, *plan.keys(ActionKind.GIVE_UP_SNAPSHOT)]
    if salvaged or given_up:
        revived = _sound_dead_packs(repository) if salvaged else frozenset()
        _switch(repository, salvaged, records, _ids(given_up), revived, done)
    if healed or salvaged_keys or plan.keys(ActionKind.BRING_BACK_PACK):
        _rebuild_index(repository)
    for key in plan.keys(ActionKind.RENEW_PARITY):
        # A pack that has gone bad since is for the next repair.
        with suppress(DamageError):
            _renew_parity(repository, key, done)
    for key in plan.keys(ActionKind.REMOVE_PARITY):
        if _is_there_and_sound(repository, _pack_of_parity(key)):
            done.quarantined.append(move_to_quarantine(repository.store, key))
    return done


def _renew_generation(repository: Repository, done: Repaired) -> None:
    store = repository.store
    generations = [pack.generation for pack in repository.index.packs()]
    with repository.switch_lock(exclusive=True):
        while True:
            with suppress(DamageError):
                number = read_generation(store).generation
                if number < GENERATION_REACHED_MAX:
                    break
            current = current_generation(store)
            done.quarantined.append(copy_to_quarantine(store, generation_key(current)))
            if current < GENERATION_REACHED_MAX:
                number = next_generation(repository.location, current, generations)
                write_generation(store, GenerationRecord(number, repository.clock.now()))
                break
            # It never was a record, and would leave hardly a number above it.
            store.delete(generation_key(current))
    repository.index.require_generation(number)


def _replace_whole(repository: Repository, keys: Sequence[str], done: Repaired) -> list[StoredPack]:
    """Replace damaged packs by their exact bytes; return those of which these cannot be had."""
    store = repository.store
    rest = []
    for key in keys:
        pack = stored_pack(store, key)
        exact = exact_bytes(store, pack, current_generation(store))
        if exact is None:
            rest.append(pack)
            continue
        done.quarantined.append(copy_to_quarantine(store, key))
        store.put(key, [exact[0]])
        done.bytes_written += len(exact[0])
    return rest


def _bring_back(repository: Repository, key: str, done: Repaired) -> None:
    store = repository.store
    with suppress(ObjectMissing):
        store.object_bytes(key)
        return
    kind = next(kind for kind, prefix in PACK_PREFIXES.items() if key.startswith(prefix + "/"))
    pack = StoredPack(kind, bytes.fromhex(key.rpartition("/")[2]), 0)
    exact = exact_bytes(store, pack, current_generation(store))
    if exact is not None:
        store.put(key, [exact[0]])
        done.bytes_written += len(exact[0])


def _salvage(
    repository: Repository, packs: Sequence[StoredPack], done: Repaired
) -> list[StoredPack]:
    """Copy what can be read of packs into new ones; return the packs that may be put aside."""
    monitor = repository.monitor
    monitor.begin("salvaging packs", sum(pack.pack_bytes for pack in packs))
    copied = []
    # Of a generation of their own, new packs never come out as the damaged ones once were, which
    # they would replace.
    with repository.switch_lock(exclusive=True):
        session = Session(_write_next(repository, read_generation(repository.store)))
    try:
        with ChunkWriter(repository, session, replace=True) as writer:
            for pack in packs:
                with suppress(UnsupportedFormat):
                    _copy_sound(repository, writer, pack)
                    copied.append(pack)
                monitor.advance(pack.pack_bytes, 1)
            writer.flush()
            done.bytes_written += writer.bytes_stored
    finally:
        monitor.end()
    return copied


def _copy_sound(repository: Repository, writer: ChunkWriter, pack: StoredPack) -> None:
    for block in salvage_pack(repository.store, pack):
        if block.whole is not None:
            writer.copy_block(pack.kind, block.whole)
            continue
        for id_, chunk in block.chunks.items():
            writer.copy_chunk(pack.kind, id_, chunk)


def _still_damaged(repository: Repository, records: Sequence[str]) -> Iterator[str]:
    for key in records:
        try:
            load_snapshot(repository, _id(key))
        except ObjectMissing:
            continue
        except DamageError:
            yield key


def _switch(
    repository: Repository,
    packs: Sequence[StoredPack],
    records: Sequence[str],
    given_up: frozenset[SnapshotId],
    revived: frozenset[PackId],
    done: Repaired,
) -> None:
    store = repository.store
    with repository.switch_lock(exclusive=True):
        state = read_generation(store)
        dead = {id_: stone for id_, stone in state.tombstones.items() if id_ not in revived}
        state = state._replace(forgotten=state.forgotten | given_up, tombstones=dead)
        _write_next(repository, state)
        for key in (*records, *(pack.key for pack in packs)):
            done.quarantined.append(move_to_quarantine(store, key))
        for pack in packs:
            with suppress(ObjectMissing):
                key = parity_key(pack.kind, pack.id)
                done.quarantined.append(move_to_quarantine(store, key))
        number = _write_next(repository, state)
    repository.index.require_generation(number)


def _sound_dead_packs(repository: Repository) -> frozenset[PackId]:
    """Return the packs that wait to be removed, but may have the last copy of what has been lost.

    The next prune declares them dead again where they have not.
    """
    dead = read_generation(repository.store).tombstones
    there = (pack for pack in list_packs(repository.store) if pack.id in dead)
    return frozenset(pack.id for pack in there if _is_there_and_sound(repository, pack))


def _is_there_and_sound(repository: Repository, pack: StoredPack) -> bool:
    try:
        return _is_sound(repository, pack)
    except DamageError:
        return False


def _write_next(repository: Repository, state: GenerationRecord) -> int:
    """Write a generation record as ``state``, but with the next number, and return that."""
    store = repository.store
    number = next_generation(repository.location, current_generation(store))
    record = state._replace(generation=number, time=repository.clock.now())
    write_generation(store, record)
    return number


def _rebuild_index(repository: Repository) -> None:
    try:
        repository.rebuild_index()
    except NoSpace:
        # It is compared with the packs, and put right, when it is opened again.
        repository.index.close()


def _renew_parity(repository: Repository, key: str, done: Repaired) -> None:
    """Make damaged parity anew, as much as there was of it."""
    store = repository.store
    pack = _pack_of_parity(key)
    maker = parity_maker_like(store, pack.kind, pack.id, repository.config.parity_percent)
    data = store.get(pack.key)
    if maker is not None and digest(data) == pack.id:
        done.quarantined.append(copy_to_quarantine(store, key))
        maker.store_parity(store, pack.kind, pack.id, [data])


def _is_sound(repository: Repository, pack: StoredPack) -> bool:
    return digest(repository.store.get(pack.key)) == pack.id


def _pack_of_parity(key: str) -> StoredPack:
    folder, _, name = key.rpartition("/")
    kind = next(kind for kind, prefix in PARITY_PREFIXES.items() if prefix == folder)
    return StoredPack(kind, bytes.fromhex(name), 0)


def _ids(keys: Sequence[str]) -> frozenset[SnapshotId]:
    return frozenset(map(_id, keys))


def _id(key: str) -> SnapshotId:
    return bytes.fromhex(key.rpartition("/")[2])
