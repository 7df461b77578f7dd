"""``dedupstore restore``."""

from __future__ import annotations

import os
import resource
import sys
from typing import Any

import click

from dedupstore.cli import exit_codes
from dedupstore.cli.options import Command
from dedupstore.cli.point_in_time import (
    check_point_in_time,
    find_point_in_time,
    point_in_time_options,
)
from dedupstore.cli.quantities import format_size
from dedupstore.cli.session import Session, binary_stdout, session_of
from dedupstore.cli.text import (
    ID_DIGITS_SHOWN,
    bytes_fields,
    counted,
    event_fields,
    labelled,
    path_fields,
    printable,
)
from dedupstore.engine.monitor import Event
from dedupstore.operations.restore.options import (
    EntriesLost,
    FileDamaged,
    Overwrite,
    RestoreOptions,
    RestoreReport,
)
from dedupstore.operations.restore.run import restore

_EPILOG = """
dedupstore restore latest --target /tmp/logs
dedupstore restore @2026-03-01 '/var/log/nginx/*.log' --target /tmp/logs --set web
dedupstore restore latest /var/log/app --target /srv/app --strip-components 3
dedupstore restore latest --tar | zstd > logs.tar.zst
dedupstore restore --at 2026-03-01T12:00:00Z --set web --target /tmp/logs
dedupstore restore --at 2026-03-01T12:00:00Z --trim --snapshot latest --target /tmp/logs
"""


@click.command("restore", cls=Command, epilog=_EPILOG)
@click.argument("names", nargs=-1, metavar="[SNAPSHOT] [PATH]...")
@click.option("--target", metavar="DIR", help="Restore below this folder; made if need be.")
@click.option(
    "--overwrite",
    type=click.Choice([choice.value for choice in Overwrite]),
    default=Overwrite.NEVER.value,
    show_default=True,
    help="What to do with files that exist; if-changed goes by size and modification time.",
)
@click.option(
    "--strip-components",
    type=click.IntRange(0, 1000),
    default=0,
    metavar="N",
    help="Drop N leading parts of each path.",
)
@click.option(
    "--plain",
    is_flag=True,
    help="Restore the text of gzip files that are stored so, under their names without .gz.",
)
@point_in_time_options
@click.option("--tar", is_flag=True, help="Write a tar to stdout instead.")
@click.option("--dry-run", is_flag=True, help="Write nothing; say what would be restored.")
@click.option("--set", "set_name", metavar="NAME", help="Narrows latest and @TIME.")
@click.pass_context
def command(context: click.Context, /, **given: Any) -> int:
    """Restore a snapshot, or what paths or globs choose of it, below --target.

    Paths and globs count from the root; '**/NAME' is NAME at any depth.

    Files appear whole or not at all, and existing ones are left alone unless --overwrite says
    otherwise. If some cannot be restored, the rest is, and the exit code is 3, or 4 if stored
    data is damaged. What is left of a damaged file goes to NAME.partial beside it; a tar leaves
    it out.

    Gzip files come back byte for byte, also those that are stored as their text. With --plain
    the text is restored: as app.log.2 for app.log.2.gz, or as app.log.2.plain where the snapshot
    has an app.log.2. Others are restored as they are.

    With --at, no SNAPSHOT is given: the newest at or before TIME is restored. --trim cuts the logs
    in it at TIME, by the times in their records; compressed files, and those whose times are in no
    known format, are restored whole and named.
    """
    session = session_of(context)
    _check_usage(session, given)
    with session.repository() as repository:
        found = find_point_in_time(session, repository, given)
        paths = tuple(os.fsencode(path) for path in found.paths)
        if given["tar"]:
            from dedupstore.operations.restore.tar_stream import restore_tar

            output, plain, trim = binary_stdout(), given["plain"], found.trim
            report = restore_tar(repository, found.snapshot, output, paths, plain=plain, trim=trim)
            return _exit_code(report)
        options = RestoreOptions(
            paths=paths,
            overwrite=Overwrite(given["overwrite"]),
            strip_components=given["strip_components"],
            dry_run=given["dry_run"],
            plain=given["plain"],
            trim=found.trim,
        )
        _allow_deep_trees()
        report = restore(repository, found.snapshot, given["target"], options)
    session.result(_json(report), _lines(report, given), quiet=True)
    return _exit_code(report)


def _exit_code(report: RestoreReport) -> int:
    if report.damaged:
        return exit_codes.DAMAGE
    return exit_codes.PARTIAL if report.failed else exit_codes.DONE


def _check_usage(session: Session, given: dict[str, Any]) -> None:
    check_point_in_time(given, paths_min=0, paths_max=None)
    if given["tar"]:
        if session.json or given["dry_run"] or given["target"] or given["strip_components"]:
            raise click.UsageError(
                "--tar goes without --json, --target, --strip-components and --dry-run"
            )
        if sys.stdout is not None and sys.stdout.isatty():
            raise click.UsageError("--tar writes to stdout; send it to a file or a pipe")
    elif not given["target"]:
        raise click.UsageError("give --target DIR, the folder to restore into, or --tar")


def _allow_deep_trees() -> None:
    """Let as many files be open as the system allows: each level of a tree takes one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _json(report: RestoreReport) -> dict[str, Any]:
    return {
        "snapshot": report.snapshot.hex(),
        "files": report.files,
        "directories": report.directories,
        "symlinks": report.symlinks,
        "bytes": report.restored_bytes,
        "skipped": report.skipped,
        "trimmed": report.trimmed,
        "failed": [_failed_json(event) for event in report.failed],
        "events": [event_fields(event) for event in report.events],
        "seconds": round(report.seconds, 6),
    }


def _failed_json(event: Event) -> dict[str, Any]:
    fields: dict[str, Any] = event_fields(event)
    if isinstance(event, FileDamaged):
        fields["missing"] = [each._asdict() for each in event.missing]
        if event.partial is not None:
            fields |= bytes_fields(event.partial, name="partial")
    elif isinstance(event, EntriesLost):
        for name, path in (("after", event.after), ("before", event.before)):
            fields |= path_fields(path, name=name) if path is not None else {name: None}
    return fields


def _lines(report: RestoreReport, given: dict[str, Any]) -> list[str]:
    verb = "would restore" if given["dry_run"] else "restored"
    name = report.snapshot.hex()[:ID_DIGITS_SHOWN]
    rows = {
        "files": f"{report.files}, {format_size(report.restored_bytes)}",
        "time": f"{report.seconds:.2f} s",
    }
    if report.skipped:
        unchanged = given["overwrite"] == Overwrite.IF_CHANGED.value
        why = "that exist unchanged" if unchanged else "that exist already; see --overwrite"
        rows["skipped"] = f"{report.skipped} {why}"
    if given["trim"]:
        whole = sum(event.kind == "not-trimmed" for event in report.events)
        rows["trimmed"] = f"{counted(report.trimmed, 'file')} cut"
        rows["trimmed"] += f"; {whole} could not be cut and are whole" if whole else ""
    if report.failed:
        rows["failed"] = str(len(report.failed))
    return [f"{verb} snapshot {name} into {printable(given['target'])}", *labelled(rows)]
