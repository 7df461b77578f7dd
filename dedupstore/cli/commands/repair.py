"""``dedupstore repair``."""

from __future__ import annotations

from typing import Any

import click

from dedupstore.cli import exit_codes
from dedupstore.cli.findings import finding_json, finding_lines
from dedupstore.cli.options import Command
from dedupstore.cli.quantities import format_size
from dedupstore.cli.session import session_of
from dedupstore.cli.text import counted, printable
from dedupstore.operations.repair import RepairAction, RepairReport, repair

_EPILOG = """
dedupstore repair --dry-run
dedupstore repair
"""


@click.command("repair", cls=Command, epilog=_EPILOG)
@click.option("--dry-run", is_flag=True, help="Change nothing; show what would be done.")
@click.option("--tables-only", is_flag=True, help="Do not read data: mend what shows without.")
@click.pass_context
def command(context: click.Context, dry_run: bool, tables_only: bool) -> int:
    """Mend what is damaged, as far as it can be, and say what stays lost.

    Nothing is thrown away: what is replaced is moved to the folder quarantine of the repository.
    Snapshots and restores may run meanwhile. The exit code is 4 if something stays lost.
    """
    session = session_of(context)
    with session.repository() as repository:
        report = repair(repository, dry_run=dry_run, tables_only=tables_only)
    session.result(_json(report), _lines(report, dry_run=dry_run), quiet=report.ok)
    return exit_codes.DONE if report.ok else exit_codes.DAMAGE


def _json(report: RepairReport) -> dict[str, Any]:
    return {
        "actions": [_action_json(action) for action in report.actions],
        "quarantined": report.quarantined,
        "snapshots_affected": sorted(id_.hex() for id_ in report.snapshots_affected),
        "remaining": [finding_json(finding) for finding in report.remaining],
        "bytes_read": report.bytes_read,
        "bytes_written": report.bytes_written,
        "seconds": round(report.seconds, 6),
    }


def _action_json(action: RepairAction) -> dict[str, str]:
    return {"kind": action.kind.value, "object": action.object, "detail": action.detail}


def _lines(report: RepairReport, *, dry_run: bool) -> list[str]:
    would = "would " if dry_run else ""
    lines = [
        f"{would}{action.kind.value}: {action.object}: {printable(action.detail)}"
        for action in report.actions
    ]
    if report.quarantined:
        objects = counted(len(report.quarantined), "object")
        lines.append(f"moved or copied {objects} to quarantine/, which is yours to remove")
    for finding in report.remaining:
        lines += finding_lines(finding)
    read = f"read {format_size(report.bytes_read)}, {report.seconds:.2f} s"
    if not report.ok:
        snapshots = counted(len(report.snapshots_affected), "snapshot")
        verb = "would be" if dry_run else "are"
        lines.append(f"NOT ALL COULD BE MENDED: {snapshots} {verb} incomplete; {read}")
        lines.append("take a new snapshot soon: what the sources still have heals old ones, too")
    elif report.actions:
        lines.append(f"{'would mend' if dry_run else 'mended'} everything; {read}")
    else:
        lines.append(f"nothing to mend; {read}")
    return lines
