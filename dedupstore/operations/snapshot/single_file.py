"""Taking a snapshot of one file that is made of a stream of bytes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import Snapshot
from dedupstore.engine.tree_writer import ManifestWriter
from dedupstore.errors import SourceError, UsageError
from dedupstore.format.entry import Content, Entry, EntryType, is_safe_path
from dedupstore.operations.snapshot.file_content import ContentReader
from dedupstore.operations.snapshot.finish import begin_report, finish_snapshot, last_of_set
from dedupstore.operations.snapshot.report import FileChange, SnapshotOptions, SnapshotReport

_FILE_MODE = 0o600


@dataclass(frozen=True, slots=True)
class Taking:
    """What a file is made with: ``path`` is its path, ``previous`` the set's last snapshot."""

    repository: Repository
    path: bytes
    writer: ChunkWriter
    content_reader: ContentReader
    previous: Snapshot | None
    report: SnapshotReport


@dataclass(frozen=True, slots=True)
class TakenFile:
    """What became of it: its chunk list, and how much was read for it.

    ``mtime_ns`` is the time of the last change, in nanoseconds since 1970; that of the snapshot
    where it is ``None``.
    """

    content: Content
    bytes_read: int
    change: FileChange = FileChange.NEW
    mtime_ns: int | None = None


def snapshot_single_file(
    repository: Repository,
    name: str | bytes,
    take: Callable[[Taking], TakenFile],
    options: SnapshotOptions,
) -> SnapshotReport:
    """Make a snapshot with the one file ``name``, whose content ``take`` stores.

    Raises:
        UsageError: the name cannot be a path in a snapshot.
        SourceError: the stream could not be read, so there is no snapshot.
        LockTimeout, DamageError, NoSpace, StorageError: there is no snapshot.
    """
    path = os.fsencode(name).lstrip(b"/")
    if not is_safe_path(path):
        raise UsageError(f"not a name for a file in a snapshot: {os.fsdecode(name)!r}")
    started_seconds = repository.clock.monotonic_seconds()
    report = begin_report(repository, options)
    with repository.session(writes=True) as session:
        previous = last_of_set(repository, report.set_name)
        levels = options.compression.levels
        with (
            ChunkWriter(repository, session, dry_run=options.dry_run, levels=levels) as writer,
            ContentReader(repository.chunker, writer, repository.monitor) as content_reader,
        ):
            manifest = ManifestWriter(writer.add_piece)
            repository.monitor.begin("reading")
            try:
                taken = take(Taking(repository, path, writer, content_reader, previous, report))
            except OSError as error:
                raise SourceError(f"cannot read the stream: {error.strerror}") from error
            finally:
                repository.monitor.end()
            manifest.add(_entry(path, taken, report))
            report.bytes_read = taken.bytes_read
            paths = [b"/" + path]
            finish_snapshot(repository, session, writer, manifest, report, options, paths, previous)
    report.seconds = repository.clock.monotonic_seconds() - started_seconds
    return report


def _entry(path: bytes, taken: TakenFile, report: SnapshotReport) -> Entry:
    report.files = 1
    report.content_bytes = taken.content.content_bytes
    report.changes[taken.change] = 1
    mtime_ns = taken.mtime_ns
    if mtime_ns is None:
        mtime_ns = int(report.time.timestamp() * 1_000_000_000) if report.time else 0
    return Entry(
        path=path,
        type=EntryType.FILE,
        mode=_FILE_MODE,
        uid=os.getuid(),
        gid=os.getgid(),
        mtime_ns=mtime_ns,
        size=taken.content.content_bytes,
        content=taken.content,
    )
