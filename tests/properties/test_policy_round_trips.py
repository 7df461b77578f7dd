"""A policy is read back as it was written, whatever it says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dedupstore.cli.quantities import parse_duration_seconds
from dedupstore.clock import format_duration
from dedupstore.format.policy import (
    KEEP_MAX,
    RetentionPolicy,
    StoredPolicy,
    decode_policy,
    encode_policy,
)

COUNTS = st.sampled_from([0, 1, KEEP_MAX]) | st.integers(0, KEEP_MAX)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)

POLICIES = st.builds(
    RetentionPolicy,
    keep_last=COUNTS,
    keep_hourly=COUNTS,
    keep_daily=COUNTS,
    keep_weekly=COUNTS,
    keep_monthly=COUNTS,
    keep_yearly=COUNTS,
    keep_within_seconds=st.none() | st.integers(1, KEEP_MAX),
    keep_tags=st.lists(TEXTS, max_size=3).map(tuple),
    timezone=TEXTS.filter(bool),
).filter(lambda policy: not policy.is_empty)


@given(POLICIES, st.none() | TEXTS)
def test_policies_round_trip(policy: RetentionPolicy, set_name: str | None) -> None:
    """Any policy of any set is read back as it was written."""
    stored = StoredPolicy(set_name, policy)
    assert decode_policy(encode_policy(stored)) == stored


@given(st.integers(0, 10**12))
def test_durations_round_trip(seconds: int) -> None:
    """A duration as it is shown in reasons can be given as an option and means the same."""
    assert parse_duration_seconds(format_duration(seconds)) == seconds
