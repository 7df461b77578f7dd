"""``dedupstore snapshot``."""

from __future__ import annotations

import os
from typing import Any

import click

from dedupstore.chunking import kernel_name
from dedupstore.cli import exit_codes
from dedupstore.cli.options import Command
from dedupstore.cli.quantities import format_size, read_time
from dedupstore.cli.session import Session, session_of, stdin_descriptor
from dedupstore.cli.text import ID_DIGITS_SHOWN, counted, event_fields, labelled, printable
from dedupstore.clock import format_time
from dedupstore.engine.compression import Compression
from dedupstore.engine.repository import Repository
from dedupstore.operations.snapshot.report import FileChange, SnapshotOptions, SnapshotReport
from dedupstore.operations.snapshot.run import snapshot
from dedupstore.twins import kernel_name as twin_kernel_name

_EPILOG = """
dedupstore snapshot /var/log
dedupstore snapshot /var/log /srv/app/log --set web --tag nightly --exclude '*.tmp'
find /srv -name '*.log' -mmin -60 | dedupstore snapshot --files-from - --set recent
dedupstore snapshot --journal --journal-match _SYSTEMD_UNIT=nginx.service --set nginx-journal
dedupstore snapshot --stdin-name dump.sql --set db --exec -- pg_dump shop
"""

_SET_HELP = "The set it belongs to.  [default: host, of a journal HOST-journal]"


@click.command("snapshot", cls=Command, epilog=_EPILOG)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--set", "set_name", metavar="NAME", help=_SET_HELP)
@click.option("--tag", "tags", multiple=True, metavar="T", help="A tag; may be repeated.")
@click.option(
    "--exclude", multiple=True, metavar="GLOB", help="Leave out what matches; repeatable."
)
@click.option(
    "--exclude-from",
    multiple=True,
    type=click.File("rb"),
    metavar="FILE",
    help="Leave out what matches a line of FILE; '#' begins a comment.",
)
@click.option(
    "--files-from",
    multiple=True,
    type=click.File("rb"),
    metavar="FILE",
    help="Take the paths that are the lines of FILE, too; '-' is stdin.",
)
@click.option("--one-file-system", is_flag=True, help="Do not enter other file systems.")
@click.option("--time", "time_text", metavar="TIME", help="The time to record.  [default: now]")
@click.option("--host", metavar="H", help="The host to record.  [default: this one's name]")
@click.option(
    "--no-sqlite",
    is_flag=True,
    help="Store SQLite databases as the files that they are, not as consistent copies.",
)
@click.option(
    "--compression",
    type=click.Choice([compression.value for compression in Compression]),
    default=Compression.AUTO.value,
    show_default=True,
    help="Spend little time on making it small; as much as pays; or a hundred times as much.",
)
@click.option("--reread", is_flag=True, help="Read files even if they look unchanged.")
@click.option("--dry-run", is_flag=True, help="Read and count, but store nothing.")
@click.option("--stdin-name", metavar="NAME", help="Store what comes from stdin as the file NAME.")
@click.option("--exec", "execute", is_flag=True, help="Run PATH... as a command; store its output.")
@click.option("--journal", is_flag=True, help="Store the entries of the systemd journal.")
@click.option(
    "--journal-directory",
    metavar="DIR",
    help="Take the journal files in DIR, not the system's own.",
)
@click.option(
    "--journal-match",
    "journal_matches",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Only entries with this field, as journalctl takes it; repeatable.",
)
@click.pass_context
def command(context: click.Context, /, **given: Any) -> int:
    """Take a snapshot of files and folders, of stdin, a command's output or the systemd journal.

    A file that only grows while it is read is no problem. If some sources cannot be read, the
    snapshot is made of the rest, and the exit code is 3.
    """
    session = session_of(context)
    _check_usage(given)
    options = _options(session, given)
    _announce_slow_kernel(session)
    with session.repository() as repository:
        report = _take(repository, given, options)
    session.result(_json(report), _lines(report), quiet=True)
    return exit_codes.DONE if report.complete else exit_codes.PARTIAL


def _check_usage(given: dict[str, Any]) -> None:
    if given["journal"]:
        if given["paths"] or given["files_from"] or given["stdin_name"] or given["execute"]:
            raise click.UsageError("--journal takes no paths, and nothing else to store")
        return
    if given["journal_directory"] or given["journal_matches"]:
        raise click.UsageError("--journal-directory and --journal-match need --journal")
    if given["execute"] and not given["stdin_name"]:
        raise click.UsageError("--exec needs --stdin-name NAME, the name to store its output under")
    if given["execute"] and not given["paths"]:
        raise click.UsageError("--exec needs a command: --exec -- COMMAND ARGUMENT…")
    if given["stdin_name"] and not given["execute"] and given["paths"]:
        raise click.UsageError("--stdin-name takes no paths; give --exec to run a command")
    if given["stdin_name"] and given["files_from"]:
        raise click.UsageError("--stdin-name and --files-from do not go together")
    if not (given["paths"] or given["stdin_name"] or given["files_from"]):
        raise click.UsageError("no paths to take a snapshot of")


def _options(session: Session, given: dict[str, Any]) -> SnapshotOptions:
    excluded = [os.fsencode(pattern) for pattern in given["exclude"]]
    for file in given["exclude_from"]:
        excluded += [line for line in _lines_of(file) if not line.startswith(b"#")]
    time_text = given["time_text"]
    return SnapshotOptions(
        set_name=given["set_name"],
        host=given["host"],
        tags=given["tags"],
        time=read_time(time_text, session.zone, "--time") if time_text else None,
        exclude=tuple(excluded),
        one_file_system=given["one_file_system"],
        reread=given["reread"],
        dry_run=given["dry_run"],
        estimate=session.shows_progress(),
        copies_databases=not given["no_sqlite"],
        compression=Compression(given["compression"]),
    )


def _announce_slow_kernel(session: Session) -> None:
    """Say once per run what runs on a slow kernel, if anything does."""
    slow = ["chunking"] if kernel_name() == "python" else []
    slow += ["gzip files"] if twin_kernel_name() == "python" else []
    if slow and session.verbosity >= 0:
        click.echo(
            "note: native kernels are not installed, and their Python twins are slow: "
            + ", ".join(slow),
            err=True,
        )


def _take(
    repository: Repository, given: dict[str, Any], options: SnapshotOptions
) -> SnapshotReport:
    if given["journal"]:
        from dedupstore.operations.snapshot.journal import snapshot_journal
        from dedupstore.operations.snapshot.journalctl import JournalSource

        source = JournalSource(given["journal_directory"], given["journal_matches"])
        return snapshot_journal(repository, source, options)
    if given["execute"]:
        from dedupstore.operations.snapshot.stream import snapshot_command

        return snapshot_command(repository, given["stdin_name"], given["paths"], options)
    if given["stdin_name"]:
        from dedupstore.operations.snapshot.stream import snapshot_stream

        return snapshot_stream(repository, given["stdin_name"], stdin_descriptor(), options)
    paths = [os.fsencode(path) for path in given["paths"]]
    for file in given["files_from"]:
        paths += _lines_of(file)
    return snapshot(repository, paths, options)


def _lines_of(file: Any) -> list[bytes]:
    return [line for line in file.read().split(b"\n") if line.strip()]


def _json(report: SnapshotReport) -> dict[str, Any]:
    return {
        "snapshot": report.snapshot.hex() if report.snapshot else None,
        "set": report.set_name,
        "time": format_time(report.time) if report.time else None,
        "files": report.files,
        "directories": report.directories,
        "symlinks": report.symlinks,
        "bytes": report.content_bytes,
        "bytes_read": report.bytes_read,
        "bytes_new": report.bytes_new,
        "bytes_stored": report.bytes_stored,
        **{f"files_{change.value}": count for change, count in report.changes.items()},
        "files_vanished": report.files_vanished,
        "excluded": report.excluded,
        "skipped": report.skipped,
        "twins": report.twins,
        "complete": report.complete,
        "warnings": [event_fields(event) for event in report.warnings],
        "events": [event_fields(event) for event in report.events],
        "seconds": round(report.seconds, 6),
    }


def _lines(report: SnapshotReport) -> list[str]:
    kinds = [
        f"{report.changes[change]} {change.value}"
        for change in FileChange
        if report.changes[change]
    ]
    left_out = [counted(count, kind) for kind, count in report.skipped.items()]
    left_out += [f"{report.files_vanished} vanished"] if report.files_vanished else []
    left_out += [f"{report.excluded} excluded"] if report.excluded else []
    rows = {
        "files": f"{report.files} ({', '.join(kinds)})" if kinds else str(report.files),
        "size": f"{format_size(report.content_bytes)}, read {format_size(report.bytes_read)}, "
        f"new {format_size(report.bytes_new)}, stored {format_size(report.bytes_stored)}",
        "time": f"{report.seconds:.2f} s",
    }
    if report.twins:
        rows["twins"] = f"{counted(report.twins, 'gzip file')} stored as text"
    if left_out:
        rows["left out"] = ", ".join(left_out)
    if report.warnings:
        rows["unreadable"] = f"{len(report.warnings)}; the snapshot is incomplete"
    name = report.snapshot.hex()[:ID_DIGITS_SHOWN] if report.snapshot else "(dry run)"
    time = format_time(report.time) if report.time else ""
    return [f"snapshot {name} of set {printable(report.set_name)}, {time}", *labelled(rows)]
