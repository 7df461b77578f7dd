"""``dedupstore hold``, and what ``release`` shares with it."""

from __future__ import annotations

from collections.abc import Callable

import click

from dedupstore.cli.options import Command
from dedupstore.cli.session import Session, session_of
from dedupstore.cli.text import ID_DIGITS_SHOWN
from dedupstore.engine.holds import hold_snapshot
from dedupstore.engine.repository import Repository
from dedupstore.ids import SnapshotId


def make_command(
    name: str,
    help_text: str,
    verb: str,
    find: Callable[[Session, Repository, str, str | None], SnapshotId],
    act: Callable[[Repository, SnapshotId], None],
) -> click.Command:
    """Return a command that finds snapshots and does ``act`` to each; ``verb`` tells of it.

    ``find`` gets what was typed for a snapshot, and the set that narrows it.
    """

    @click.command(
        name,
        cls=Command,
        help=help_text,
        epilog=f"dedupstore {name} 3f2a9c\ndedupstore {name} @2026-03-01T12:00:00Z --set web",
    )
    @click.argument("snapshots", nargs=-1, required=True, metavar="SNAPSHOT...")
    @click.option("--set", "set_name", metavar="NAME", help="Narrows latest and @TIME.")
    @click.pass_context
    def command(context: click.Context, snapshots: tuple[str, ...], set_name: str | None) -> None:
        session = session_of(context)
        with session.repository() as repository:
            found = [find(session, repository, name, set_name) for name in snapshots]
            for snapshot in found:
                act(repository, snapshot)
        ids = [snapshot.hex() for snapshot in found]
        lines = [f"{verb} {id_[:ID_DIGITS_SHOWN]}" for id_ in ids]
        session.result({"snapshots": ids}, lines, quiet=True)

    return command


def _find(session: Session, repository: Repository, name: str, set_name: str | None) -> SnapshotId:
    return session.find(repository, name, set_name).id


command = make_command(
    "hold",
    "Protect snapshots from being removed until they are released.",
    "held",
    _find,
    hold_snapshot,
)
