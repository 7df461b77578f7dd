"""``dedupstore list``."""

from __future__ import annotations

from typing import Any

import click

from dedupstore.cli.options import Command
from dedupstore.cli.quantities import format_size
from dedupstore.cli.session import session_of
from dedupstore.cli.text import ID_DIGITS_SHOWN, paths_fields, printable, table
from dedupstore.clock import format_time
from dedupstore.engine.holds import held_snapshots
from dedupstore.engine.snapshots import Snapshot
from dedupstore.ids import SnapshotId
from dedupstore.operations.listing import list_snapshots

_EPILOG = """
dedupstore list
dedupstore list --set web --tag nightly
dedupstore list --json | jq -r '.[] | select(.complete | not) | .snapshot'
"""
_HEAD = ("snapshot", "time", "set", "host", "files", "size", "state", "tags")
_SET, _HOST = 2, 3
_RIGHT = ("files", "size")


@click.command("list", cls=Command, epilog=_EPILOG)
@click.option("--set", "set_name", metavar="NAME", help="Only snapshots of this set.")
@click.option("--tag", metavar="T", help="Only snapshots with this tag.")
@click.option("--host", metavar="H", help="Only snapshots of this host.")
@click.pass_context
def command(
    context: click.Context, set_name: str | None, tag: str | None, host: str | None
) -> None:
    """List the snapshots, oldest first."""
    session = session_of(context)
    with session.repository() as repository:
        snapshots = list_snapshots(repository, set_name=set_name, tag=tag, host=host)
        held = held_snapshots(repository)
    lines = _lines(snapshots, held) if snapshots else ["no snapshots"]
    session.result([_json(snapshot, held) for snapshot in snapshots], lines)


def _json(snapshot: Snapshot, held: frozenset[SnapshotId]) -> dict[str, Any]:
    record = snapshot.record
    return {
        "snapshot": snapshot.id.hex(),
        "time": format_time(record.time),
        "set": record.set_name,
        "host": record.host,
        **paths_fields(record.paths),
        "tags": list(record.tags),
        "files": record.counts.files,
        "bytes": record.counts.content_bytes,
        "complete": record.complete,
        "held": snapshot.id in held,
    }


def _lines(snapshots: list[Snapshot], held: frozenset[SnapshotId]) -> list[str]:
    """Return the table without columns that say nothing, so that it fits narrow terminals."""
    rows = [_row(snapshot, held) for snapshot in snapshots]
    columns = list(zip(_HEAD, *rows, strict=True))
    shown = [column for column in columns if any(column[1:])]
    if columns[_HOST][1:] == columns[_SET][1:]:
        shown.remove(columns[_HOST])
    right = frozenset(n for n, column in enumerate(shown) if column[0] in _RIGHT)
    return table(list(zip(*shown, strict=True)), right=right)


def _row(snapshot: Snapshot, held: frozenset[SnapshotId]) -> tuple[str, ...]:
    record = snapshot.record
    states = ["incomplete"] if not record.complete else []
    states += ["held"] if snapshot.id in held else []
    return (
        snapshot.id.hex()[:ID_DIGITS_SHOWN],
        format_time(record.time),
        printable(record.set_name),
        printable(record.host),
        str(record.counts.files),
        format_size(record.counts.content_bytes),
        " ".join(states),
        printable(",".join(record.tags)),
    )
