"""The whole of removing: plan what goes, then do it in the order that is safe at every step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.compression import REPACKING
from dedupstore.engine.confirmed_loss import is_index_complete
from dedupstore.engine.epochs import Session, epochs_at_work
from dedupstore.engine.generation import current_generation
from dedupstore.engine.keys import SNAPSHOTS_PREFIX
from dedupstore.engine.monitor import Event
from dedupstore.engine.parity import stored_parity
from dedupstore.engine.reclaim.leftovers import remove_leftovers
from dedupstore.engine.reclaim.marker import Marker
from dedupstore.engine.reclaim.pack_level import pack_level
from dedupstore.engine.reclaim.plan import PackUse, ReclaimOptions, ReclaimPlan, plan_reclaim
from dedupstore.engine.reclaim.proof import prove, refuse_newer_packs
from dedupstore.engine.reclaim.removal import remove_snapshots
from dedupstore.engine.reclaim.repack import copy_needed, repacked_level
from dedupstore.engine.reclaim.sweep import sweep
from dedupstore.engine.reclaim.switch import declare_dead, maybe_being_written
from dedupstore.engine.repository import Repository
from dedupstore.engine.reserve import renew_reserve
from dedupstore.engine.snapshots import list_snapshot_ids
from dedupstore.errors import DamageError, DedupstoreError, IndexUnusable, NoSpace, UsageError
from dedupstore.format.pack import PackKind
from dedupstore.ids import PackId, SnapshotId

Result = TypeVar("Result")

_ROUND_BYTES = 256 * 1024 * 1024
"""As much as is repacked at once, or less if there is no room for what is copied of it: on a disk
that is nearly full, the old packs of a round must go before the next one has room."""

_ROUNDS_FEW = 16
"""Where much is repacked, rounds are larger, so that there are hardly more: each goes through the
names of all packs a few times, which would otherwise come to cost more than the work itself."""

_ROUND_RECOMPRESSED_BYTES = 1024 * 1024 * 1024
"""Original bytes of those packs of a round that are compressed anew, or at a heavy level: a minute
of work, which is what an interruption costs."""

_REMOVED_ON_FULL_DISK = 128
"""Snapshots that are removed at once where there is only the reserve: to name them takes 9 KB."""

_TRIES_MAX = 3


@dataclass(slots=True)
class ReclaimReport:
    """What was done, or in a dry run would be.

    ``snapshots_removed`` are those that were listed and not held. ``bytes_freed`` is what the packs
    that were declared dead take, their parity included, less ``bytes_written`` for packs that took
    their place, and ``bytes_left_over``: half-written objects of processes that were killed. It is
    an estimate in a dry run. ``swept`` is false where dead packs are still there, since somebody at
    work may read them, or where there are ``packs_undecided``: of which nothing is needed yet, but
    a snapshot under way may come to need it. A later run removes both. ``pieces_read`` counts the
    pieces of manifests that marking read, each once; ``switch_seconds`` is the longest time for
    which no snapshot could be committed. ``chunks_lost`` are chunks of logs that are needed and in
    no pack. ``packs_recompressed`` are those of ``packs_repacked`` that only were for their level
    of compression; what that frees is not known before.
    """

    plan: ReclaimPlan = field(default_factory=ReclaimPlan)
    snapshots_removed: frozenset[SnapshotId] = frozenset()
    packs_dead: int = 0
    packs_repacked: int = 0
    packs_recompressed: int = 0
    packs_undecided: int = 0
    bytes_dead: int = 0
    bytes_written: int = 0
    bytes_left_over: int = 0
    bytes_freed: int = 0
    swept: bool = True
    pieces_read: int = 0
    chunks_lost: int = 0
    switch_seconds: float = 0.0


def reclaim(
    repository: Repository,
    snapshots: Collection[SnapshotId],
    named_as_previous: Collection[SnapshotId],
    options: ReclaimOptions,
    *,
    dry_run: bool = False,
) -> ReclaimReport:
    """Remove ``snapshots`` and take back the room of what no other needs.

    The caller holds the removal lock; but a dry run changes nothing, and needs none. The order:

    1. What all other snapshots need is marked, the packs that are to go are chosen, and the index
       is held against their tables (``proof``). Nothing has been changed; if something that is
       needed cannot be followed, nothing will be.
    2. What killed processes have left half-written is removed (``leftovers``), and then the records
       of ``snapshots`` (``removal``).
    3. Packs of which nothing is needed are declared dead (``switch``) and removed (``sweep``), so
       that a full disk gets room.
    4. What is needed of sparse and small packs is copied, these are declared dead, and removed.

    A crash between any two leaves packs that no snapshot needs, or dead ones; the next run takes
    them. ``named_as_previous``: see ``remove_snapshots``.

    Raises:
        DamageError, UnsupportedFormat: what is needed cannot be told; nothing has been removed.
        LockTimeout, NoSpace, StorageError: something refused; what was removed by then is gone.
    """
    if dry_run:
        return _rehearse(repository, snapshots, options)
    report = ReclaimReport()
    repository.index.require_generation(current_generation(repository.store))
    # A record whose removal a crash cut short looks gone, and may be back after the next crash.
    repository.store.sync_names(SNAPSHOTS_PREFIX)
    with ChunkReader(repository) as reader:
        being_written = maybe_being_written(repository)
        marker, report.plan = _mark_and_plan(repository, reader, snapshots, options, being_written)
        with _reserve_restored(repository):
            report.bytes_left_over = remove_leftovers(repository)
            if snapshots:
                _remove_snapshots(repository, snapshots, named_as_previous)
                still_listed = frozenset(list_snapshot_ids(repository))
                report.snapshots_removed = frozenset(snapshots) - still_listed
            try:
                marker = _reclaim_planned_or_anew(repository, reader, marker, options, report)
            except (IndexUnusable, DamageError) as error:
                raise _room_not_taken_back(report, error) from error
        report.pieces_read, report.chunks_lost = marker.pieces_read, marker.lost
    report.bytes_freed = max(0, report.bytes_dead - report.bytes_written) + report.bytes_left_over
    return report


def _rehearse(
    repository: Repository, snapshots: Collection[SnapshotId], options: ReclaimOptions
) -> ReclaimReport:
    # Asked before being at work oneself, which looks like a snapshot under way.
    others = epochs_at_work(repository.location)
    store = repository.store
    report = ReclaimReport(snapshots_removed=frozenset(snapshots))
    with repository.session(), ChunkReader(repository) as reader:
        marker, report.plan = _mark_and_plan(
            repository, reader, snapshots, options, others.__contains__
        )
        report.pieces_read, report.chunks_lost = marker.pieces_read, marker.lost
        report.packs_repacked = len(report.plan.repack)
        report.packs_recompressed = sum(use.is_recompressed for use in report.plan.repack)
        report.packs_dead = len(report.plan.dead) + report.packs_repacked
        report.packs_undecided = report.plan.undecided
        report.swept = not report.packs_undecided
        if not others:
            report.bytes_left_over = sum(info.object_bytes for info in store.leftovers())
        report.bytes_freed = _expected_bytes(repository, report.plan) + report.bytes_left_over
    return report


def _mark_and_plan(
    repository: Repository,
    reader: ChunkReader,
    snapshots: Collection[SnapshotId],
    options: ReclaimOptions,
    being_written: Callable[[int], bool],
) -> tuple[Marker, ReclaimPlan]:
    """Find out what is needed, and what can go; again with a new index if the old one is wrong."""
    # Asked first: it opens the index again, and what is marked holds for one opening.
    is_complete = is_index_complete(repository)
    try:
        marker, plan = _mark_and_plan_once(repository, reader, snapshots, options, being_written)
        is_sure = not marker.lost or is_complete
        if is_sure and not marker.wrongly_dead:
            return marker, plan
        reason = "chunks that are needed are not where the index says"
    except (IndexUnusable, DamageError) as error:
        reason = error.message
    repository.monitor.event(Event("index-rebuilt", b"", reason))
    repository.rebuild_index()
    marker, plan = _mark_and_plan_once(repository, reader, snapshots, options, being_written)
    if marker.lost:
        repository.index.confirm_loss()
    for pack in marker.wrongly_dead:
        detail = f"pack {pack.hex()[:16]} was declared dead, but is needed; it stays"
        repository.monitor.event(Event("pack-revived", b"", detail))
    return marker, plan


def _mark_and_plan_once(
    repository: Repository,
    reader: ChunkReader,
    snapshots: Collection[SnapshotId],
    options: ReclaimOptions,
    being_written: Callable[[int], bool],
) -> tuple[Marker, ReclaimPlan]:
    marker = Marker(repository, reader)
    refuse_newer_packs(repository, marker.packs)
    marker.mark_listed(but=snapshots)
    plan = plan_reclaim(
        marker.packs,
        marker.usage,
        options,
        lambda pack: being_written(pack.generation),
        lambda pack: pack_level(repository.store, pack),
    )
    dead = prove(repository, marker.usage, plan.dead)
    repack = prove(repository, marker.usage, plan.repack)
    if repository.index.openings != marker.openings:
        # What was marked before may have been marked in places that were wrong.
        raise IndexUnusable("the index has been built anew while it was used")
    return marker, replace(plan, dead=tuple(dead), repack=tuple(repack))


def _reclaim_planned_or_anew(
    repository: Repository,
    reader: ChunkReader,
    marker: Marker,
    options: ReclaimOptions,
    report: ReclaimReport,
) -> Marker:
    """Do what is planned; where the index is not the one of the plan any more, plan anew.

    Return the marker that was used last.
    """
    for _ in range(_TRIES_MAX - 1):
        try:
            _reclaim_planned(repository, marker, options, report)
            return marker
        except (IndexUnusable, DamageError) as error:
            # What others have stored meanwhile may be in another index by now.
            repository.monitor.event(Event("index-rebuilt", b"", error.message))
        repository.index.close()
        being_written = maybe_being_written(repository)
        marker, report.plan = _mark_and_plan(repository, reader, (), options, being_written)
    _reclaim_planned(repository, marker, options, report)
    return marker


def _reclaim_planned(
    repository: Repository, marker: Marker, options: ReclaimOptions, report: ReclaimReport
) -> None:
    report.packs_undecided = report.plan.undecided
    _declare_and_sweep(repository, marker, report, report.plan.dead)
    waiting: Sequence[PackUse] = report.plan.repack
    round_bytes = _round_bytes(waiting)
    level_of = _repacked_levels(repository, waiting, options)
    # Those of one level together, so that what is in blocks of its own for its level is little.
    waiting = sorted(waiting, key=lambda use: level_of[use.pack.id])
    while waiting:
        packs = _fitting(waiting, _room_bytes(repository), round_bytes, level_of)
        waiting = waiting[len(packs) :]
        try:
            if not packs:
                raise NoSpace("the disk has no room for copies of what is needed")
            copied, bytes_written = _repack(repository, marker, packs, options.recompress_level)
        except (NoSpace, UsageError) as error:
            # UsageError: this repository has parity, and what makes it is not installed here.
            reason = f"{error.message}; {error.hint}" if error.hint else error.message
            repository.monitor.event(Event("repack-postponed", b"", reason))
            return
        report.bytes_written += bytes_written
        _declare_and_sweep(repository, marker, report, copied)


def _declare_and_sweep(
    repository: Repository, marker: Marker, report: ReclaimReport, packs: Sequence[PackUse]
) -> None:
    if packs or marker.wrongly_dead:
        parity = stored_parity(repository.store)
        switch = _with_reserve(repository, lambda: declare_dead(repository, marker, packs))
        report.packs_dead += len(switch.dead)
        report.packs_repacked += sum(1 for use in switch.dead if use.needed_chunks)
        report.packs_recompressed += sum(use.is_recompressed for use in switch.dead)
        report.bytes_dead += sum(
            use.pack.pack_bytes + parity.get((PackKind(use.pack.kind), use.pack.id), 0)
            for use in switch.dead
        )
        report.switch_seconds = max(report.switch_seconds, switch.seconds)
        report.packs_undecided += len(packs) - len(switch.dead)
    report.swept = not sweep(repository, marker).packs_left and not report.packs_undecided


def _round_bytes(packs: Sequence[PackUse]) -> int:
    """Return how many bytes of ``packs``, which are all to be repacked, go into one round."""
    return max(_ROUND_BYTES, sum(use.pack.pack_bytes for use in packs) // _ROUNDS_FEW)


def _repacked_levels(
    repository: Repository, packs: Sequence[PackUse], options: ReclaimOptions
) -> dict[PackId, int]:
    """Return the level at which each of ``packs`` is packed anew."""
    return {
        use.pack.id: repacked_level(
            pack_level(repository.store, use.pack), options.recompress_level
        )
        for use in packs
    }


def _fitting(
    packs: Sequence[PackUse], room_bytes: float, round_bytes: int, level_of: Mapping[PackId, int]
) -> Sequence[PackUse]:
    """Return the first of ``packs``: as many as are repacked at once in that much room."""
    pack_bytes = copied_bytes = slow_bytes = 0
    for count, use in enumerate(packs):
        pack_bytes += use.pack.pack_bytes
        copied_bytes += use.pack.pack_bytes - use.unused_bytes
        is_slow = use.is_recompressed or level_of[use.pack.id] > REPACKING
        slow_bytes += use.pack.original_bytes if is_slow else 0
        is_full = pack_bytes > round_bytes or slow_bytes > _ROUND_RECOMPRESSED_BYTES
        if copied_bytes > room_bytes or (count and is_full):
            return packs[:count]
    return packs


def _room_bytes(repository: Repository) -> float:
    """Return how many bytes of packs the disk has room for, with the parity that goes with them."""
    percent = repository.config.parity_percent or 0
    return repository.store.free_bytes() * 100 / (100 + percent)


def _expected_bytes(repository: Repository, plan: ReclaimPlan) -> int:
    """Return about as many bytes as packs and their parity will leave free."""
    parity = stored_parity(repository.store)
    parity_bytes = sum(
        parity.get((PackKind(use.pack.kind), use.pack.id), 0)
        * use.unused_bytes
        // use.pack.pack_bytes
        for use in (*plan.dead, *plan.repack)
    )
    return plan.freed_bytes + parity_bytes


def _repack(
    repository: Repository,
    marker: Marker,
    packs: Sequence[PackUse],
    recompress_level: int | None,
) -> tuple[list[PackUse], int]:
    session = Session(current_generation(repository.store))
    with ChunkWriter(repository, session, replace=True) as writer:
        copied = copy_needed(repository, writer, marker.usage, packs, recompress_level)
        return copied, writer.bytes_stored


def _remove_snapshots(
    repository: Repository,
    snapshots: Collection[SnapshotId],
    named_as_previous: Collection[SnapshotId],
) -> None:
    """Remove snapshots at once; on a full disk, some at a time.

    What names them all may be larger than the reserve, but is smaller than their records.
    """
    try:
        remove_snapshots(repository, snapshots, named_as_previous)
        return
    except NoSpace:
        if not repository.store.release_reserve():
            raise
    in_order = sorted(snapshots)
    for begin in range(0, len(in_order), _REMOVED_ON_FULL_DISK):
        some = in_order[begin : begin + _REMOVED_ON_FULL_DISK]
        remove_snapshots(repository, some, named_as_previous)


def _with_reserve(repository: Repository, action: Callable[[], Result]) -> Result:
    """Do something that writes a little; on a full disk, with the room kept for that."""
    try:
        return action()
    except NoSpace:
        if not repository.store.release_reserve():
            raise
    return action()


@contextmanager
def _reserve_restored(repository: Repository) -> Iterator[None]:
    try:
        yield
    finally:
        renew_reserve(repository)


def _room_not_taken_back(
    report: ReclaimReport, error: IndexUnusable | DamageError
) -> DedupstoreError:
    """Return the error with what has been done before it."""
    removed = len(report.snapshots_removed)
    words = "1 snapshot has" if removed == 1 else f"{removed} snapshots have"
    done = f"{words} been removed, but not all packs that only they needed: " if removed else ""
    return type(error)(done + error.message, hint=error.hint)
