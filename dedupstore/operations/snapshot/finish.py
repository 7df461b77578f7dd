"""What all ways of taking a snapshot begin and end with."""

from __future__ import annotations

from collections.abc import Sequence

from dedupstore.clock import format_time
from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.commit import commit_snapshot
from dedupstore.engine.epochs import Session
from dedupstore.engine.monitor import Event
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import Snapshot, newest_snapshot
from dedupstore.engine.tree_writer import ManifestWriter
from dedupstore.format.snapshot_record import SnapshotCounts, SnapshotRecord
from dedupstore.operations.snapshot.report import SnapshotOptions, SnapshotReport
from dedupstore.version import __version__


def begin_report(repository: Repository, options: SnapshotOptions) -> SnapshotReport:
    """Return a report that knows its set and time.

    Raises:
        UsageError: the set or a tag has an impossible name.
    """
    set_name = options.effective_set()
    return SnapshotReport(set_name=set_name, time=options.time or repository.clock.now())


def last_of_set(repository: Repository, set_name: str) -> Snapshot | None:
    """Return the newest snapshot of a set, if there is one.

    Raises:
        StorageError: the store could not deliver.
    """
    return newest_snapshot(repository, set_name)


def finish_snapshot(
    repository: Repository,
    session: Session,
    writer: ChunkWriter,
    manifest: ManifestWriter,
    report: SnapshotReport,
    options: SnapshotOptions,
    paths: Sequence[bytes],
    previous: Snapshot | None,
) -> None:
    """Commit the snapshot, unless this is a dry run, and complete the report.

    Raises:
        DamageError, NoSpace, StorageError: there is no snapshot.
    """
    top, level = manifest.finish()
    report.bytes_new = writer.count_new()
    if options.dry_run:
        return
    record = SnapshotRecord(
        repository_id=repository.config.repository_id,
        time=report.time or repository.clock.now(),
        set_name=report.set_name,
        host=options.effective_host(),
        paths=tuple(paths),
        tags=tuple(sorted(set(options.tags))),
        manifest=top,
        manifest_level=level,
        counts=SnapshotCounts(
            files=report.files,
            directories=report.directories,
            symlinks=report.symlinks,
            content_bytes=report.content_bytes,
            unreadable=len(report.warnings),
        ),
        previous=previous.id if previous else None,
        program=f"dedupstore {__version__}",
    )
    report.snapshot, record_bytes = commit_snapshot(repository, session, writer, record)
    report.bytes_stored = writer.bytes_stored + record_bytes
    if previous is not None and previous.record.time > record.time:
        _tell_of_later(repository, report, previous)


def _tell_of_later(repository: Repository, report: SnapshotReport, later: Snapshot) -> None:
    """Tell that what has just been stored is not what ``latest`` means, as a wrong clock does."""
    detail = (
        f"snapshot {later.id.hex()[:12]} of the set is dated {format_time(later.record.time)}: "
        "until then, latest means that one"
    )
    event = Event("dated-earlier", b"", detail)
    report.events.append(event)
    repository.monitor.event(event)
