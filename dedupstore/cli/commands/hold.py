"""``dedupstore hold``."""

from __future__ import annotations

import click

from dedupstore.cli.options import Command
from dedupstore.cli.session import session_of
from dedupstore.cli.text import ID_DIGITS_SHOWN
from dedupstore.engine.holds import hold_snapshot

_EPILOG = """
dedupstore hold 3f2a9c
dedupstore hold @2026-03-01T12:00:00Z --set web
"""


@click.command("hold", cls=Command, epilog=_EPILOG)
@click.argument("snapshots", nargs=-1, required=True, metavar="SNAPSHOT...")
@click.option("--set", "set_name", metavar="NAME", help="Narrows latest and @TIME.")
@click.pass_context
def command(context: click.Context, snapshots: tuple[str, ...], set_name: str | None) -> None:
    """Protect snapshots from being removed until they are released."""
    session = session_of(context)
    with session.repository() as repository:
        found = [session.find(repository, name, set_name) for name in snapshots]
        for snapshot in found:
            hold_snapshot(repository, snapshot.id)
    ids = [snapshot.id.hex() for snapshot in found]
    lines = [f"held {id_[:ID_DIGITS_SHOWN]}" for id_ in ids]
    session.result({"snapshots": ids}, lines, quiet=True)
