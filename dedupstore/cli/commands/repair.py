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
from dedupstore.operations.repair import ActionKind, RepairAction, RepairReport, repair

_HEALED_BY_SNAPSHOTS = frozenset(("chunks-missing", "list-damaged", "manifest-damaged"))
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
    lines.append(
        f"{_verdict(report, dry_run)}; read {format_size(report.bytes_read)}, "
        f"{report.seconds:.2f} s"
    )
    if dry_run and report.actions:
        lines.append("to do that: dedupstore repair")
    if not dry_run and any(finding.kind in _HEALED_BY_SNAPSHOTS for finding in report.remaining):
        lines.append("take a new snapshot soon: what the sources still have heals old ones, too")
    if not dry_run and report.plan.keys(ActionKind.REMOVE_PARITY):
        lines.append("some parity was removed; make it again with: dedupstore protect")
    return lines


def _verdict(report: RepairReport, dry_run: bool) -> str:
    if report.ok:
        if not report.actions:
            return "nothing to mend"
        but = " but parity" if report.plan.keys(ActionKind.REMOVE_PARITY) else ""
        return f"{'would mend' if dry_run else 'mended'} everything{but}"
    affected = len(report.snapshots_affected)
    if not affected:
        return "NOT ALL COULD BE MENDED"
    verb = "would be" if dry_run else "is" if affected == 1 else "are"
    return f"NOT ALL COULD BE MENDED: {counted(affected, 'snapshot')} {verb} incomplete"
