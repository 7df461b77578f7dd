"""Retention, for any snapshots and policies, against an oracle that asks one snapshot at a time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from dedupstore.format.policy import RetentionPolicy
from dedupstore.operations.prune.retention import (
    NO_RULE,
    Decision,
    SnapshotFacts,
    decide,
    decide_by_set,
)

ZONES = (
    "UTC",
    "Europe/Paris",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
)

# Around where years, ISO weeks and the summer times of the zones change.
MOMENTS = tuple(
    datetime.fromisoformat(text).replace(tzinfo=UTC)
    for text in (
        "2010-11-07T02:31:00",  # St John's, back from 00:01 to 23:01 of the day before
        "2011-12-30T10:00:00",  # Apia leaves out a day
        "2025-12-31T23:30:00",
        "2026-03-29T01:00:00",
        "2026-04-04T15:00:00",
        "2026-10-25T01:00:00",
        "2027-01-03T12:00:00",
    )
)

TIMES = st.builds(
    lambda moment, seconds: moment + timedelta(seconds=seconds),
    st.sampled_from(MOMENTS),
    st.integers(-40, 40).map(lambda steps: steps * 1800)
    | st.integers(-1_000_000, 1_000_000)
    | st.integers(-60_000_000, 60_000_000),
)

COUNTS = st.sampled_from([0, 0, 1, 1, 2, 3, 5, 1 << 62])
TAGS = st.sampled_from(["release", "nightly", "audit"])

POLICIES = st.builds(
    RetentionPolicy,
    keep_last=COUNTS,
    keep_hourly=COUNTS,
    keep_daily=COUNTS,
    keep_weekly=COUNTS,
    keep_monthly=COUNTS,
    keep_yearly=COUNTS,
    keep_within_seconds=st.none() | st.integers(1, 100_000_000),
    keep_tags=st.lists(TAGS, max_size=2).map(tuple),
    timezone=st.sampled_from(ZONES),
).filter(lambda policy: not policy.is_empty)


@st.composite
def sets_of_snapshots(draw: st.DrawFn) -> list[SnapshotFacts]:
    """Draw the snapshots of one set: often close together, some at one moment."""
    times = draw(st.lists(TIMES, max_size=12))
    times += draw(st.lists(st.sampled_from(times), max_size=3)) if times else []
    return [
        SnapshotFacts(
            id=bytes([number]) * 32,
            time=time,
            set_name="web",
            complete=draw(st.booleans()),
            held=draw(st.sampled_from([False, False, False, True])),
            tags=tuple(draw(st.sets(TAGS, max_size=2))),
        )
        for number, time in enumerate(times)
    ]


class Question(NamedTuple):
    """Snapshots of a set, a policy, and the time at which to decide."""

    snapshots: list[SnapshotFacts]
    policy: RetentionPolicy
    now: datetime

    def decisions(self) -> tuple[Decision, ...]:
        """Return what is decided."""
        zone = ZoneInfo(self.policy.timezone)
        return decide(self.snapshots, self.policy, now=self.now, zone=zone)

    def kept(self) -> set[bytes]:
        """Return the ids of what is kept."""
        return {decision.snapshot.id for decision in self.decisions() if decision.keep}


QUESTIONS = st.builds(
    Question, sets_of_snapshots(), POLICIES, TIMES | st.just(datetime(2030, 1, 1, tzinfo=UTC))
)

LABELS: dict[str, Callable[[datetime], str]] = {
    "hourly": lambda local: local.strftime("%Y-%m-%dT%H %z"),
    "daily": lambda local: local.strftime("%Y-%m-%d"),
    "weekly": lambda local: local.strftime("%G-W%V"),
    "monthly": lambda local: local.strftime("%Y-%m"),
    "yearly": lambda local: local.strftime("%Y"),
}


def naive_reasons(question: Question, one: SnapshotFacts) -> set[str]:
    """Return the words of the rules that keep one snapshot, each worked out from its definition."""
    policy, now = question.policy, question.now
    past = [other for other in question.snapshots if other.time <= now]
    counted = [other for other in past if not other.held]
    reasons = {"held"} if one.held else set()
    reasons |= {"in"} if one.time > now else set()
    if set(one.tags) & set(policy.keep_tags):
        reasons.add("tag")
    if one in past and policy.keep_within_seconds is not None:
        newest = max(other.time for other in past)
        if (newest - one.time).total_seconds() <= policy.keep_within_seconds:
            reasons.add("within")
    if one in counted:
        if sum(later(other, one) for other in counted) < policy.keep_last:
            reasons.add("last")
        for word, label in LABELS.items():
            if naive_bucket_rule(one, counted, label, policy, getattr(policy, f"keep_{word}")):
                reasons.add(word)
    newer_complete = any(other.complete and later(other, one) for other in past)
    if one in past and one.complete and not newer_complete and not reasons:
        reasons.add("last")
    return reasons


def naive_bucket_rule(
    one: SnapshotFacts,
    counted: list[SnapshotFacts],
    label: Callable[[datetime], str],
    policy: RetentionPolicy,
    count: int,
) -> bool:
    """Tell whether ``one`` stands for its bucket, and fewer than ``count`` buckets are newer."""
    zone = ZoneInfo(policy.timezone)
    labels = {other.id: label(other.time.astimezone(zone)) for other in counted}
    mates = [other for other in counted if labels[other.id] == labels[one.id]]
    better = [
        other
        for other in mates
        if (other.complete and not one.complete)
        or (other.complete == one.complete and later(other, one))
    ]
    if better:
        return False
    if label is LABELS["hourly"]:  # the texts of hours of two offsets have no order
        newer = {labels[o.id] for o in counted if o not in mates and o.time > one.time}
    else:
        newer = {text for text in labels.values() if text > labels[one.id]}
    return len(newer) < count


def later(one: SnapshotFacts, other: SnapshotFacts) -> bool:
    """Tell whether a snapshot comes after another."""
    return (one.time, one.id) > (other.time, other.id)


@given(QUESTIONS)
def test_decisions_are_those_of_the_definition(question: Question) -> None:
    """What is kept, and the rules that keep it, are what each rule's definition says by itself."""
    for decision in question.decisions():
        expected = naive_reasons(question, decision.snapshot)
        assert decision.keep == bool(expected)
        found = {reason.split()[0] for reason in decision.reasons if reason != NO_RULE}
        assert found == expected


@given(QUESTIONS)
def test_each_decision_has_reasons(question: Question) -> None:
    """Each snapshot is decided about once, with reasons that are all different."""
    decisions = question.decisions()
    assert sorted(decision.snapshot.id for decision in decisions) == sorted(
        snapshot.id for snapshot in question.snapshots
    )
    for decision in decisions:
        assert decision.reasons
        assert len(set(decision.reasons)) == len(decision.reasons)
        assert (decision.reasons == (NO_RULE,)) is not decision.keep


@given(QUESTIONS)
def test_a_bucket_is_named_once(question: Question) -> None:
    """No two snapshots are kept for the same hour, day, week, month, year or number."""
    reasons = [
        reason
        for decision in question.decisions()
        for reason in decision.reasons
        if reason.split()[0] in {*LABELS, "last"}
    ]
    assert len(set(reasons)) == len(reasons)
    for word in LABELS:
        named = sum(reason.startswith(word) for reason in reasons)
        assert named <= getattr(question.policy, f"keep_{word}")


@given(QUESTIONS, st.randoms(use_true_random=False))
def test_the_order_of_input_does_not_matter(question: Question, source: random.Random) -> None:
    """The same snapshots in any order are decided about alike."""
    shuffled = list(question.snapshots)
    source.shuffle(shuffled)
    assert question._replace(snapshots=shuffled).decisions() == question.decisions()


@given(QUESTIONS)
def test_to_apply_a_policy_twice_changes_nothing(question: Question) -> None:
    """What a policy kept, it keeps again when nothing else is left, and for the same reasons."""
    first = [decision for decision in question.decisions() if decision.keep]
    left = [decision.snapshot for decision in first]
    assert list(question._replace(snapshots=left).decisions()) == first


@given(QUESTIONS, st.data())
def test_to_keep_more_never_removes_more(question: Question, data: st.DataObject) -> None:
    """With any rule made stronger, everything that was kept is kept."""
    policy = question.policy
    rule = data.draw(st.sampled_from([*policy.counts(), "keep_within_seconds", "keep_tags"]))
    value = getattr(policy, rule)
    stronger: dict[str, Any]
    if rule == "keep_tags":
        stronger = {rule: (*value, data.draw(TAGS))}
    else:
        stronger = {rule: (value or 0) + data.draw(st.integers(1, 10_000_000))}
    more = question._replace(policy=replace(policy, **stronger))
    assert question.kept() <= more.kept()


@given(QUESTIONS, st.data())
def test_to_hold_one_never_removes_more(question: Question, data: st.DataObject) -> None:
    """With one more snapshot held, everything that was kept is kept."""
    assume(question.snapshots)
    held = data.draw(st.sampled_from(question.snapshots))
    others = [snapshot for snapshot in question.snapshots if snapshot.id != held.id]
    more = question._replace(snapshots=[*others, replace(held, held=True)])
    # The last complete one, kept for want of another, may change.
    expendable = {
        decision.snapshot.id
        for decision in question.decisions()
        if decision.reasons == ("last complete snapshot of the set",)
    }
    assert question.kept() - expendable <= more.kept()


@given(QUESTIONS)
def test_a_set_never_loses_its_last_complete_snapshot(question: Question) -> None:
    """The newest complete snapshot that is not in the future is kept by every policy."""
    past = [one for one in question.snapshots if one.complete and one.time <= question.now]
    if past:
        newest = max(past, key=lambda snapshot: (snapshot.time, snapshot.id))
        assert newest.id in question.kept()


@given(QUESTIONS, QUESTIONS)
def test_sets_do_not_touch_each_other(first: Question, second: Question) -> None:
    """Two sets decided about together are decided about as each by itself."""
    db = [
        replace(snapshot, set_name="db", id=bytes([255]) + snapshot.id[1:])
        for snapshot in second.snapshots
    ]
    second = second._replace(snapshots=db, now=first.now)
    policies = {
        "web": (first.policy, ZoneInfo(first.policy.timezone)),
        "db": (second.policy, ZoneInfo(second.policy.timezone)),
    }
    together = decide_by_set([*first.snapshots, *db], policies, now=first.now)
    for question, name in ((first, "web"), (second, "db")):
        own = tuple(found for found in together if found.snapshot.set_name == name)
        assert own == question.decisions()
