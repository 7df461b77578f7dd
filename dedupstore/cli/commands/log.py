"""``dedupstore log``."""

from __future__ import annotations

from typing import Any

import click

from dedupstore.cli import exit_codes
from dedupstore.cli.options import Command
from dedupstore.cli.session import session_of
from dedupstore.cli.text import (
    ID_DIGITS_SHOWN,
    event_fields,
    path_fields,
    printable_path,
    table,
)
from dedupstore.clock import format_time_ns
from dedupstore.operations.log_parts import LogPart, LogParts, log_parts

_EPILOG = """
dedupstore log latest /var/log/nginx/access.log
dedupstore log latest /var/log/app/app.log --expired
dedupstore log latest /var/log/app/app.log --json | jq -r '.parts[].path'
dedupstore cat latest /var/log/nginx/access.log --lineage | grep ' 500 '
"""
_HEAD = ("file", "size", "text", "last written", "last found in", "")
_RIGHT = frozenset((1, 2))


@click.command("log", cls=Command, epilog=_EPILOG)
@click.argument("snapshot")
@click.argument("path")
@click.option(
    "--expired",
    is_flag=True,
    help="List parts, too, that only earlier snapshots of the set hold.",
)
@click.option("--set", "set_name", metavar="NAME", help="Narrows latest and @TIME.")
@click.pass_context
def command(
    context: click.Context, snapshot: str, path: str, expired: bool, set_name: str | None
) -> int:
    """List the files that make up one log through time, oldest first.

    PATH is the log or any of its parts, compressed or not. To see all of it as one text, use
    'dedupstore cat --lineage'.
    """
    session = session_of(context)
    with session.repository() as repository:
        found = session.find(repository, snapshot, set_name)
        parts = log_parts(repository, found, path, expired=expired)
    value = {
        "snapshot": found.id.hex(),
        **path_fields(parts.log),
        "parts": [_json(part) for part in parts.parts],
        "damaged": [event_fields(event) for event in parts.damaged],
    }
    session.result(value, _lines(parts, expired))
    return exit_codes.DAMAGE if parts.damaged else exit_codes.DONE


def _json(part: LogPart) -> dict[str, Any]:
    entry = part.entry
    fields: dict[str, Any] = {
        **path_fields(entry.path),
        "size": entry.size,
        "snapshot": part.snapshot.id.hex(),
        "mtime": format_time_ns(entry.mtime_ns),
        "twin": entry.twin is not None,
    }
    if entry.twin is not None:
        fields["plain_bytes"] = entry.twin.plain_bytes
    if part.repeats is not None:
        fields |= path_fields(part.repeats, name="repeats")
    return fields


def _lines(parts: LogParts, expired: bool) -> list[str]:
    rows = [_HEAD, *map(_row, parts.parts)]
    if not expired:
        rows = [(*row[:-2], row[-1]) for row in rows]
    return table(rows, right=_RIGHT)


def _row(part: LogPart) -> tuple[str, ...]:
    entry = part.entry
    return (
        printable_path(entry.path),
        str(entry.size),
        "" if entry.twin is None else str(entry.twin.plain_bytes),
        format_time_ns(entry.mtime_ns).partition(".")[0],
        part.snapshot.id.hex()[:ID_DIGITS_SHOWN],
        "" if part.repeats is None else f"repeated in {printable_path(part.repeats)}",
    )
