"""Taking a snapshot of one stream of bytes: a pipe, or what a command writes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence

from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.repository import Repository
from dedupstore.engine.tree_writer import ManifestWriter
from dedupstore.errors import CommandFailed, SourceError, UsageError
from dedupstore.format.entry import Content, Entry, EntryType, is_safe_path
from dedupstore.operations.snapshot.file_content import ContentReader, ReadFile
from dedupstore.operations.snapshot.finish import begin_report, finish_snapshot, last_of_set
from dedupstore.operations.snapshot.report import FileChange, SnapshotOptions, SnapshotReport

_STREAM_MODE = 0o600


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

    def read(reader: ContentReader) -> ReadFile:
        return reader.read_stream(descriptor)

    return _snapshot_of(repository, name, read, options or SnapshotOptions())


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

    def read(reader: ContentReader) -> ReadFile:
        return _read_command(reader, command)

    return _snapshot_of(repository, name, read, options or SnapshotOptions())


def _snapshot_of(
    repository: Repository,
    name: str | bytes,
    read: Callable[[ContentReader], ReadFile],
    options: SnapshotOptions,
) -> SnapshotReport:
    path = os.fsencode(name).lstrip(b"/")
    if not is_safe_path(path):
        raise UsageError(f"not a name for a file in a snapshot: {os.fsdecode(name)!r}")
    started_seconds = repository.clock.monotonic_seconds()
    report = begin_report(repository, options)
    with repository.session(writes=True) as session:
        previous = last_of_set(repository, report.set_name)
        with ChunkWriter(repository, session, dry_run=options.dry_run) as writer:
            manifest = ManifestWriter(writer.add_piece)
            repository.monitor.begin("reading")
            try:
                result = read(ContentReader(repository.chunker, writer, repository.monitor))
            except OSError as error:
                raise SourceError(f"cannot read the stream: {error.strerror}") from error
            finally:
                repository.monitor.end()
            manifest.add(_stream_entry(path, result.content, report))
            report.bytes_read = result.bytes_read
            paths = [b"/" + path]
            finish_snapshot(repository, session, writer, manifest, report, options, paths, previous)
    report.seconds = repository.clock.monotonic_seconds() - started_seconds
    return report


def _stream_entry(path: bytes, content: Content, report: SnapshotReport) -> Entry:
    report.files = 1
    report.content_bytes = content.content_bytes
    report.changes[FileChange.NEW] = 1
    taken_ns = int(report.time.timestamp() * 1_000_000_000) if report.time else 0
    return Entry(
        path=path,
        type=EntryType.FILE,
        mode=_STREAM_MODE,
        uid=os.getuid(),
        gid=os.getgid(),
        mtime_ns=taken_ns,
        size=content.content_bytes,
        content=content,
    )


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
