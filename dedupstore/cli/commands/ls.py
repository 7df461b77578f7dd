"""``dedupstore ls``."""

from __future__ import annotations

import stat
from typing import Any

import click

from dedupstore.cli.options import Command
from dedupstore.cli.session import session_of
from dedupstore.cli.text import bytes_fields, path_fields, printable, printable_path, to_json
from dedupstore.clock import format_time_ns
from dedupstore.format.entry import Entry, EntryType
from dedupstore.operations.contents import list_entries

_EPILOG = """
dedupstore ls latest
dedupstore ls latest /var/log/nginx --no-recursive
dedupstore ls @2026-03-01 '**/*.gz' --set web
dedupstore ls latest --json | jq -r 'select(.size > 1000000) | .path'
"""
_TYPE_BITS = {
    EntryType.FILE: stat.S_IFREG,
    EntryType.DIRECTORY: stat.S_IFDIR,
    EntryType.SYMLINK: stat.S_IFLNK,
}


@click.command("ls", cls=Command, epilog=_EPILOG)
@click.argument("snapshot")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "--recursive/--no-recursive",
    default=True,
    show_default=True,
    help="Whether to list folders below the chosen ones, too.",
)
@click.option("--set", "set_name", metavar="NAME", help="Narrows latest and @TIME.")
@click.pass_context
def command(
    context: click.Context,
    snapshot: str,
    paths: tuple[str, ...],
    recursive: bool,
    set_name: str | None,
) -> None:
    """List what a snapshot holds: all of it, or what paths or globs choose.

    Paths and globs count from the root; '**/NAME' is NAME at any depth. With --json, one JSON
    object a line.
    """
    session = session_of(context)
    with session.repository() as repository:
        found = session.find(repository, snapshot, set_name)
        for entry in list_entries(repository, found, paths, recursive=recursive):
            click.echo(to_json(_json(entry)) if session.json else _line(entry))


def _json(entry: Entry) -> dict[str, Any]:
    fields: dict[str, Any] = {
        **path_fields(entry.path),
        "type": entry.type.name.lower(),
        "size": entry.size,
        "mtime": format_time_ns(entry.mtime_ns),
        "mode": f"{entry.mode:04o}",
        "uid": entry.uid,
        "gid": entry.gid,
        "user": entry.user.decode("utf-8", "replace"),
        "group": entry.group.decode("utf-8", "replace"),
    }
    if entry.type is EntryType.SYMLINK:
        fields |= bytes_fields(entry.link_target, name="target")
    if entry.type is EntryType.FILE:
        fields |= _file_fields(entry)
    return fields


def _file_fields(entry: Entry) -> dict[str, Any]:
    twin = entry.twin
    fields = {"twin": twin is not None, "plain_bytes": twin.plain_bytes if twin else None}
    lineage = path_fields(entry.lineage, name="lineage") if entry.lineage else {"lineage": None}
    return {**fields, **lineage}


def _line(entry: Entry) -> str:
    mode = stat.filemode(_TYPE_BITS[entry.type] | entry.mode)
    owner = f"{printable(entry.user) or entry.uid}:{printable(entry.group) or entry.gid}"
    time = format_time_ns(entry.mtime_ns).partition(".")[0]
    path = printable_path(entry.path)
    return f"{mode}  {owner:<17} {entry.size:>12}  {time}  {path}{_addition(entry)}"


def _addition(entry: Entry) -> str:
    if entry.type is EntryType.SYMLINK:
        return f" -> {printable(entry.link_target)}"
    return f" (twin of {entry.twin.plain_bytes} bytes)" if entry.twin else ""
