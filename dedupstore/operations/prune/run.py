"""Pruning: snapshots go by policy, and the room of what none needs comes back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import tzinfo

from dedupstore.engine.holds import held_snapshots
from dedupstore.engine.labels import check_label
from dedupstore.engine.policies import policy_of_set, zone_of
from dedupstore.engine.reclaim.run import reclaim
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import Snapshot, load_snapshots
from dedupstore.errors import UsageError
from dedupstore.format.policy import RetentionPolicy
from dedupstore.operations.prune.options import PruneOptions, PruneReport
from dedupstore.operations.prune.retention import SnapshotFacts, decide_by_set

_Policies = dict[str, tuple[RetentionPolicy, tzinfo]]


def prune(repository: Repository, options: PruneOptions | None = None) -> PruneReport:
    """Remove the snapshots that no policy keeps, and what only they needed.

    Snapshots, restores and checks may go on meanwhile. In a dry run nothing is changed, and the
    report says what would be.

    Raises:
        UsageError: there is no policy, nor anything to compress anew; or it is empty or names an
            impossible tag.
        DamageError, UnsupportedFormat: what the other snapshots need cannot be told, or a policy
            cannot be read; nothing has been removed.
        LockTimeout: another prune, forget or repair is under way.
        NoSpace, StorageError: the store refused; what was removed by then is gone.
    """
    options = options or PruneOptions()
    # A tag that no snapshot can have keeps nothing: most likely a variable that was not set.
    for tag in options.policy.keep_tags if options.policy is not None else ():
        check_label(tag)
    clock = repository.clock
    started_seconds = clock.monotonic_seconds()
    with nullcontext() if options.dry_run else repository.removal_lock():
        snapshots = load_snapshots(repository)
        report = _decide(repository, snapshots, options)
        report.reclaim = reclaim(
            repository,
            [decision.snapshot.id for decision in report.removed],
            [s.record.previous for s in snapshots if s.record.previous is not None],
            options.reclaim,
            dry_run=options.dry_run,
        )
    gone = report.reclaim.snapshots_removed
    report.still_listed = [d for d in report.removed if d.snapshot.id not in gone]
    report.removed = [d for d in report.removed if d.snapshot.id in gone]
    report.seconds = clock.monotonic_seconds() - started_seconds
    return report


def _decide(
    repository: Repository, snapshots: Sequence[Snapshot], options: PruneOptions
) -> PruneReport:
    held = held_snapshots(repository)
    facts = [_facts(snapshot, snapshot.id in held) for snapshot in snapshots]
    if options.set_name is not None:
        facts = [fact for fact in facts if fact.set_name == options.set_name]
        if not facts:
            raise UsageError(
                f"there is no snapshot of set {options.set_name!r}",
                hint="see the sets with: dedupstore list",
            )
    policies = _policies(repository, sorted({fact.set_name for fact in facts}), options)
    decisions = decide_by_set(facts, policies, now=repository.clock.now())
    return PruneReport(
        kept=[decision for decision in decisions if decision.keep],
        removed=[decision for decision in decisions if not decision.keep],
    )


def _policies(repository: Repository, sets: Sequence[str], options: PruneOptions) -> _Policies:
    if options.policy is not None:
        chosen = options.policy, zone_of(options.policy)
        return dict.fromkeys(sets, chosen)
    policies: _Policies = {}
    for set_name in sets:
        stored = policy_of_set(repository, set_name)
        if stored is not None:
            policies[set_name] = stored.policy, zone_of(stored.policy)
    if sets and not policies and options.reclaim.recompress_level is None:
        raise UsageError(
            "no policy says what to keep",
            hint="give --keep-… options, or set a policy: dedupstore policy set --keep-daily 7",
        )
    return policies


def _facts(snapshot: Snapshot, held: bool) -> SnapshotFacts:
    record = snapshot.record
    return SnapshotFacts(
        snapshot.id, record.time, record.set_name, record.complete, held, record.tags
    )
