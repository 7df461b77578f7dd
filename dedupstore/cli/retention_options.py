"""The options that say which snapshots to keep, and a policy in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from dedupstore.cli.quantities import DURATION, ParsedType
from dedupstore.cli.text import counted, printable
from dedupstore.clock import format_duration
from dedupstore.errors import UsageError
from dedupstore.format.policy import KEEP_MAX, RetentionPolicy

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])

_DIGITS_MAX = 19


def _parse_count(text: str) -> int:
    count = int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX else -1
    if not 0 <= count <= KEEP_MAX:
        raise ValueError(f"not a number of snapshots: {text[:40]!r}; give 0, 1, 2, …")
    return count


_COUNT = ParsedType("count", _parse_count)
_STRETCHES = {
    "keep_hourly": "hour",
    "keep_daily": "day",
    "keep_weekly": "ISO week",
    "keep_monthly": "month",
    "keep_yearly": "year",
}
_OPTIONS = (
    click.option(
        "--keep-last", type=_COUNT, metavar="N", help="Keep the newest N snapshots of a set."
    ),
    *(
        click.option(
            f"--{name.replace('_', '-')}",
            type=_COUNT,
            metavar="N",
            help=f"Keep the newest of each of the last N {stretch}s that hold one.",
        )
        for name, stretch in _STRETCHES.items()
    ),
    click.option(
        "--keep-within",
        type=DURATION,
        help="Keep what is at most that much older than the set's newest, such as 7d.",
    ),
    click.option(
        "--keep-tag",
        "keep_tags",
        multiple=True,
        metavar="T",
        help="Keep what has the tag T; may be repeated.",
    ),
)


def retention_options(command: _Decorated) -> _Decorated:
    """Add ``--keep-last`` to ``--keep-tag`` to a command, whose values ``given_policy`` reads."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def given_policy(given: Mapping[str, Any], zone_name: str) -> RetentionPolicy | None:
    """Return the policy that a command's options make, or ``None`` where none of them was given.

    ``zone_name`` is the zone that divides its days.

    Raises:
        UsageError: the options keep nothing, or a duration is out of range.
    """
    counts = {name: given[name] for name in ("keep_last", *_STRETCHES)}
    within, tags = given["keep_within"], tuple(dict.fromkeys(given["keep_tags"]))
    if within is None and not tags and all(count is None for count in counts.values()):
        return None
    if within is not None and within > KEEP_MAX:
        raise UsageError("the duration of --keep-within is too long", hint="give one such as 10y")
    policy = RetentionPolicy(
        **{name: count or 0 for name, count in counts.items()},
        # A part of a second counts as a whole one: to keep more is safe.
        keep_within_seconds=math.ceil(within) if within else None,
        keep_tags=tags,
        timezone=zone_name,
    )
    if policy.is_empty:
        raise UsageError(
            "a policy of zeros keeps nothing",
            hint="give at least one --keep-… option above 0; to remove a snapshot, use forget",
        )
    return policy


def policy_lines(policy: RetentionPolicy) -> list[str]:
    """Return the rules of a policy in words, one a line."""
    lines = []
    if policy.keep_last:
        lines.append(f"the last {counted(policy.keep_last, 'snapshot')}")
    counts = policy.counts()
    for name, stretch in _STRETCHES.items():
        if counts[name] == 1:
            lines.append(f"the newest of the last {stretch} that holds one")
        elif counts[name]:
            lines.append(f"the newest of each of the last {counts[name]} {stretch}s that hold one")
    if policy.keep_within_seconds:
        duration = format_duration(policy.keep_within_seconds)
        lines.append(f"all that are at most {duration} older than the newest")
    lines += [f"all with the tag {printable(tag)}" for tag in policy.keep_tags]
    return lines
