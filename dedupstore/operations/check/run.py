"""Checking a repository: its packs, its index, its snapshots."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from dedupstore.engine.audit.events import EventsAsFindings
from dedupstore.engine.audit.findings import CheckReport, FindingCollector
from dedupstore.engine.audit.pack_data import check_data
from dedupstore.engine.audit.parity import check_all_parity
from dedupstore.engine.audit.policies import check_policies
from dedupstore.engine.audit.records import load_all, read_state
from dedupstore.engine.audit.references import ReferenceCheck
from dedupstore.engine.audit.tables import TableCheck
from dedupstore.engine.audit.twins import TwinCheck
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.chunk_sizes import chunker_of
from dedupstore.engine.pack_reader import StoredPack, list_packs
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import Snapshot
from dedupstore.ids import PackId
from dedupstore.operations.check.memory import CheckMemory


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How deep to check.

    ``data`` decodes and hashes every block; ``data_percent`` (above 0, up to 100) or
    ``data_bytes`` does so for so much of the packs, at least one, the longest unverified first.
    ``twins`` rebuilds all gzip files that are stored as their text. ``snapshots`` narrows the check
    to what these need.
    """

    data: bool = False
    data_percent: float | None = None
    data_bytes: int | None = None
    snapshots: tuple[Snapshot, ...] = ()
    twins: bool = False


def check(repository: Repository, options: CheckOptions | None = None) -> CheckReport:
    """Check a repository and return what was found; nothing that is stored is changed.

    Which packs were verified is remembered in the repository, where that can be written.

    Raises:
        LockTimeout, StorageError: the repository cannot be read.
    """
    options = options or CheckOptions()
    started_seconds = repository.clock.monotonic_seconds()
    report = CheckReport()
    collector = FindingCollector(report)
    outer_monitor = repository.monitor
    repository.monitor = EventsAsFindings(outer_monitor, collector)
    try:
        with repository.session(), ChunkReader(repository) as reader:
            # Reading does without them; where they are impossible, nothing more can be stored.
            chunker_of(repository.config.chunking)
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
    state = read_state(repository, collector)
    snapshots = list(options.snapshots) or load_all(repository, state.forgotten, collector)
    if not options.snapshots:
        check_policies(repository, collector)
    report.snapshots = len(snapshots)
    twins = TwinCheck(reader, report, collector, repository.monitor) if options.twins else None
    references = ReferenceCheck(repository, reader, state.tombstones, collector, twins)
    needed: set[PackId] | None = None
    if options.snapshots:
        needed = references.packs_of(snapshots)
    stored = [pack for pack in list_packs(repository.store) if pack.id not in state.tombstones]
    memory = CheckMemory(repository, (pack.id for pack in stored), collector)
    packs = [pack for pack in stored if needed is None or pack.id in needed]
    table_check = TableCheck(repository, state.tombstones, report, collector)
    _check_packs(repository, table_check, packs, options, report, collector, memory)
    report.packs_verified = memory.verified_in_this_run()
    report.packs_never_verified = memory.never_verified(packs)
    report.verified_oldest = memory.oldest_time(packs)
    repository.monitor.begin("checking snapshots")
    try:
        for snapshot in snapshots:
            references.check(snapshot)
            repository.monitor.advance(0, 1)
    finally:
        repository.monitor.end()


def _check_packs(
    repository: Repository,
    table_check: TableCheck,
    packs: list[StoredPack],
    options: CheckOptions,
    report: CheckReport,
    collector: FindingCollector,
    memory: CheckMemory,
) -> None:
    # The longest unverified come first even where all are read: it may be cut short.
    in_order = memory.in_order(packs)
    chosen = {pack.id: pack for pack in choose_packs(in_order, options)}
    monitor = repository.monitor
    monitor.begin("checking packs", sum(pack.pack_bytes for pack in chosen.values()))
    try:
        tables = table_check.tables(in_order)
        to_read = ((pack, table) for pack, table in tables if pack.id in chosen)
        check_data(repository.store, to_read, report, collector, monitor, memory.found)
    finally:
        memory.save()
        monitor.end()
    report.bytes_read += check_all_parity(repository, packs, chosen, collector)
    table_check.finish(all_packs=not options.snapshots)


def choose_packs(packs: Sequence[StoredPack], options: CheckOptions) -> list[StoredPack]:
    """Return the packs whose data is to be read, the first of ``packs`` first.

    Where a part is asked for, that is at least one pack, and at least as many bytes as the part.
    So whoever asks for 5 % each night has read all packs after 20 nights.
    """
    if options.data_percent is None and options.data_bytes is None:
        return list(packs) if options.data else []
    budget_bytes = options.data_bytes or 0
    if options.data_percent is not None:
        total_bytes = sum(pack.pack_bytes for pack in packs)
        budget_bytes = math.ceil(total_bytes * Fraction(options.data_percent) / 100)
    chosen: list[StoredPack] = []
    taken_bytes = 0
    for pack in packs:
        if chosen and taken_bytes >= budget_bytes:
            break
        chosen.append(pack)
        taken_bytes += pack.pack_bytes
    return chosen
