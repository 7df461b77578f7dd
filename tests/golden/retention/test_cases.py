"""What policies keep, as cases written by hand: a file each, named for what it shows."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dedupstore.clock import parse_time, parse_zone
from dedupstore.errors import UsageError
from dedupstore.format.policy import RetentionPolicy
from dedupstore.operations.prune.retention import (
    NO_RULE,
    Decision,
    SnapshotFacts,
    decide,
    decide_by_set,
)

CASES = sorted(Path(__file__).parent.glob("*.json"))


def policy_of(fields: dict[str, Any]) -> RetentionPolicy:
    """Return the policy that a case gives."""
    return RetentionPolicy(**{**fields, "keep_tags": tuple(fields.get("keep_tags", ()))})


def facts_of(fields: dict[str, Any]) -> SnapshotFacts:
    """Return the facts that a case gives of a snapshot; ids are in the order of names."""
    return SnapshotFacts(
        id=fields["name"].encode().ljust(32, b"\0"),
        time=parse_time(fields["time"]),
        set_name=fields.get("set", "web"),
        complete=fields.get("complete", True),
        held=fields.get("held", False),
        tags=tuple(fields.get("tags", ())),
    )


def decisions_of(case: dict[str, Any]) -> tuple[Decision, ...]:
    """Return what is decided in a case: by one policy, or by one for each set."""
    snapshots = [facts_of(fields) for fields in case["snapshots"]]
    now: datetime = parse_time(case["now"])
    if "policy" in case:
        policy = policy_of(case["policy"])
        return decide(snapshots, policy, now=now, zone=parse_zone(policy.timezone))
    policies = {name: policy_of(fields) for name, fields in case["policies"].items()}
    zoned = {name: (policy, parse_zone(policy.timezone)) for name, policy in policies.items()}
    return decide_by_set(snapshots, zoned, now=now)


def name_of(decision: Decision) -> str:
    """Return the name that a case gave to a snapshot."""
    return decision.snapshot.id.rstrip(b"\0").decode()


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_is_decided_as_written(path: Path) -> None:
    """Exactly the snapshots that the case names are kept, for its reasons, and the rest removed."""
    case = json.loads(path.read_text(encoding="utf-8"))
    decisions = decisions_of(case)
    kept = {name_of(decision): list(decision.reasons) for decision in decisions if decision.keep}
    removed = [decision for decision in decisions if not decision.keep]
    assert kept == case["kept"], case["claim"]
    assert [name_of(decision) for decision in removed] == case["removed"], case["claim"]
    assert all(decision.reasons == (NO_RULE,) for decision in removed)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_decisions_are_in_order_of_time(path: Path) -> None:
    """There is one decision for each snapshot, oldest first and by id within a moment."""
    case = json.loads(path.read_text(encoding="utf-8"))
    found = [decision.snapshot for decision in decisions_of(case)]
    given = [facts_of(fields) for fields in case["snapshots"]]
    assert found == sorted(given, key=lambda facts: (facts.time, facts.id))


def test_an_empty_policy_is_refused() -> None:
    """A policy without rules, or of zeros, decides about nothing, not even about no snapshots."""
    now = parse_time("2026-03-10T00:00:00Z")
    for empty in (RetentionPolicy(), RetentionPolicy(keep_last=0, timezone="Europe/Paris")):
        assert empty.is_empty
        with pytest.raises(UsageError) as caught:
            decide([], empty, now=now, zone=parse_zone("UTC"))
        assert caught.value.hint
