"""``dedupstore check``."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from typing import Any

import click

from dedupstore.cli import exit_codes
from dedupstore.cli.findings import finding_json, finding_lines, repair_may_help
from dedupstore.cli.options import Command
from dedupstore.cli.quantities import format_size, parse_size
from dedupstore.cli.session import session_of
from dedupstore.cli.text import counted
from dedupstore.clock import format_time
from dedupstore.errors import UsageError
from dedupstore.operations.check import CheckOptions, CheckReport, check

_EPILOG = """
dedupstore check
dedupstore check --data
dedupstore check --data-subset 5%
dedupstore check --data --snapshot latest
"""


@click.command("check", cls=Command, epilog=_EPILOG)
@click.option("--data", is_flag=True, help="Also decode and hash every block.")
@click.option(
    "--data-subset",
    metavar="PERCENT|SIZE",
    help="Do that for 5% or 10GB of the packs, the longest unverified first.",
)
@click.option(
    "--twins", is_flag=True, help="Also rebuild all gzip files that are stored as their text."
)
@click.option("--snapshot", "names", multiple=True, metavar="S", help="Only this; repeatable.")
@click.option("--set", "set_name", metavar="NAME", help="Narrows latest and @TIME.")
@click.pass_context
def command(
    context: click.Context,
    data: bool,
    data_subset: str | None,
    twins: bool,
    names: tuple[str, ...],
    set_name: str | None,
) -> int:
    """Check that every chunk of every snapshot is there, and with --data, that it is right.

    Nothing is changed, but an index that is wrong is rebuilt, and it is remembered which packs
    were right when. With --data-subset 5% each night, all are read in 20 nights. --twins takes
    about as long as compressing those logs with gzip. The exit code is 4 if something stored is
    missing or damaged.
    """
    session = session_of(context)
    if data and data_subset is not None:
        raise UsageError(
            "--data and --data-subset exclude each other",
            hint="give --data to read all packs, or --data-subset to read a part of them",
        )
    percent, size = _subset(data_subset)
    with session.repository() as repository:
        snapshots = tuple(session.find(repository, name, set_name) for name in names)
        options = CheckOptions(data, percent, size, snapshots, twins)
        report = check(repository, options)
        now = repository.clock.now()
    session.result(_json(report), _lines(report, now), quiet=report.ok)
    return exit_codes.DONE if report.ok else exit_codes.DAMAGE


def _subset(text: str | None) -> tuple[float | None, int | None]:
    if text is None:
        return None, None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", text.strip())
    if match is not None and 0 < float(match.group(1)) <= 100:
        return float(match.group(1)), None
    try:
        return None, parse_size(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is neither a share up to 100% nor a size", param_hint="--data-subset"
        ) from error


def _json(report: CheckReport) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "findings": [finding_json(finding) for finding in report.findings],
        "snapshots": report.snapshots,
        "packs": report.packs,
        "chunks": report.chunks,
        "bytes_read": report.bytes_read,
        "packs_verified": report.packs_verified,
        "packs_never_verified": report.packs_never_verified,
        "verified_oldest": format_time(report.verified_oldest) if report.verified_oldest else None,
        "twins_rebuilt": report.twins_rebuilt,
        "seconds": round(report.seconds, 6),
    }


def _lines(report: CheckReport, now: datetime) -> list[str]:
    lines = [line for finding in report.findings for line in finding_lines(finding)]
    looked_at = (
        counted(report.snapshots, "snapshot"),
        counted(report.packs, "pack"),
        counted(report.chunks, "chunk"),
        f"read {format_size(report.bytes_read)}" if report.bytes_read else "no data read",
        *([f"{counted(report.twins_rebuilt, 'twin')} rebuilt"] if report.twins_rebuilt else []),
        f"{report.seconds:.2f} s",
    )
    verdict = "no damage found" if report.ok else "DAMAGE FOUND"
    if report.packs:
        lines.append(_memory_line(report, now))
    lines.append(f"{verdict}: {', '.join(looked_at)}")
    if repair_may_help(report.findings):
        lines.append("see what can be mended with: dedupstore repair --dry-run")
    return lines


def _memory_line(report: CheckReport, now: datetime) -> str:
    """Say how long ago the data of the packs was verified."""
    never, packs = report.packs_never_verified, counted(report.packs, "pack")
    if never == report.packs:
        return f"data of {never} of {packs} has never been verified; see --data"
    age = "of unknown age"
    if report.verified_oldest is not None:
        age = f"at most {_age(now - report.verified_oldest)} old"
    if never:
        return f"data of {never} of {packs} has never been verified; the rest is {age}"
    which = packs if report.packs == 1 else f"all {packs}"
    return f"data of {which} has been verified; that is {age}"


def _age(age: timedelta) -> str:
    """Return an age for people, rounded up; a clock that was set back makes it no less than 0."""
    seconds = max(0, age.total_seconds())
    for noun, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds > length:
            return counted(math.ceil(seconds / length), noun)
    return counted(1, "minute")
