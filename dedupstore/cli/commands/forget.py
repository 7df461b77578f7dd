"""``dedupstore forget``."""

from __future__ import annotations

from typing import Any

import click

from dedupstore.cli.options import Command
from dedupstore.cli.reclaim_options import (
    given_reclaim_options,
    reclaim_json,
    reclaim_lines,
    reclaim_options,
)
from dedupstore.cli.session import session_of
from dedupstore.cli.text import ID_DIGITS_SHOWN
from dedupstore.engine.snapshots import find_snapshot_id
from dedupstore.operations.forget import forget

_EPILOG = """
dedupstore forget 3f2a9c
dedupstore forget latest --set test --dry-run
"""


@click.command("forget", cls=Command, epilog=_EPILOG)
@click.argument("snapshots", nargs=-1, required=True, metavar="SNAPSHOT...")
@click.option("--set", "set_name", metavar="NAME", help="Narrows latest and @TIME.")
@reclaim_options
@click.pass_context
def command(
    context: click.Context,
    /,
    snapshots: tuple[str, ...],
    set_name: str | None,
    dry_run: bool,
    **given: Any,
) -> None:
    """Remove snapshots by name, and what only they needed.

    This takes no account of any policy. A snapshot that is held must be released first.
    """
    session = session_of(context)
    options = given_reclaim_options(given)
    with session.repository() as repository:
        ids = [
            find_snapshot_id(repository, name, set_name=set_name, zone=session.zone)
            for name in snapshots
        ]
        report = forget(repository, ids, options, dry_run=dry_run)
    removed = [id_.hex() for id_ in report.removed]
    fields = {
        "removed": removed,
        **reclaim_json(report.reclaim),
        "seconds": round(report.seconds, 6),
    }
    verb = "would remove" if dry_run else "removed"
    lines = [f"{verb} {id_[:ID_DIGITS_SHOWN]}" for id_ in removed]
    still_listed = [id_ for id_ in dict.fromkeys(ids) if id_ not in report.removed]
    lines += [
        f"not removed, since it has been held or removed meanwhile: {id_.hex()[:ID_DIGITS_SHOWN]}"
        for id_ in still_listed
    ]
    lines += reclaim_lines(report.reclaim, dry_run=dry_run)
    all_well = not still_listed and not report.reclaim.chunks_lost
    session.result(fields, lines, quiet=all_well)
