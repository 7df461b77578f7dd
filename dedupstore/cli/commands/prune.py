"""``dedupstore prune``."""

from __future__ import annotations

from typing import Any

import click

from dedupstore.cli.options import Command
from dedupstore.cli.reclaim_options import (
    given_reclaim_options,
    reclaim_json,
    reclaim_lines,
    reclaim_options,
)
from dedupstore.cli.retention_options import given_policy, retention_options
from dedupstore.cli.session import session_of
from dedupstore.cli.text import ID_DIGITS_SHOWN, counted, printable, table
from dedupstore.clock import format_time
from dedupstore.operations.prune import NO_POLICY, Decision, PruneOptions, PruneReport, prune

_EPILOG = """
dedupstore prune --keep-hourly 48 --keep-daily 30 --keep-monthly 24 --dry-run
dedupstore prune --keep-within 90d --keep-tag audit --set web
dedupstore policy set --keep-daily 30 && dedupstore prune
"""
_HEAD = ("", "snapshot", "time", "set", "reasons")


@click.command("prune", cls=Command, epilog=_EPILOG)
@retention_options
@click.option("--set", "set_name", metavar="NAME", help="Prune only snapshots of this set.")
@reclaim_options
@click.pass_context
def command(context: click.Context, /, set_name: str | None, dry_run: bool, **given: Any) -> None:
    """Remove the snapshots that no rule keeps, and what only they needed.

    A snapshot is kept if any rule keeps it, if it is held, or if it is the last complete one of
    its set. Without --keep-… options each set's own policy holds, see 'dedupstore policy', and
    days begin and end in the zone stored with that, whatever --timezone says. Snapshots and
    restores may run meanwhile.
    """
    session = session_of(context)
    options = PruneOptions(
        policy=given_policy(given, session.zone_name),
        set_name=set_name,
        reclaim=given_reclaim_options(given),
        dry_run=dry_run,
    )
    with session.repository() as repository:
        report = prune(repository, options)
    lines = _lines(report, session.verbosity, dry_run=dry_run)
    all_well = not report.still_listed and not report.reclaim.chunks_lost
    session.result(_json(report), lines, quiet=all_well)


def _json(report: PruneReport) -> dict[str, Any]:
    return {
        "kept": [_decision_json(decision) for decision in report.kept],
        "removed": [_decision_json(decision) for decision in report.removed],
        "still_listed": [_decision_json(decision) for decision in report.still_listed],
        **reclaim_json(report.reclaim),
        "seconds": round(report.seconds, 6),
    }


def _decision_json(decision: Decision) -> dict[str, Any]:
    return {
        "snapshot": decision.snapshot.id.hex(),
        "time": format_time(decision.snapshot.time),
        "set": decision.snapshot.set_name,
        "reasons": list(decision.reasons),
    }


def _lines(report: PruneReport, verbosity: int, *, dry_run: bool) -> list[str]:
    lines: list[str] = []
    decisions = [("keep", decision) for decision in report.kept]
    decisions += [("remove", decision) for decision in report.removed]
    if decisions and (dry_run or verbosity > 0):
        decisions.sort(key=lambda item: (item[1].snapshot.time, item[1].snapshot.id))
        lines += table([_HEAD, *(_row(word, decision) for word, decision in decisions)])
    if report.removed:
        verb = "would remove" if dry_run else "removed"
        lines.append(f"{verb} {counted(len(report.removed), 'snapshot')}, {len(report.kept)} kept")
    else:
        lines.append(f"no snapshot to remove, {len(report.kept)} kept")
    without = sorted({d.snapshot.set_name for d in report.kept if NO_POLICY in d.reasons})
    lines += [f"set {printable(name)} has no policy and keeps all" for name in without]
    lines += [
        f"not removed, since it has been held or removed meanwhile: "
        f"{decision.snapshot.id.hex()[:ID_DIGITS_SHOWN]}"
        for decision in report.still_listed
    ]
    return lines + reclaim_lines(report.reclaim, dry_run=dry_run)


def _row(word: str, decision: Decision) -> tuple[str, ...]:
    return (
        word,
        decision.snapshot.id.hex()[:ID_DIGITS_SHOWN],
        format_time(decision.snapshot.time),
        printable(decision.snapshot.set_name),
        printable(", ".join(decision.reasons)),
    )
