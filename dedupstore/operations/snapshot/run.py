"""Taking a snapshot of files: walk, read what is new, commit."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.path_patterns import compile_patterns
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import Snapshot
from dedupstore.engine.tree_reader import manifest_piece_ids
from dedupstore.engine.tree_writer import ManifestWriter
from dedupstore.errors import SourceError
from dedupstore.format.pieces import piece_body
from dedupstore.format.stored_file import StoredFile, stored_files
from dedupstore.operations.snapshot.continuation import Continuer
from dedupstore.operations.snapshot.entries import EntryMaker
from dedupstore.operations.snapshot.entry_builder import EntryBuilder
from dedupstore.operations.snapshot.file_content import ContentReader
from dedupstore.operations.snapshot.finish import begin_report, finish_snapshot, last_of_set
from dedupstore.operations.snapshot.known_files import KnownFiles
from dedupstore.operations.snapshot.known_index import KnownIndex
from dedupstore.operations.snapshot.known_lists import KnownLists
from dedupstore.operations.snapshot.observer import ReportingObserver
from dedupstore.operations.snapshot.pending import EntryQueue
from dedupstore.operations.snapshot.regular_files import FileTaker
from dedupstore.operations.snapshot.report import SnapshotOptions, SnapshotReport
from dedupstore.operations.snapshot.sources import recorded_paths, resolve_roots
from dedupstore.operations.snapshot.stored_lists import StoredLists
from dedupstore.operations.snapshot.walk import SilentObserver, WalkRules, walk_roots


def snapshot(
    repository: Repository,
    paths: Sequence[str | bytes | os.PathLike[str]],
    options: SnapshotOptions | None = None,
) -> SnapshotReport:
    """Take a snapshot of files and folders and return what was done.

    Relative paths count from the current folder. Symbolic links are stored as links. Files that
    cannot be read are left out and listed in the report's ``warnings``; the snapshot then exists
    and is marked incomplete. Files that vanish meanwhile are only counted, and a file that grows
    while it is read is stored as long as it was when it was opened.

    Raises:
        UsageError: no paths, or an impossible name.
        SourceError: nothing could be read, so there is no snapshot.
        LockTimeout, DamageError, NoSpace, StorageError: there is no snapshot, and all that was
            stored before is as it was.
    """
    options = options or SnapshotOptions()
    roots = resolve_roots([os.fsencode(path) for path in paths])
    started_seconds = repository.clock.monotonic_seconds()
    report = begin_report(repository, options)
    with repository.session(writes=True) as session:
        previous = last_of_set(repository, report.set_name)
        levels = options.compression.levels
        with ChunkWriter(repository, session, dry_run=options.dry_run, levels=levels) as writer:
            manifest = ManifestWriter(writer.add_piece)
            _take_all(repository, roots, options, report, previous, writer, manifest)
            if not report.files + report.directories + report.symlinks:
                raise _nothing_taken(report)
            named = recorded_paths(roots)
            finish_snapshot(repository, session, writer, manifest, report, options, named, previous)
    report.seconds = repository.clock.monotonic_seconds() - started_seconds
    return report


def _take_all(
    repository: Repository,
    roots: list[bytes],
    options: SnapshotOptions,
    report: SnapshotReport,
    previous: Snapshot | None,
    writer: ChunkWriter,
    manifest: ManifestWriter,
) -> None:
    monitor = repository.monitor
    rules = _walk_rules(repository, options)
    observer = ReportingObserver(report, monitor)
    builder = EntryBuilder()
    with (
        ChunkReader(repository) as reader,
        _file_taker(
            repository, options, report, previous, writer, reader, observer, builder
        ) as files,
    ):
        maker = EntryMaker(files=files, builder=builder, report=report, observer=observer)
        queue = EntryQueue(maker.finish, manifest.add_encoded)
        monitor.begin("reading", _total_bytes(roots, rules) if options.estimate else None)
        try:
            for item in walk_roots(roots, rules, observer):
                begun = maker.begin(item)
                if begun is not None:
                    queue.add(begun)
            queue.drain()
        finally:
            monitor.end()


def _file_taker(
    repository: Repository,
    options: SnapshotOptions,
    report: SnapshotReport,
    previous: Snapshot | None,
    writer: ChunkWriter,
    reader: ChunkReader,
    observer: ReportingObserver,
    builder: EntryBuilder,
) -> FileTaker:
    stored = StoredLists(reader, repository.index)
    chunker = repository.chunker
    known_index = KnownIndex(reader, previous)
    return FileTaker(
        content_reader=ContentReader(chunker, writer, repository.monitor),
        continuer=Continuer(stored, writer.add_piece, chunker.parameters),
        stored=stored,
        known=KnownFiles(stored.looked_up(_files(reader, previous)), repository.monitor),
        known_index=known_index,
        known_lists=KnownLists(stored, known_index, chunker.parameters),
        builder=builder,
        report=report,
        observer=observer,
        clock=repository.clock,
        reread=options.reread,
        copies_databases=options.copies_databases,
    )


def _walk_rules(repository: Repository, options: SnapshotOptions) -> WalkRules:
    status = os.stat(repository.location)
    return WalkRules(
        excluded=compile_patterns(options.exclude) if options.exclude else None,
        one_file_system=options.one_file_system,
        repository=(status.st_dev, status.st_ino),
    )


def _total_bytes(roots: list[bytes], rules: WalkRules) -> int:
    statuses = (item.status for item in walk_roots(roots, rules, SilentObserver()))
    return sum(status.st_size for status in statuses if stat.S_ISREG(status.st_mode))


def _files(reader: ChunkReader, previous: Snapshot | None) -> Iterator[StoredFile]:
    if previous is None:
        return
    record = previous.record
    ids = manifest_piece_ids(reader, record.manifest, record.manifest_level)
    for piece in reader.stream(ids):
        yield from stored_files(piece_body(piece, 0))


def _nothing_taken(report: SnapshotReport) -> SourceError:
    if report.warnings:
        first = report.warnings[0]
        what = f"{os.fsdecode(first.path)}: {first.detail}"
        return SourceError(f"nothing could be read, so there is no snapshot: {what}")
    return SourceError(
        "there is nothing to take a snapshot of",
        hint="check the paths and the exclude patterns",
    )
