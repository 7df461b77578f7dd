"""``dedupstore holds``."""

from __future__ import annotations

from typing import Any

import click

from dedupstore.cli import exit_codes
from dedupstore.cli.options import Command
from dedupstore.cli.session import session_of
from dedupstore.cli.text import (
    ID_DIGITS_SHOWN,
    bytes_fields,
    path_fields,
    printable,
    printable_path,
)
from dedupstore.operations.holds import HeldFile, holds

_EPILOG = """
dedupstore holds /var/log/app.log.7.gz && rm /var/log/app.log.7.gz
dedupstore -q holds --data --set web /var/log/nginx/access.log-20260301.gz
"""


@click.command("holds", cls=Command, epilog=_EPILOG)
@click.argument(
    "paths", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=bytes)
)
@click.option("--set", "set_name", metavar="NAME", help="Look in the snapshots of this set only.")
@click.option("--data", is_flag=True, help="Read what is stored, too, and compare every byte.")
@click.pass_context
def command(
    context: click.Context, /, paths: tuple[bytes, ...], set_name: str | None, data: bool
) -> int:
    """Prove that snapshots hold exactly the bytes of these files, at whatever path.

    Each file is read and hashed. It is held if a snapshot lists these bytes, and all of them are in
    packs that exist; a compressed file, if it can be rebuilt, or a file whose text is held by its
    compressed twin, is held, too. The exit code is 0 if all files are held, and else 1.
    """
    session = session_of(context)
    with session.repository() as repository:
        found = holds(repository, paths, set_name=set_name, data=data)
    are_held = all(file.snapshot is not None for file in found)
    lines = [_held_line(file) for file in found if file.snapshot is not None]
    session.result({"held": are_held, "files": list(map(_json, found))}, lines, quiet=True)
    for file in found:
        if file.snapshot is None:
            click.echo(f"not held: {printable(file.path)}: {printable(file.reason)}", err=True)
    return exit_codes.DONE if are_held else exit_codes.FAILED


def _held_line(file: HeldFile) -> str:
    snapshot = file.snapshot.hex()[:ID_DIGITS_SHOWN] if file.snapshot else ""
    text = ", as text of" if file.as_text else ","
    return f"held: {printable(file.path)}: in {snapshot}{text} {printable_path(file.stored_path)}"


def _json(file: HeldFile) -> dict[str, Any]:
    return {
        **bytes_fields(file.path, name="path"),
        "held": file.snapshot is not None,
        "snapshot": file.snapshot.hex() if file.snapshot else None,
        **(path_fields(file.stored_path, name="stored_path") if file.snapshot else {}),
        "as_text": file.as_text,
        "reason": file.reason or None,
    }
