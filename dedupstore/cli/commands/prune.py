"""``dedupstore prune``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from dedupstore.cli.options import Command
from dedupstore.cli.quantities import ParsedType
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
from dedupstore.engine.compression import Compression
from dedupstore.format.codecs import LEVEL_MAX
from dedupstore.operations.prune import NO_POLICY, Decision, PruneOptions, PruneReport, prune

_EPILOG = """
dedupstore prune --keep-hourly 48 --keep-daily 30 --keep-monthly 24 --dry-run
dedupstore prune --keep-within 90d --keep-tag audit --set web
dedupstore policy set --keep-daily 30 && dedupstore prune
dedupstore prune --recompress
"""
_HEAD = ("", "snapshot", "time", "set", "reasons")


def _parse_level(text: str) -> int:
    if text == Compression.SMALL.value:
        return Compression.SMALL.levels.each
    if not text.isdecimal() or not 1 <= int(text) <= LEVEL_MAX:
        raise ValueError(f"not a level from 1 to {LEVEL_MAX}, and not small: {text}")
    return int(text)


@click.command("prune", cls=Command, epilog=_EPILOG)
@retention_options
@click.option("--set", "set_name", metavar="NAME", help="Prune only snapshots of this set.")
@click.option(
    "--recompress",
    "recompress_level",
    is_flag=False,
    flag_value="small",
    type=ParsedType("level", _parse_level),
    metavar="[LEVEL]",
    help="Compress anew what is stored at a lower level: 1 to 19, or small, which is the default.",
)
@reclaim_options
@click.pass_context
def command(
    context: click.Context,
    /,
    set_name: str | None,
    recompress_level: int | None,
    dry_run: bool,
    **given: Any,
) -> None:
    """Remove the snapshots that no rule keeps, and what only they needed.

    A snapshot is kept if any rule keeps it, if it is held, or if it is the last complete one of
    its set. Without --keep-… options each set's own policy holds, see 'dedupstore policy', and
    days begin and end in the zone stored with that, whatever --timezone says. Snapshots and
    restores may run meanwhile. --recompress takes long, and may be interrupted at any time: the
    next run goes on. Without any policy it removes no snapshot.
    """
    session = session_of(context)
    options = PruneOptions(
        policy=given_policy(given, session.zone_name),
        set_name=set_name,
        reclaim=replace(given_reclaim_options(given), recompress_level=recompress_level),
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
