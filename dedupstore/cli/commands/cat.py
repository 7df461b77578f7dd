"""``dedupstore cat``."""

from __future__ import annotations

import click

from dedupstore.cli.options import Command
from dedupstore.cli.session import binary_stdout, session_of
from dedupstore.operations.cat import cat

_EPILOG = """
dedupstore cat latest /var/log/syslog | less
dedupstore cat @2026-03-01T12:00:00Z /var/log/nginx/access.log --set web | grep ' 500 '
"""


@click.command("cat", cls=Command, epilog=_EPILOG)
@click.argument("snapshot")
@click.argument("path")
@click.option("--set", "set_name", metavar="NAME", help="Narrows latest and @TIME.")
@click.pass_context
def command(context: click.Context, snapshot: str, path: str, set_name: str | None) -> None:
    """Write one file of a snapshot to stdout, byte for byte."""
    session = session_of(context)
    if session.json:
        raise click.UsageError("cat writes the bytes of a file; it has no --json")
    output = binary_stdout()
    with session.repository() as repository:
        found = session.find(repository, snapshot, set_name)
        cat(repository, found, path, output)
        output.flush()
