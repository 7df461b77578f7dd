"""Taking a snapshot of one stream of bytes: a pipe, or what a command writes."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from dedupstore.engine.repository import Repository
from dedupstore.errors import CommandFailed, UsageError
from dedupstore.operations.snapshot.file_content import ContentReader, ReadFile
from dedupstore.operations.snapshot.report import SnapshotOptions, SnapshotReport
from dedupstore.operations.snapshot.single_file import TakenFile, Taking, snapshot_single_file


def snapshot_stream(
    repository: Repository,
    name: str | bytes,
    descriptor: int,
    options: SnapshotOptions | None = None,
) -> SnapshotReport:
    """Store what can be read from ``descriptor`` as a snapshot with the one file ``name``.

    Raises:
        UsageError: the name cannot be a path in a snapshot.
        SourceError: the stream could not be read, so there is no snapshot.
        LockTimeout, DamageError, NoSpace, StorageError: there is no snapshot.
    """

    def take(taking: Taking) -> TakenFile:
        read = taking.content_reader.read_stream(descriptor)
        return TakenFile(read.content, read.bytes_read)

    return snapshot_single_file(repository, name, take, options or SnapshotOptions())


def snapshot_command(
    repository: Repository,
    name: str | bytes,
    command: Sequence[str],
    options: SnapshotOptions | None = None,
) -> SnapshotReport:
    """Run ``command`` and store what it writes; there is a snapshot only if it exits with 0.

    Raises:
        UsageError: the name cannot be a path in a snapshot, or there is no command.
        CommandFailed: the command could not be started or failed.
        LockTimeout, DamageError, NoSpace, StorageError: there is no snapshot.
    """
    if not command:
        raise UsageError("no command to run")

    def take(taking: Taking) -> TakenFile:
        read = _read_command(taking.content_reader, command)
        return TakenFile(read.content, read.bytes_read)

    return snapshot_single_file(repository, name, take, options or SnapshotOptions())


def _read_command(reader: ContentReader, command: Sequence[str]) -> ReadFile:
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    except (OSError, ValueError) as error:
        raise CommandFailed(f"cannot run {command[0]!r}: {error}") from error
    with process:
        try:
            output = process.stdout
            if output is None:
                raise CommandFailed(f"cannot read what {command[0]!r} writes")
            result = reader.read_stream(output.fileno())
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise CommandFailed(
            f"{command[0]!r} {_exit_words(process.returncode)}, so there is no snapshot"
        )
    return result


def _exit_words(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"exited with {code}"
