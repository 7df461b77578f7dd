"""What check and repair found wrong, as JSON and in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dedupstore.cli.text import ID_DIGITS_SHOWN, path_fields, printable, printable_path
from dedupstore.engine.audit.findings import FILES_NAMED_MAX, Finding, Severity
from dedupstore.ids import SnapshotId

_FILES_SHOWN = 10
_NOT_FOR_REPAIR = frozenset(("chunks-missing", "policy-damaged", "snapshot-foreign"))


def repair_may_help(findings: Iterable[Finding]) -> bool:
    """Tell whether repair can do something about one of ``findings``."""
    return any(
        finding.severity is Severity.ERROR
        and finding.kind not in _NOT_FOR_REPAIR
        and not finding.kind.endswith("-unsupported")
        for finding in findings
    )


def finding_json(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON fields."""
    return {
        "kind": finding.kind,
        "severity": finding.severity.value,
        "object": finding.object,
        "detail": finding.detail,
        "chunks": sorted(chunk.hex() for chunk in finding.chunks),
        "snapshots": _hex(finding.snapshots),
        "files": [path_fields(path) for path in finding.files],
        "files_hit": finding.files_hit,
    }


def _hex(snapshots: set[SnapshotId]) -> list[str]:
    return sorted(snapshot.hex() for snapshot in snapshots)


def finding_lines(finding: Finding) -> list[str]:
    """Return the lines that tell people of a finding."""
    lines = [
        f"{finding.severity.value}: {finding.kind}: {finding.object}: {printable(finding.detail)}"
    ]
    if finding.snapshots:
        ids = [id_[:ID_DIGITS_SHOWN] for id_ in _hex(finding.snapshots)[:_FILES_SHOWN]]
        more = len(finding.snapshots) - len(ids)
        lines.append(f"  snapshots hit: {', '.join(ids)}" + (f" and {more} more" if more else ""))
    if finding.files_hit:
        # A file is counted for each snapshot that has it; people want to know which.
        paths = list(dict.fromkeys(finding.files))
        are_all = len(finding.files) < FILES_NAMED_MAX
        count = str(len(paths)) if are_all else f"{finding.files_hit}, in all snapshots together"
        lines.append(f"  files hit: {count}")
        lines += [f"    {printable_path(path)}" for path in paths[:_FILES_SHOWN]]
        if len(paths) > _FILES_SHOWN:
            lines.append("    … (--json names more)")
    return lines
