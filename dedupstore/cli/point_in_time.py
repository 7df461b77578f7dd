"""The options that go back to a point in time: --at, and --trim with what belongs to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import click

from dedupstore.cli.quantities import read_time
from dedupstore.cli.session import Session
from dedupstore.clock import format_time
from dedupstore.engine.record_trim import TrimRule
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import Snapshot

# Of a snapshot's id and a path nobody can say which is meant; these are no paths.
_NAMES_SNAPSHOT = re.compile(r"latest(~|$)|@")
_F = TypeVar("_F", bound=Callable[..., Any])


class PointInTime(NamedTuple):
    """What is meant: a snapshot, paths in it, and how its logs are cut, if they are."""

    snapshot: Snapshot
    paths: tuple[str, ...]
    trim: TrimRule | None


def point_in_time_options(command: _F) -> _F:
    """Add the options to a command whose arguments are ``names``: a snapshot, and paths."""
    for option in reversed(
        (
            click.option(
                "--at",
                metavar="TIME",
                help="Take the newest snapshot at or before TIME: ISO 8601, or seconds since 1970.",
            ),
            click.option(
                "--trim",
                is_flag=True,
                help="With --at: cut each text log after its last record at or before TIME.",
            ),
            click.option(
                "--snapshot",
                "trimmed_snapshot",
                metavar="SNAPSHOT",
                help="With --trim: take this snapshot instead, such as a later one.",
            ),
        )
    ):
        command = option(command)
    return command


def find_point_in_time(
    session: Session, repository: Repository, given: dict[str, Any]
) -> PointInTime:
    """Return what the options and arguments of a command mean.

    Raises:
        click.UsageError: they do not fit together.
        DedupstoreError: see ``find_snapshot``.
    """
    names: tuple[str, ...] = given["names"]
    set_name: str | None = given["set_name"]
    if given["at"] is None:
        snapshot, *paths = names
        return PointInTime(session.find(repository, snapshot, set_name), tuple(paths), None)
    moment = read_time(given["at"], session.zone, "--at")
    name = given["trimmed_snapshot"] or f"@{format_time(moment)}"
    trim = TrimRule(moment, session.zone) if given["trim"] else None
    return PointInTime(session.find(repository, name, set_name), names, trim)


def check_point_in_time(given: dict[str, Any], *, paths_min: int, paths_max: int | None) -> None:
    """Refuse options and arguments that do not fit together.

    ``paths_min`` and ``paths_max`` are how many paths the command takes.

    Raises:
        click.UsageError: they do not.
    """
    if given["trim"] and given["at"] is None:
        raise click.UsageError("--trim cuts logs at a time: give it with --at TIME")
    if given["trimmed_snapshot"] is not None and not given["trim"]:
        raise click.UsageError("--snapshot says what --trim is to cut; else give SNAPSHOT alone")
    names = len(given["names"])
    if given["at"] is not None and any(map(_NAMES_SNAPSHOT.match, given["names"][:1])):
        raise click.UsageError("give no SNAPSHOT: --at chooses it, or --snapshot what to trim")
    if given["at"] is None:
        if not names:
            raise click.UsageError("give a SNAPSHOT, or --at TIME")
        names -= 1
    if names < paths_min:
        raise click.UsageError("give the PATH of a file in the snapshot")
    if paths_max is not None and names > paths_max:
        beside = " and no SNAPSHOT: --at chooses it" if given["at"] is not None else ""
        raise click.UsageError(f"give one PATH{beside}")
