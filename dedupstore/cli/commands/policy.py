"""``dedupstore policy``: ``set``, ``show`` and ``remove``."""

from __future__ import annotations

from typing import Any

import click

from dedupstore.cli import exit_codes
from dedupstore.cli.options import Command, CommandFamily
from dedupstore.cli.retention_options import given_policy, policy_lines, retention_options
from dedupstore.cli.session import session_of
from dedupstore.cli.text import printable
from dedupstore.engine.labels import check_label
from dedupstore.engine.policies import (
    policy_of_set,
    readable_policies,
    remove_policy,
    set_policy,
)
from dedupstore.errors import DedupstoreError, UsageError
from dedupstore.format.policy import StoredPolicy

_EPILOG = """
dedupstore policy set --keep-daily 14 --keep-monthly 12
dedupstore policy show
"""
_SET_EPILOG = """
dedupstore policy set --keep-daily 14 --keep-weekly 8 --keep-monthly 12
dedupstore policy set --set web --keep-hourly 48 --keep-within 7d --keep-tag release
dedupstore policy set --set paris --keep-daily 30 --timezone Europe/Paris
"""
_SHOW_EPILOG = """
dedupstore policy show
dedupstore policy show --set web --json
"""
_REMOVE_EPILOG = """
dedupstore policy remove --set web
"""


@click.group("policy", cls=CommandFamily, epilog=_EPILOG)
def command() -> None:
    """Set, show or remove the policies by which prune keeps snapshots.

    They are stored in the repository. A set without a policy keeps everything.
    """


@command.command("set", cls=Command, epilog=_SET_EPILOG)
@click.option("--set", "set_name", metavar="NAME", help="The set.  [default: all others]")
@retention_options
@click.pass_context
def set_command(context: click.Context, /, set_name: str | None, **given: Any) -> None:
    """Set the policy of a set, or of all sets that have none of their own.

    A policy that is there is replaced as a whole. Days begin and end as --timezone has them; it is
    stored with the policy. A snapshot is kept if any rule keeps it. Snapshots that are held, and a
    set's last complete one, are kept always.
    """
    session = session_of(context)
    policy = given_policy(given, session.zone_name)
    if policy is None:
        raise UsageError(
            "no rules given", hint="give at least one --keep-… option, such as --keep-daily 14"
        )
    with session.repository() as repository:
        set_policy(repository, policy, set_name=set_name)
    stored = StoredPolicy(set_name, policy)
    session.result(_json(stored), _lines(stored), quiet=True)


@command.command("show", cls=Command, epilog=_SHOW_EPILOG)
@click.option("--set", "set_name", metavar="NAME", help="Only the policy that this set goes by.")
@click.pass_context
def show_command(context: click.Context, set_name: str | None) -> int:
    """Show all policies, or the one that a set goes by: its own, or the one of all others.

    Where some are damaged the others are shown, and the exit code is 4.
    """
    session = session_of(context)
    if set_name is not None:
        check_label(set_name)
    unreadable: list[DedupstoreError] = []
    with session.repository() as repository:
        if set_name is None:
            found = readable_policies(repository, lambda _, error: unreadable.append(error))
        else:
            applied = policy_of_set(repository, set_name)
            found = [applied] if applied else []
    if unreadable and session.json:
        raise unreadable[0]
    lines = [line for stored in found for line in _lines(stored)]
    nothing = "no policies" if set_name is None else f"no policy for set {printable(set_name)}"
    if not lines and not unreadable:
        lines = [nothing]
    session.result([_json(stored) for stored in found], lines)
    for error in unreadable:
        click.echo(f"error: {printable(error.message)}", err=True)
        if error.hint:
            click.echo(f"hint: {printable(error.hint)}", err=True)
    return max(map(exit_codes.exit_code_of, unreadable), default=exit_codes.DONE)


@command.command("remove", cls=Command, epilog=_REMOVE_EPILOG)
@click.option("--set", "set_name", metavar="NAME", help="The set.  [default: all others]")
@click.pass_context
def remove_command(context: click.Context, set_name: str | None) -> None:
    """Remove the policy of a set, or the one of all sets that have none of their own.

    A set whose own policy is removed goes by the one of all others. No snapshot is removed.
    """
    session = session_of(context)
    with session.repository() as repository:
        removed = remove_policy(repository, set_name=set_name)
    verb = "removed the" if removed else "there is no"
    line = f"{verb} policy of {_whose(set_name)}"
    session.result({"set": set_name, "removed": removed}, [line], quiet=True)


def _whose(set_name: str | None) -> str:
    return "all sets without their own" if set_name is None else f"set {printable(set_name)}"


def _json(stored: StoredPolicy) -> dict[str, Any]:
    policy = stored.policy
    return {
        "set": stored.set_name,
        **policy.counts(),
        "keep_within_seconds": policy.keep_within_seconds,
        "keep_tags": list(policy.keep_tags),
        "timezone": policy.timezone,
        "rules": policy_lines(policy),
    }


def _lines(stored: StoredPolicy) -> list[str]:
    head = f"policy of {_whose(stored.set_name)}, in {printable(stored.policy.timezone)}: keep"
    return [head, *(f"  {line}" for line in policy_lines(stored.policy))]
