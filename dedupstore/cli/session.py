"""What one run of the command line knows: its global options, and how it speaks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any, BinaryIO

import click

import dedupstore
from dedupstore.cli.text import printable, to_json
from dedupstore.errors import UsageError

if TYPE_CHECKING:
    from dedupstore.engine.monitor import Monitor
    from dedupstore.engine.repository import Repository
    from dedupstore.engine.snapshots import Snapshot


class Session:
    """The global options, and output according to them."""

    def __init__(self) -> None:
        self.location: str | None = None
        self.json = False
        self.verbosity = 0
        self.progress: bool | None = None
        self.lock_wait_seconds = 0.0
        self.zone: tzinfo = UTC

    @property
    def zone_name(self) -> str:
        """The name of the zone, as policies store it."""
        return str(self.zone)

    def required_location(self) -> str:
        """Return the repository's folder.

        Raises:
            UsageError: none was given, or it is of a kind that is not supported.
        """
        if not self.location:
            raise UsageError(
                "no repository given", hint="give --repo LOCATION or set DEDUPSTORE_REPO"
            )
        if "://" in self.location:
            raise UsageError(
                f"not a folder: {printable(self.location)}",
                hint="this version keeps repositories in folders only",
            )
        return self.location

    @contextmanager
    def repository(self) -> Iterator[Repository]:
        """Open the repository for the length of a ``with`` block.

        Raises:
            DedupstoreError: see ``open_repository``.
        """
        # Taken from the package, where names are loaded late: a command without a repository,
        # such as version, does not wait for the engine.
        with dedupstore.open_repository(
            self.required_location(),
            monitor=self.monitor(),
            cache_folder=cache_folder(),
            lock_wait_seconds=self.lock_wait_seconds,
        ) as repository:
            yield repository

    def monitor(self) -> Monitor:
        """Return what shows events on stderr, and bars if asked to and rich is installed."""
        from dedupstore.cli.event_lines import EventLines

        events = EventLines(self.verbosity)
        if self.shows_progress():
            with suppress(ImportError):
                from dedupstore.cli.progress import BarMonitor

                return BarMonitor(events.describe)
        return events

    def shows_progress(self) -> bool:
        """Tell whether progress is shown: as asked for, by default only on a terminal."""
        if sys.stderr is None or self.progress is not None:
            return bool(self.progress and sys.stderr)
        return self.verbosity >= 0 and sys.stderr.isatty()

    def find(self, repository: Repository, name: str, set_name: str | None) -> Snapshot:
        """Return the snapshot that ``name`` means.

        Raises:
            DedupstoreError: see ``find_snapshot``.
        """
        return dedupstore.find_snapshot(repository, name, set_name=set_name, zone=self.zone)

    def result(self, value: object, lines: list[str], *, quiet: bool = False) -> None:
        """Print the outcome: one JSON document, or lines for people.

        ``quiet`` says that the lines may be left out with ``-q``.
        """
        if self.json:
            click.echo(to_json(value))
        elif not (quiet and self.verbosity < 0):
            for line in lines:
                click.echo(line)


def binary_stdout() -> BinaryIO:
    """Return stdout as a stream of bytes.

    Raises:
        UsageError: stdout is closed.
    """
    if sys.stdout is None:
        raise UsageError("stdout is closed, and there is nowhere else to write to")
    return sys.stdout.buffer


def stdin_descriptor() -> int:
    """Return the file descriptor of stdin.

    Raises:
        UsageError: stdin is closed.
    """
    if sys.stdin is None:
        raise UsageError("stdin is closed, and there is nothing else to read from")
    return sys.stdin.fileno()


def cache_folder() -> str:
    """Return the folder where indexes of read-only repositories are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "dedupstore")


def session_of(context: click.Context) -> Session:
    """Return the session of a command under way."""
    session: Any = context.find_root().obj
    if not isinstance(session, Session):
        raise RuntimeError("the command line was started without a session")
    return session
