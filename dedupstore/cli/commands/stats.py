"""``dedupstore stats``."""

from __future__ import annotations

import click

from dedupstore.cli.options import Command
from dedupstore.cli.quantities import format_size
from dedupstore.cli.session import session_of
from dedupstore.cli.text import labelled
from dedupstore.operations.stats import stats

_EPILOG = """
dedupstore stats
dedupstore stats latest --set web
"""


@click.command("stats", cls=Command, epilog=_EPILOG)
@click.argument("snapshots", nargs=-1, metavar="[SNAPSHOT]...")
@click.option("--set", "set_name", metavar="NAME", help="Narrows latest and @TIME.")
@click.pass_context
def command(context: click.Context, snapshots: tuple[str, ...], set_name: str | None) -> None:
    """Show how much snapshots hold, and how little they take. Without any: the repository."""
    session = session_of(context)
    with session.repository() as repository:
        found = [session.find(repository, name, set_name) for name in snapshots]
        result = stats(repository, found)
    fields = {
        "snapshots": result.snapshots,
        "bytes_original": result.bytes_original,
        "bytes_unique": result.bytes_unique,
        "bytes_stored": result.bytes_stored,
        "chunks": result.chunks,
        "packs": result.packs,
        "dedup_ratio": round(result.dedup_ratio, 4),
        "compression_ratio": round(result.compression_ratio, 4),
    }
    rows = {
        "snapshots": result.snapshots,
        "original": format_size(result.bytes_original),
        "unique": f"{format_size(result.bytes_unique)} ({result.dedup_ratio:.2f} : 1)",
        "stored": f"{format_size(result.bytes_stored)} ({result.compression_ratio:.2f} : 1)",
        "chunks": result.chunks,
        "packs": result.packs,
    }
    session.result(fields, labelled(rows))
