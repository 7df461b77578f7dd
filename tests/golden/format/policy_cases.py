"""Vectors of retention policies (repository.md)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from golden.format.layouts import MISSING, policy_text
from golden.format.vectors import Vector, accepted, refused

damaged = partial(refused, "damaged", decoder="policy")
newer = partial(refused, "newer", decoder="policy")

VALUE: dict[str, Any] = {
    "set": None,
    "keep_last": 0,
    "keep_hourly": 0,
    "keep_daily": 14,
    "keep_weekly": 0,
    "keep_monthly": 12,
    "keep_yearly": 0,
    "keep_within_seconds": None,
    "keep_tags": [],
    "timezone": "UTC",
}
COUNT_MAX = (1 << 63) - 1


def cases() -> Iterator[Vector]:
    """Yield all vectors of this object."""
    yield from _accepted()
    yield newer("policy-format-2", rules="V-01", data=policy_text(format=2))
    unknown = policy_text(features_required=["keep-largest"])
    yield newer("policy-feature-unknown", rules="V-02", data=unknown)
    yield damaged("policy-empty-file", rules="J-01", data=b"")
    yield Vector(
        "policy-too-long",
        "policy",
        ("J-02",),
        "damaged",
        (policy_text().encode(), (b" ", 1 << 16)),
    )
    yield damaged("policy-checksum-wrong", rules="T-01", data=policy_text(checksum="00" * 32))
    flipped = policy_text().replace('"format": 1', '"format": 2')
    yield damaged("policy-format-flipped", rules="T-01", data=flipped)
    changed = policy_text().replace('"keep_daily": 14', '"keep_daily": 1')
    yield damaged("policy-count-flipped", rules="T-01", data=changed)
    yield from _refused_fields()
    yield damaged(
        "policy-without-rules", rules="T-03", data=policy_text(keep_daily=0, keep_monthly=0)
    )
    for name, seconds in (("0", 0), ("negative", -1)):
        data = policy_text(keep_within_seconds=seconds)
        yield damaged(f"policy-within-{name}", rules="T-04", data=data)
    for name, zone in (("empty", ""), ("too-long", "Z" * 101)):
        yield damaged(f"policy-timezone-{name}", rules="T-05", data=policy_text(timezone=zone))


def _accepted() -> Iterator[Vector]:
    yield accepted("policy-default", "policy", "T-01 J-03", policy_text(), VALUE)
    full = {
        "set": "web-é",
        "keep_last": 1,
        "keep_hourly": 2,
        "keep_daily": 3,
        "keep_weekly": 4,
        "keep_monthly": 5,
        "keep_yearly": COUNT_MAX,
        "keep_within_seconds": COUNT_MAX,
        "keep_tags": ["release", "audit"],
        "timezone": "Europe/Paris",
    }
    yield accepted("policy-of-a-set", "policy", "T-04 T-05", policy_text(**full), full)
    nothing_else = {"keep_daily": 0, "keep_monthly": 0}
    within = {**nothing_else, "keep_within_seconds": 1}
    yield accepted(
        "policy-within-only", "policy", "T-03 T-04", policy_text(**within), VALUE | within
    )
    tags = {**nothing_else, "keep_tags": ["release"]}
    yield accepted("policy-tags-only", "policy", "T-03", policy_text(**tags), VALUE | tags)
    extra = policy_text(extra={"list": []}).encode()
    yield Vector("policy-unknown-field", "policy", ("V-03",), "accepted", (extra,), {}, VALUE)


def _refused_fields() -> Iterator[Vector]:
    for name, changes in (
        ("checksum-missing", {"checksum": MISSING}),
        ("set-missing", {"set": MISSING}),
        ("set-a-number", {"set": 1}),
        ("count-missing", {"keep_hourly": MISSING}),
        ("count-negative", {"keep_last": -1}),
        ("count-true", {"keep_last": True}),
        ("count-null", {"keep_last": None}),
        ("within-missing", {"keep_within_seconds": MISSING}),
        ("within-a-text", {"keep_within_seconds": "7d"}),
        ("within-true", {"keep_within_seconds": True}),
        ("tags-a-text", {"keep_tags": "release"}),
        ("tag-a-number", {"keep_tags": [1]}),
        ("timezone-missing", {"timezone": MISSING}),
        ("timezone-null", {"timezone": None}),
    ):
        yield damaged(f"policy-{name}", rules="J-06", data=policy_text(**changes))
