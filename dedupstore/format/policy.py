"""Retention policies, and their stored form (docs/format/repository.md)."""

from __future__ import annotations

from dataclasses import dataclass

from dedupstore.errors import FormatError, UsageError
from dedupstore.format.canonical_json import JsonObject, decode_json, encode_json
from dedupstore.format.fields import (
    FORMAT_VERSION,
    Value,
    check_version_and_features,
    take,
    take_count,
    take_texts,
)
from dedupstore.format.hashing import digest
from dedupstore.limits import POLICY_BYTES_MAX, ZONE_CHARACTERS_MAX

KEEP_MAX = (1 << 63) - 1
"""No count and no number of seconds of a policy is larger."""

_WHAT = "a policy"


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """Which snapshots of a set to keep; a snapshot is kept if any of the rules keeps it.

    ``keep_last`` keeps that many of the newest snapshots. ``keep_hourly`` to ``keep_yearly`` keep
    the newest of each of that many hours, days, ISO weeks, months or years that hold one, as
    ``timezone`` (a name of the IANA database, or UTC) divides them. ``keep_within_seconds`` keeps
    what is at most that much older than the newest. ``keep_tags`` keeps what has one of the tags.

    Raises:
        UsageError: a number is out of range, or the zone has an impossible name.
    """

    keep_last: int = 0
    keep_hourly: int = 0
    keep_daily: int = 0
    keep_weekly: int = 0
    keep_monthly: int = 0
    keep_yearly: int = 0
    keep_within_seconds: int | None = None
    keep_tags: tuple[str, ...] = ()
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        for name, count in self.counts().items():
            if not 0 <= count <= KEEP_MAX:
                raise UsageError(f"not a number of snapshots to keep: {name} {count}")
        within = self.keep_within_seconds
        if within is not None and not 1 <= within <= KEEP_MAX:
            raise UsageError(f"not a time to keep snapshots for: {within} seconds")
        if not 1 <= len(self.timezone) <= ZONE_CHARACTERS_MAX:
            raise UsageError(f"not a time zone: {self.timezone[:40]!r}")

    @property
    def is_empty(self) -> bool:
        """True when no rule is given, so that the policy would keep nothing."""
        rules = (*self.counts().values(), self.keep_within_seconds, self.keep_tags)
        return not any(rules)

    def counts(self) -> dict[str, int]:
        """Return the rules that count, by the names of their fields."""
        return {
            "keep_last": self.keep_last,
            "keep_hourly": self.keep_hourly,
            "keep_daily": self.keep_daily,
            "keep_weekly": self.keep_weekly,
            "keep_monthly": self.keep_monthly,
            "keep_yearly": self.keep_yearly,
        }


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A policy and the set it is for; ``None`` is every set that has no policy of its own."""

    set_name: str | None
    policy: RetentionPolicy


def encode_policy(stored: StoredPolicy) -> bytes:
    """Return a policy as JSON with its own checksum in the field ``checksum``."""
    policy = stored.policy
    record: JsonObject = {
        "format": FORMAT_VERSION,
        "features_required": [],
        "set": stored.set_name,
        **policy.counts(),
        "keep_within_seconds": policy.keep_within_seconds,
        "keep_tags": list(policy.keep_tags),
        "timezone": policy.timezone,
    }
    record["checksum"] = _checksum(record)
    return encode_json(record)


def decode_policy(data: bytes) -> StoredPolicy:
    """Read a policy.

    Raises:
        UnsupportedFormat: a newer format, or an unknown required feature.
        FormatError: damaged or malformed, or without any rule.
    """
    record = decode_json(data, POLICY_BYTES_MAX, _WHAT)
    if take(record, "checksum", str, _WHAT) != _checksum(record):
        raise FormatError(f"{_WHAT} is damaged: its checksum is wrong")
    check_version_and_features(record, _WHAT)
    try:
        policy = RetentionPolicy(
            keep_last=take_count(record, "keep_last", _WHAT),
            keep_hourly=take_count(record, "keep_hourly", _WHAT),
            keep_daily=take_count(record, "keep_daily", _WHAT),
            keep_weekly=take_count(record, "keep_weekly", _WHAT),
            keep_monthly=take_count(record, "keep_monthly", _WHAT),
            keep_yearly=take_count(record, "keep_yearly", _WHAT),
            keep_within_seconds=_take_or_null(record, "keep_within_seconds", int),
            keep_tags=take_texts(record, "keep_tags", _WHAT),
            timezone=take(record, "timezone", str, _WHAT),
        )
    except UsageError as error:
        raise FormatError(f"{_WHAT} is impossible: {error.message}") from error
    if policy.is_empty:
        raise FormatError(f"{_WHAT} has no rule that keeps anything")
    return StoredPolicy(_take_or_null(record, "set", str), policy)


def _take_or_null(record: JsonObject, name: str, kind: type[Value]) -> Value | None:
    if name in record and record[name] is None:
        return None
    return take(record, name, kind, _WHAT)


def _checksum(record: JsonObject) -> str:
    without = {name: value for name, value in record.items() if name != "checksum"}
    return digest(encode_json(without)).hex()
