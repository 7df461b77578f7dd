"""``dedupstore cat``."""

from __future__ import annotations

from typing import Any

import click

from dedupstore.cli import exit_codes
from dedupstore.cli.options import Command
from dedupstore.cli.point_in_time import (
    check_point_in_time,
    find_point_in_time,
    point_in_time_options,
)
from dedupstore.cli.session import binary_stdout, session_of
from dedupstore.operations.cat import cat
from dedupstore.operations.cat_lineage import LineageReport, cat_lineage

_EPILOG = """
dedupstore cat latest /var/log/syslog | less
dedupstore cat @2026-03-01T12:00:00Z /var/log/nginx/access.log --set web | grep ' 500 '
dedupstore cat latest /var/log/app/app.log.2.gz --plain | grep ERROR
dedupstore cat latest /var/log/nginx/access.log --lineage | grep ' 500 '
dedupstore cat --at 2026-03-01T12:00:00Z --set web /var/log/nginx/access.log
"""


@click.command("cat", cls=Command, epilog=_EPILOG)
@click.argument("names", nargs=-1, metavar="[SNAPSHOT] PATH")
@click.option("--plain", is_flag=True, help="Write the text of a compressed file.")
@click.option(
    "--lineage",
    is_flag=True,
    help="Write the whole log that the file belongs to, from its oldest part, as one text.",
)
@click.option(
    "--expired",
    is_flag=True,
    help="With --lineage: also parts that only earlier snapshots of the set hold.",
)
@point_in_time_options
@click.option("--set", "set_name", metavar="NAME", help="Narrows latest and @TIME.")
@click.pass_context
def command(context: click.Context, /, **given: Any) -> int:
    """Write one file of a snapshot to stdout, byte for byte.

    With --lineage, the log that PATH is, or is a part of: all its parts in order, gzipped ones as
    their text. A part that was half-written is written as far as it goes, and the exit code is 3.

    With --at, no SNAPSHOT is given. A file whose times are in no known format is not trimmed.
    """
    session = session_of(context)
    if session.json:
        raise click.UsageError("cat writes the bytes of a file; it has no --json")
    check_point_in_time(given, paths_min=1, paths_max=1)
    if given["expired"] and not given["lineage"]:
        raise click.UsageError("--expired adds to the parts of a log: give it with --lineage")
    output = binary_stdout()
    with session.repository() as repository:
        found = find_point_in_time(session, repository, given)
        path = found.paths[0]
        if given["lineage"]:
            expired = given["expired"]
            report = cat_lineage(
                repository, found.snapshot, path, output, trim=found.trim, expired=expired
            )
            output.flush()
            return _exit_code(report)
        cat(repository, found.snapshot, path, output, plain=given["plain"], trim=found.trim)
        output.flush()
    return exit_codes.DONE


def _exit_code(report: LineageReport) -> int:
    if report.damaged:
        return exit_codes.DAMAGE
    return exit_codes.PARTIAL if report.shortfalls else exit_codes.DONE
