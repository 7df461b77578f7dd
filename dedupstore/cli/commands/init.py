"""``dedupstore init``."""

from __future__ import annotations

import os

import click

from dedupstore.cli.options import Command
from dedupstore.cli.quantities import SIZE, ParsedType
from dedupstore.cli.session import session_of
from dedupstore.cli.text import path_fields, printable
from dedupstore.engine.repository import init_repository

_EPILOG = """
dedupstore --repo /srv/archive init
DEDUPSTORE_REPO=/srv/archive dedupstore init --chunk-size 32KiB
dedupstore --repo /srv/archive init --parity 10
"""


def _parse_encryption(text: str) -> str:
    if text != "none":
        raise ValueError("this version stores without encryption; give none")
    return text


@click.command("init", cls=Command, epilog=_EPILOG)
@click.option(
    "--chunk-size",
    type=SIZE,
    default="64KiB",
    show_default=True,
    help="Target size of chunks: a power of two from 4KiB to 4MiB. Cannot be changed later.",
)
@click.option(
    "--encryption",
    type=ParsedType("none", _parse_encryption),
    metavar="none",
    default="none",
    show_default=True,
    help="This version stores without encryption.",
)
@click.option(
    "--parity",
    type=click.IntRange(1, 100),
    metavar="PERCENT",
    help="Store so much parity beside each pack, to mend damage with. See also: protect.",
)
@click.pass_context
def command(context: click.Context, chunk_size: int, encryption: str, parity: int | None) -> None:
    """Make an empty repository at --repo.

    The folder is made if it does not exist, and becomes private to its owner.
    """
    session = session_of(context)
    location = session.required_location()
    with init_repository(
        location,
        chunk_bytes_target=chunk_size,
        parity_percent=parity,
        monitor=session.monitor(),
    ) as repository:
        repository_id = repository.config.repository_id.hex()
        session.result(
            {
                "repository_id": repository_id,
                **path_fields(os.fsencode(repository.location), name="location"),
                "chunk_size": chunk_size,
                "encryption": encryption,
                "parity": parity or 0,
            },
            [f"made repository {repository_id[:12]} at {printable(repository.location)}"],
            quiet=True,
        )
