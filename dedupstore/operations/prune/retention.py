"""Which snapshots a policy keeps, and why: facts in, decisions out.

Within one set:

* A snapshot is kept if any rule keeps it, and says which rule and which hour, day, … that was.
* Held snapshots, and those of times that are still to come, are kept, and take no one's place: a
  snapshot dated 2043 moves no cut-off.
* Of an hour, day, ISO week, month or year the newest complete snapshot is kept; where all are
  incomplete, the newest. Those without a snapshot are not counted.
* ``keep_within_seconds`` is measured from the newest snapshot that is not in the future.
* The last complete snapshot is kept even where no rule does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from dedupstore.clock import format_duration
from dedupstore.errors import UsageError
from dedupstore.format.policy import RetentionPolicy
from dedupstore.ids import SnapshotId
from dedupstore.operations.prune.buckets import (
    Bucket,
    day_of,
    hour_of,
    local_time,
    month_of,
    week_of,
    year_of,
)

NO_RULE = "no rule keeps it"
NO_POLICY = "the set has no policy"
HELD = "held"
IN_FUTURE = "in the future"
LAST_COMPLETE = "last complete snapshot of the set"

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class SnapshotFacts:
    """What decides about a snapshot; ``time`` has a zone."""

    id: SnapshotId
    time: datetime
    set_name: str
    complete: bool = True
    held: bool = False
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a snapshot is kept; ``reasons`` are for people, and stable for scripts."""

    snapshot: SnapshotFacts
    keep: bool
    reasons: tuple[str, ...]


_Reasons = dict[SnapshotId, list[str]]


def decide_by_set(
    snapshots: Iterable[SnapshotFacts],
    policies: Mapping[str, tuple[RetentionPolicy, tzinfo]],
    *,
    now: datetime,
) -> tuple[Decision, ...]:
    """Decide about snapshots of any sets by the policy of each and its zone, oldest first.

    Sets that are not among ``policies`` keep all they have.

    Raises:
        UsageError: a policy is empty.
    """
    by_set: defaultdict[str, list[SnapshotFacts]] = defaultdict(list)
    for snapshot in snapshots:
        by_set[snapshot.set_name].append(snapshot)
    decisions: list[Decision] = []
    for set_name, members in by_set.items():
        if set_name in policies:
            policy, zone = policies[set_name]
            decisions += decide(members, policy, now=now, zone=zone)
        else:
            decisions += [Decision(snapshot, True, (NO_POLICY,)) for snapshot in members]
    decisions.sort(key=lambda decision: _age(decision.snapshot))
    return tuple(decisions)


def decide(
    snapshots: Iterable[SnapshotFacts], policy: RetentionPolicy, *, now: datetime, zone: tzinfo
) -> tuple[Decision, ...]:
    """Decide about the snapshots of one set, oldest first; those of one moment by id.

    Raises:
        UsageError: the policy is empty.
    """
    if policy.is_empty:
        raise UsageError(
            "the policy has no rules, so it would keep nothing",
            hint="give at least one rule, such as --keep-daily 7",
        )
    in_order = sorted(snapshots, key=_age)
    reasons: _Reasons = {snapshot.id: [] for snapshot in in_order}
    past = [snapshot for snapshot in in_order if snapshot.time <= now]
    _keep_protected(in_order, now, reasons)
    _keep_counted([snapshot for snapshot in past if not snapshot.held], policy, zone, reasons)
    _keep_within(past, policy.keep_within_seconds, reasons)
    _keep_tagged(in_order, policy.keep_tags, reasons)
    _keep_last_complete(past, reasons)
    return tuple(
        Decision(snapshot, bool(reasons[snapshot.id]), tuple(reasons[snapshot.id]) or (NO_RULE,))
        for snapshot in in_order
    )


def _age(snapshot: SnapshotFacts) -> tuple[datetime, SnapshotId]:
    return snapshot.time, snapshot.id


def _keep_protected(snapshots: Sequence[SnapshotFacts], now: datetime, reasons: _Reasons) -> None:
    for snapshot in snapshots:
        if snapshot.held:
            reasons[snapshot.id].append(HELD)
        if snapshot.time > now:
            reasons[snapshot.id].append(IN_FUTURE)


def _keep_counted(
    candidates: Sequence[SnapshotFacts], policy: RetentionPolicy, zone: tzinfo, reasons: _Reasons
) -> None:
    """Apply the rules that count snapshots or buckets; ``candidates`` are in order of time."""
    if policy.keep_last:
        for number, snapshot in enumerate(reversed(candidates[-policy.keep_last :]), 1):
            reasons[snapshot.id].append(f"last {number}")
    rules: tuple[tuple[str, Callable[[datetime], Bucket], int], ...] = (
        ("hourly", hour_of, policy.keep_hourly),
        ("daily", day_of, policy.keep_daily),
        ("weekly", week_of, policy.keep_weekly),
        ("monthly", month_of, policy.keep_monthly),
        ("yearly", year_of, policy.keep_yearly),
    )
    for word, bucket_of, count in rules:
        if count:
            held_by: dict[Bucket, SnapshotFacts] = {}
            for snapshot in candidates:
                bucket = bucket_of(local_time(snapshot.time, zone))
                before = held_by.get(bucket)
                if before is None or snapshot.complete or not before.complete:
                    held_by[bucket] = snapshot
            for bucket in sorted(held_by, reverse=True)[:count]:
                reasons[held_by[bucket].id].append(f"{word} {bucket.name}")


def _keep_within(
    past: Sequence[SnapshotFacts], within_seconds: int | None, reasons: _Reasons
) -> None:
    if within_seconds is None or not past:
        return
    newest = past[-1].time
    for snapshot in past:
        # Ages are compared, not times: the time that long ago may lie before the year 1.
        if (newest - snapshot.time) // _MICROSECOND <= within_seconds * 1_000_000:
            reasons[snapshot.id].append(f"within {format_duration(within_seconds)}")


def _keep_tagged(
    snapshots: Sequence[SnapshotFacts], tags: Sequence[str], reasons: _Reasons
) -> None:
    for snapshot in snapshots:
        kept_by = (tag for tag in dict.fromkeys(tags) if tag in snapshot.tags)
        reasons[snapshot.id] += [f"tag {tag}" for tag in kept_by]


def _keep_last_complete(past: Sequence[SnapshotFacts], reasons: _Reasons) -> None:
    last = next((snapshot for snapshot in reversed(past) if snapshot.complete), None)
    if last is not None and not reasons[last.id]:
        reasons[last.id].append(LAST_COMPLETE)
