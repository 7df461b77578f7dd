"""``dedupstore protect``."""

from __future__ import annotations

import click

from dedupstore.cli import exit_codes
from dedupstore.cli.options import Command
from dedupstore.cli.quantities import format_size
from dedupstore.cli.session import session_of
from dedupstore.cli.text import counted
from dedupstore.operations.protect import ProtectReport, protect, unprotect

_EPILOG = """
dedupstore protect
dedupstore protect --parity 20
dedupstore protect --remove
"""


@click.command("protect", cls=Command, epilog=_EPILOG)
@click.option(
    "--parity",
    type=click.IntRange(1, 100),
    metavar="PERCENT",
    help="How much, of the size of the packs.  [default: that of init, else 10]",
)
@click.option("--remove", is_flag=True, help="Remove all parity instead.")
@click.pass_context
def command(context: click.Context, parity: int | None, remove: bool) -> int:
    """Store parity beside packs that have none, so that damage to them can be mended.

    With 10 percent, up to a tenth of a pack can be lost and rebuilt: flipped bytes, bad sectors, an
    end that was cut off. It can be started at any time, and again. The exit code is 4 if a pack is
    damaged already.
    """
    session = session_of(context)
    if remove and parity is not None:
        raise click.UsageError("--parity and --remove exclude each other")
    with session.repository() as repository:
        report = unprotect(repository) if remove else protect(repository, percent=parity)
    fields = {
        "parity": report.percent,
        "packs": report.packs,
        "packs_damaged": report.packs_damaged,
        "bytes_added": report.bytes_added,
        "bytes_removed": report.bytes_removed,
    }
    session.result(fields, [_line(report, remove)], quiet=True)
    return exit_codes.DAMAGE if report.packs_damaged else exit_codes.DONE


def _line(report: ProtectReport, removed: bool) -> str:
    packs = counted(report.packs, "pack")
    if removed:
        return f"removed parity of {packs}: {format_size(report.bytes_removed)}"
    damaged = f"; {counted(report.packs_damaged, 'pack')} damaged" if report.packs_damaged else ""
    added = format_size(report.bytes_added)
    return f"made parity of {report.percent} % for {packs}: {added}{damaged}"
