"""Repairing a repository: look, decide, do, and say what stays lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from dedupstore.engine.audit.events import EventsAsFindings
from dedupstore.engine.audit.findings import CheckReport, Finding, FindingCollector, Severity
from dedupstore.engine.audit.records import load_all
from dedupstore.engine.audit.references import ReferenceCheck
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.generation import current_generation, read_generation
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import Snapshot
from dedupstore.errors import DamageError
from dedupstore.format.generation_record import GenerationRecord
from dedupstore.ids import SnapshotId
from dedupstore.operations.repair.execute import Repaired, execute
from dedupstore.operations.repair.plan import RepairAction, RepairPlan, RepairPlanner

_NOT_MENDED = frozenset(
    (
        "block-unsupported",
        "pack-unsupported",
        "policy-damaged",
        "policy-unsupported",
        "snapshot-damaged",
        "snapshot-foreign",
        "snapshot-missing",
        "snapshot-unsupported",
    )
)


@dataclass(slots=True)
class RepairReport:
    """What was done, or in a dry run would be, and what stays lost.

    ``quarantined`` are the keys in quarantine of what was replaced or put aside. ``remaining`` are
    the findings that repair does not mend, with the snapshots and files that stay incomplete. A dry
    run may name a few too many: of a damaged manifest it reads only what any reader can.
    """

    plan: RepairPlan = field(default_factory=RepairPlan)
    quarantined: list[str] = field(default_factory=list)
    bytes_written: int = 0
    bytes_read: int = 0
    remaining: list[Finding] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def actions(self) -> tuple[RepairAction, ...]:
        """What was done, or would be."""
        return self.plan.actions

    @property
    def ok(self) -> bool:
        """True when nothing stays lost."""
        return not self.remaining

    @property
    def snapshots_affected(self) -> frozenset[SnapshotId]:
        """The snapshots that stay incomplete, and those whose records are in quarantine."""
        return frozenset(id_ for finding in self.remaining for id_ in finding.snapshots)


def repair(
    repository: Repository, *, dry_run: bool = False, tables_only: bool = False
) -> RepairReport:
    """Mend what is damaged, as far as it can be, without throwing anything away.

    Everything stored is read, or with ``tables_only`` all but the data, and what is damaged then
    becomes sound again: from parity, or as far as it can be read. What is replaced goes to
    quarantine; what was made by a newer version is left alone. Snapshots and restores may go on
    meanwhile. A snapshot taken afterwards of logs that are still there stores again what is lost.

    Raises:
        UnsupportedFormat: the record of what was removed is newer; nothing has been changed.
        LockTimeout: another prune, forget or repair is under way.
        DamageError, NoSpace, StorageError: something refused; what was done by then is done.
    """
    started_seconds = repository.clock.monotonic_seconds()
    audit = CheckReport()
    planner = RepairPlanner(repository, audit)
    with _at_work(repository, planner.collector, dry_run=dry_run):
        plan = planner.plan(tables_only=tables_only)
        if dry_run:
            done = Repaired()
            _follow(repository, planner.snapshots, planner.state, planner.collector)
            remaining = _remaining(audit)
        else:
            done = execute(repository, plan)
            remaining = _remaining(_look_again(repository, audit))
    return RepairReport(
        plan,
        done.quarantined,
        done.bytes_written,
        audit.bytes_read,
        remaining,
        repository.clock.monotonic_seconds() - started_seconds,
    )


@contextmanager
def _at_work(
    repository: Repository, collector: FindingCollector, *, dry_run: bool
) -> Iterator[None]:
    """Keep others from removing; a dry run also works where nothing can be written."""
    outer_monitor = repository.monitor
    repository.monitor = EventsAsFindings(outer_monitor, collector)
    try:
        with repository.session() if dry_run else repository.removal_lock():
            # Damage to it is what repair mends first; one that is newer ends it here.
            with suppress(DamageError):
                read_generation(repository.store)
            repository.index.require_generation(current_generation(repository.store))
            yield
    finally:
        repository.monitor = outer_monitor


def _follow(
    repository: Repository,
    snapshots: list[Snapshot],
    state: GenerationRecord,
    collector: FindingCollector,
) -> None:
    """Follow snapshots to all they need; what they lack becomes findings."""
    repository.monitor.begin("checking snapshots")
    try:
        with ChunkReader(repository) as reader:
            references = ReferenceCheck(repository, reader, state.tombstones, collector)
            for snapshot in snapshots:
                references.check(snapshot)
                repository.monitor.advance(0, 1)
    finally:
        repository.monitor.end()


def _look_again(repository: Repository, audit: CheckReport) -> CheckReport:
    """Return what is wrong after a repair; ``audit`` has what was wrong before."""
    after = CheckReport()
    collector = FindingCollector(after)
    repository.monitor = EventsAsFindings(repository.monitor, collector)
    for finding in audit.findings:
        if finding.kind in _NOT_MENDED and finding.severity is Severity.ERROR:
            again = collector.error(finding.kind, finding.object, finding.detail, finding.chunks)
            again.snapshots |= finding.snapshots
    state = read_generation(repository.store)
    known = FindingCollector(CheckReport())
    _follow(repository, load_all(repository, state.forgotten, known), state, collector)
    return after


def _remaining(report: CheckReport) -> list[Finding]:
    return [
        finding
        for finding in report.findings
        if finding.severity is Severity.ERROR and (finding.snapshots or finding.kind in _NOT_MENDED)
    ]
