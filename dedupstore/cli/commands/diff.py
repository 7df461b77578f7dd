"""``dedupstore diff``."""

from __future__ import annotations

from typing import Any

import click

from dedupstore.cli.options import Command
from dedupstore.cli.quantities import format_size
from dedupstore.cli.session import session_of
from dedupstore.cli.text import path_fields, printable_path
from dedupstore.operations.diff import PathChange, SnapshotDiff, diff

_EPILOG = """
dedupstore diff latest~1 latest
dedupstore diff @2026-03-01 @2026-03-02 /var/log/nginx --set web
"""
_LISTS = ("added", "removed", "changed", "renamed", "grown")


@click.command("diff", cls=Command, epilog=_EPILOG)
@click.argument("older", metavar="SNAPSHOT")
@click.argument("newer", metavar="SNAPSHOT")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--set", "set_name", metavar="NAME", help="Narrows latest and @TIME.")
@click.pass_context
def command(
    context: click.Context, older: str, newer: str, paths: tuple[str, ...], set_name: str | None
) -> None:
    """Compare two snapshots: what was added, removed, changed, renamed, and what only grew.

    What differs only in its modification time counts as the same.
    """
    session = session_of(context)
    with session.repository() as repository:
        before = session.find(repository, older, set_name)
        after = session.find(repository, newer, set_name)
        found = diff(repository, before, after, paths)
    result = {
        "older": before.id.hex(),
        "newer": after.id.hex(),
        **{name: [_json(change) for change in getattr(found, name)] for name in _LISTS},
    }
    session.result(result, _lines(found))


def _json(change: PathChange) -> dict[str, Any]:
    entry = change.after or change.before
    if entry is None:
        return {}
    fields: dict[str, Any] = {**path_fields(entry.path), "type": entry.type.name.lower()}
    if change.before is not None and change.after is not None:
        if change.before.path != change.after.path:
            fields |= path_fields(change.before.path, name="from")
        fields["size_before"] = change.before.size
    fields["size"] = entry.size
    return fields


def _lines(found: SnapshotDiff) -> list[str]:
    lines = [f"+ {_path(change)}" for change in found.added]
    lines += [f"- {_path(change)}" for change in found.removed]
    lines += [f"M {_path(change)}" for change in found.changed]
    lines += [
        f"R {printable_path(change.before.path)} -> {_path(change)}"
        for change in found.renamed
        if change.before
    ]
    lines += [f"G {_path(change)} (+{format_size(_growth(change))})" for change in found.grown]
    counts = [f"{len(getattr(found, name))} {name}" for name in _LISTS if getattr(found, name)]
    return [*lines, ", ".join(counts) if counts else "no differences"]


def _path(change: PathChange) -> str:
    entry = change.after or change.before
    return printable_path(entry.path) if entry else ""


def _growth(change: PathChange) -> int:
    return (change.after.size if change.after else 0) - (change.before.size if change.before else 0)
