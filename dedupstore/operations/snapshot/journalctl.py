"""Running journalctl and taking the entries that it writes."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from dedupstore.engine.monitor import Event
from dedupstore.errors import CommandFailed
from dedupstore.limits import KIB
from dedupstore.logs.journal_export import ExportPart, ExportSplitter, cursor_identity
from dedupstore.operations.snapshot.observer import ReportingObserver

_READ_BYTES = 256 * KIB
_SAID_BYTES_MAX = 4 * KIB


@dataclass(frozen=True, slots=True)
class JournalSource:
    """Which entries of which journal are taken.

    ``directory`` is a folder of journal files in place of the system's own. ``matches`` are fields
    that entries must have, as journalctl takes them: ``_SYSTEMD_UNIT=nginx.service``. ``program``
    is what is run.
    """

    directory: str | None = None
    matches: tuple[str, ...] = ()
    program: str = "journalctl"

    def command(self, cursor: bytes | None = None) -> list[str]:
        """Return the command that writes all entries, or those from the one at ``cursor`` on."""
        command = [self.program, "--output=export", "--no-pager", "--all"]
        if self.directory is not None:
            command.append(f"--directory={os.path.abspath(self.directory)}")
        if cursor is not None:
            # Not --after-cursor: where the entry is gone, that leaves out another in its place.
            command.append(f"--cursor={cursor.decode('ascii')}")
        return [*command, "--", *self.matches]


def journal_entries(source: JournalSource, observer: ReportingObserver) -> Iterator[ExportPart]:
    """Yield all entries of a journal, in parts; what journalctl says besides is told as an event.

    Raises:
        CommandFailed: journalctl could not be run, failed, or wrote no whole entries.
    """
    return _run(source, source.command(), observer)


def entries_behind(
    source: JournalSource, cursor: bytes, observer: ReportingObserver
) -> Iterator[ExportPart] | None:
    """Return the entries behind the one at ``cursor``; ``None`` where the journal has it no more.

    Asked for an entry that it does not know, journalctl begins with whatever it takes for the
    next one, and says nothing. So it is asked to begin with that entry, which must then be the
    first that comes.

    Raises:
        CommandFailed: see ``journal_entries``; while the entries are gone through, too.
    """
    identity = cursor_identity(cursor)
    if identity is None:
        return None
    parts = _run(source, source.command(cursor), observer)
    first = next(parts, None)
    if first is None or first.cursor is None or cursor_identity(first.cursor) != identity:
        parts.close()
        return None
    return _without_first(parts)


def _without_first(parts: Iterator[ExportPart]) -> Iterator[ExportPart]:
    """Leave out what is left of the entry under way."""
    begun = False
    for part in parts:
        begun = begun or part.begins
        if begun:
            yield part


def _run(
    source: JournalSource, command: list[str], observer: ReportingObserver
) -> Generator[ExportPart, None, None]:
    splitter = ExportSplitter()
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
            )
        except (OSError, ValueError) as error:
            raise CommandFailed(
                f"cannot run {source.program!r}: {error}",
                hint="the journal is read by journalctl, a part of systemd",
            ) from error
        with process:
            try:
                if process.stdout is None:
                    raise CommandFailed(f"cannot read what {source.program!r} writes")
                while data := os.read(process.stdout.fileno(), _READ_BYTES):
                    yield from splitter.feed(data)
            except ValueError as error:
                process.kill()
                raise CommandFailed(f"{source.program!r} wrote no journal: {error}") from error
            except BaseException:
                process.kill()
                raise
        said.seek(0)
        words = " ".join(said.read(_SAID_BYTES_MAX).decode("utf-8", "replace").split())
    if process.returncode != 0:
        reason = f": {words}" if words else ""
        raise CommandFailed(
            f"{source.program!r} ended with {process.returncode}{reason}; there is no snapshot"
        )
    if not splitter.is_whole:
        raise CommandFailed(f"{source.program!r} stopped within an entry; there is no snapshot")
    if words:
        observer.note(Event("journalctl", b"", words))
