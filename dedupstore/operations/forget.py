"""Removing chosen snapshots, and what only they needed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from dedupstore.engine.holds import held_snapshots
from dedupstore.engine.reclaim.plan import ReclaimOptions
from dedupstore.engine.reclaim.run import ReclaimReport, reclaim
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import list_snapshot_ids, load_snapshots
from dedupstore.errors import SnapshotHeld, SnapshotUnknown
from dedupstore.ids import SnapshotId


@dataclass(slots=True)
class ForgetReport:
    """What a forget removed, or in a dry run would remove."""

    removed: list[SnapshotId] = field(default_factory=list)
    reclaim: ReclaimReport = field(default_factory=ReclaimReport)
    seconds: float = 0.0


def forget(
    repository: Repository,
    snapshots: Sequence[SnapshotId],
    options: ReclaimOptions | None = None,
    *,
    dry_run: bool = False,
) -> ForgetReport:
    """Remove snapshots, whatever a policy says, and what only they needed.

    A snapshot whose record is damaged can be removed like any other.

    Raises:
        SnapshotUnknown: one of them is not there; nothing has been removed.
        SnapshotHeld: one of them is held; nothing has been removed.
        DamageError, UnsupportedFormat: what the others need cannot be told; nothing was removed.
        LockTimeout: another prune, forget or repair is under way.
        NoSpace, StorageError: the store refused; what was removed by then is gone.
    """
    clock = repository.clock
    started_seconds = clock.monotonic_seconds()
    chosen = list(dict.fromkeys(snapshots))
    with nullcontext() if dry_run else repository.removal_lock():
        _require_removable(repository, chosen)
        done = reclaim(
            repository,
            chosen,
            _named_as_previous(repository),
            options or ReclaimOptions(),
            dry_run=dry_run,
        )
    removed = [id_ for id_ in chosen if id_ in done.snapshots_removed]
    return ForgetReport(removed, done, clock.monotonic_seconds() - started_seconds)


def _require_removable(repository: Repository, snapshots: Sequence[SnapshotId]) -> None:
    there = frozenset(list_snapshot_ids(repository))
    held = held_snapshots(repository)
    for id_ in snapshots:
        if id_ not in there:
            raise SnapshotUnknown(f"no snapshot {id_.hex()[:12]}")
        if id_ in held:
            raise SnapshotHeld(
                f"snapshot {id_.hex()[:12]} is held",
                hint=f"end that first with: dedupstore release {id_.hex()[:12]}",
            )


def _named_as_previous(repository: Repository) -> list[SnapshotId]:
    records = (snapshot.record for snapshot in load_snapshots(repository))
    return [record.previous for record in records if record.previous is not None]
