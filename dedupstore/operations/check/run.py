"""Checking a repository: its packs, its index, its snapshots."""

from __future__ import annotations

import random
from dataclasses import dataclass

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.keys import snapshot_key
from dedupstore.engine.monitor import Event, Monitor, kind_of_refusal
from dedupstore.engine.pack_reader import StoredPack, list_packs
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import Snapshot, list_snapshot_ids, load_snapshot
from dedupstore.errors import DamageError, UnsupportedFormat
from dedupstore.ids import PackId
from dedupstore.operations.check.findings import CheckReport, FindingCollector
from dedupstore.operations.check.pack_data import check_data
from dedupstore.operations.check.packs import TableCheck
from dedupstore.operations.check.references import ReferenceCheck


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How deep to check.

    ``data`` decodes and hashes every block; ``data_percent`` (above 0, up to 100) or
    ``data_bytes`` does so for a random part of the packs. ``snapshots`` narrows the check to
    what these need.
    """

    data: bool = False
    data_percent: float | None = None
    data_bytes: int | None = None
    snapshots: tuple[Snapshot, ...] = ()


def check(repository: Repository, options: CheckOptions | None = None) -> CheckReport:
    """Check a repository and return what was found; nothing is changed.

    Raises:
        LockTimeout, StorageError: the repository cannot be read.
    """
    options = options or CheckOptions()
    started_seconds = repository.clock.monotonic_seconds()
    report = CheckReport()
    collector = FindingCollector(report)
    outer_monitor = repository.monitor
    repository.monitor = _EventsAsFindings(outer_monitor, collector)
    try:
        with repository.shared_lock(), ChunkReader(repository) as reader:
            _check(repository, reader, options, report, collector)
    finally:
        repository.monitor = outer_monitor
    report.seconds = repository.clock.monotonic_seconds() - started_seconds
    return report


def _check(
    repository: Repository,
    reader: ChunkReader,
    options: CheckOptions,
    report: CheckReport,
    collector: FindingCollector,
) -> None:
    snapshots = list(options.snapshots) or _load_all(repository, collector)
    report.snapshots = len(snapshots)
    references = ReferenceCheck(repository, reader, collector)
    needed: set[PackId] | None = None
    if options.snapshots:
        needed = references.packs_of(snapshots)
    packs = [pack for pack in list_packs(repository.store) if needed is None or pack.id in needed]
    _check_packs(repository, packs, options, report, collector)
    repository.monitor.begin("checking snapshots")
    try:
        for snapshot in snapshots:
            references.check(snapshot)
            repository.monitor.advance(0, 1)
    finally:
        repository.monitor.end()


def _check_packs(
    repository: Repository,
    packs: list[StoredPack],
    options: CheckOptions,
    report: CheckReport,
    collector: FindingCollector,
) -> None:
    table_check = TableCheck(repository, report, collector)
    chosen = {pack.id: pack for pack in _choose(packs, options)}
    monitor = repository.monitor
    monitor.begin("checking packs", sum(pack.pack_bytes for pack in chosen.values()))
    try:
        tables = table_check.tables(packs)
        to_read = ((pack, table) for pack, table in tables if pack.id in chosen)
        check_data(repository.store, to_read, report, collector, monitor)
    finally:
        monitor.end()
    table_check.finish(all_packs=not options.snapshots)


def _choose(packs: list[StoredPack], options: CheckOptions) -> list[StoredPack]:
    """Return the packs whose data is to be read: all, none, or some taken at random."""
    if options.data_percent is None and options.data_bytes is None:
        return packs if options.data else []
    total_bytes = sum(pack.pack_bytes for pack in packs)
    budget_bytes = options.data_bytes
    if options.data_percent is not None:
        budget_bytes = int(total_bytes * options.data_percent / 100)
    shuffled = random.sample(packs, len(packs))
    chosen: list[StoredPack] = []
    taken_bytes = 0
    for pack in shuffled:
        if budget_bytes is None or taken_bytes >= budget_bytes:
            break
        chosen.append(pack)
        taken_bytes += pack.pack_bytes
    return chosen


def _load_all(repository: Repository, collector: FindingCollector) -> list[Snapshot]:
    """Load all snapshot records; damaged, foreign and missing ones become findings."""
    loaded: list[Snapshot] = []
    ids = list_snapshot_ids(repository)
    for id_ in ids:
        try:
            snapshot = load_snapshot(repository, id_)
        except (DamageError, UnsupportedFormat) as error:
            kind = kind_of_refusal("snapshot", error)
            collector.error(kind, snapshot_key(id_), error.message).hits(id_, None)
            continue
        loaded.append(snapshot)
    loaded.sort(key=lambda snapshot: (snapshot.record.time, snapshot.id))
    known = set(ids)
    for snapshot in loaded:
        record = snapshot.record
        if record.repository_id != repository.config.repository_id:
            detail = "the record, or the repository's config, belongs to another repository"
            collector.error("snapshot-foreign", snapshot_key(snapshot.id), detail)
        if record.previous is not None and record.previous not in known:
            known.add(record.previous)
            detail = f"the snapshot after it, {snapshot.id.hex()[:12]}, names it"
            collector.error("snapshot-missing", snapshot_key(record.previous), detail)
    return loaded


class _EventsAsFindings:
    """Passes progress on, and turns what the engine meets on its way into findings."""

    def __init__(self, inner: Monitor, collector: FindingCollector) -> None:
        self._inner = inner
        self._collector = collector

    def begin(self, task: str, total_bytes: int | None = None) -> None:
        self._inner.begin(task, total_bytes)

    def advance(self, done_bytes: int, items: int = 0) -> None:
        self._inner.advance(done_bytes, items)

    def end(self) -> None:
        self._inner.end()

    def event(self, event: Event) -> None:
        if event.kind == "index-rebuilt" and not self._collector.has_found(event.kind, "index"):
            self._collector.warning("index-rebuilt", "index", event.detail)
        elif event.kind == "pack-missing":
            self._collector.error(event.kind, event.path.decode("ascii"), event.detail)
