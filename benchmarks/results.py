"""What a comparison found out, and the same as a JSON document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from statistics import median

from corpora import Corpus, Footprint
from documents import Document, Head
from engines.engine import Operation, Role
from measuring import Measurement
from verdict import Verdict

DOCUMENT_VERSION = 2


class Status(StrEnum):
    """How far an engine got."""

    DONE = "done"
    MISSING = "missing"
    FAILED = "failed"


@dataclass(frozen=True)
class Storage:
    """What one run left on disk: after the first snapshot, after all operations, and beside it."""

    repository_first: Footprint
    repository_last: Footprint
    home: Footprint


@dataclass
class EngineResult:
    """All runs of one engine."""

    name: str
    role: Role
    settings: str
    version: str | None = None
    status: Status = Status.DONE
    reason: str | None = None
    restored_equal: bool | None = None
    measurements: dict[Operation, list[Measurement]] = field(default_factory=dict)
    storage: list[Storage] = field(default_factory=list)

    def wall_seconds(self, operation: Operation) -> float | None:
        """Median wall time of an operation; None if it was not measured."""
        return self._median(operation, lambda cost: cost.wall_seconds)

    def cpu_seconds(self, operation: Operation) -> float | None:
        """Median of user and system time of an operation; None if it was not measured."""
        return self._median(operation, lambda cost: cost.cpu_seconds)

    def peak_rss_bytes(self, operation: Operation) -> float | None:
        """Largest peak memory of an operation over all runs; None if it was not measured."""
        costs = self.measurements.get(operation)
        return max(cost.peak_rss_bytes for cost in costs) if costs else None

    def storage_bytes(self, choose: Callable[[Storage], int]) -> float | None:
        """Median of a size over all runs; None if there was no whole run."""
        return median(choose(storage) for storage in self.storage) if self.storage else None

    def repository_bytes(self) -> float | None:
        """Median size of the repository after the first snapshot."""
        return self.storage_bytes(lambda storage: storage.repository_first.apparent_bytes)

    def _median(self, operation: Operation, choose: Callable[[Measurement], float]) -> float | None:
        costs = self.measurements.get(operation)
        return median(choose(cost) for cost in costs) if costs else None


@dataclass(frozen=True)
class Comparison:
    """A finished comparison; the first engine is the one that ratios are taken against."""

    head: Head
    corpora: Sequence[Corpus]
    runs: int
    prime_bytes: int
    operations: Sequence[Operation]
    peak_rss_floor_bytes: int
    engines: Sequence[EngineResult]

    @property
    def subject(self) -> EngineResult:
        """The engine under test."""
        return self.engines[0]

    @property
    def corpora_bytes(self) -> int:
        """Size of all data together."""
        return sum(corpus.footprint.apparent_bytes for corpus in self.corpora)

    def sound(self, name: str) -> EngineResult | None:
        """Return the engine of that name if it did all runs and restored what was stored."""
        for engine in self.engines:
            if engine.name == name and engine.status is Status.DONE:
                return engine
        return None


def ratio(value: float | None, subject_value: float | None) -> float | None:
    """Return how many times the subject's value `value` is; None if either is not known."""
    if value is None or not subject_value:
        return None
    return value / subject_value


def as_document(comparison: Comparison, beside: Document, verdicts: Sequence[Verdict]) -> Document:
    """Return the comparison as a JSON document, with what was measured `beside` it.

    It names no path, host or user.
    """
    return {
        "version": DOCUMENT_VERSION,
        **comparison.head.as_document(),
        "corpora": [
            {"name": corpus.name, **asdict(corpus.footprint)} for corpus in comparison.corpora
        ],
        "runs": comparison.runs,
        "prime_bytes": comparison.prime_bytes,
        "peak_rss_floor_bytes": comparison.peak_rss_floor_bytes,
        "operations": list(comparison.operations),
        "engines": [_engine_document(engine, comparison.subject) for engine in comparison.engines],
        **beside,
        "bars": [verdict.as_document() for verdict in verdicts],
    }


def _engine_document(engine: EngineResult, subject: EngineResult) -> Document:
    return {
        "name": engine.name,
        "role": engine.role,
        "version": engine.version,
        "settings": engine.settings,
        "status": engine.status,
        "reason": engine.reason,
        "restored_equal": engine.restored_equal,
        "operations": {
            operation: _operation_document(engine, subject, operation)
            for operation in engine.measurements
        },
        "sizes": {
            name: _with_ratio(engine.storage_bytes(choose), subject.storage_bytes(choose))
            for name, choose in _SIZES.items()
        },
        "storage": [asdict(storage) for storage in engine.storage],
    }


_SIZES: dict[str, Callable[[Storage], int]] = {
    "repository_first": lambda storage: storage.repository_first.apparent_bytes,
    "repository_last": lambda storage: storage.repository_last.apparent_bytes,
    "repository_allocated": lambda storage: storage.repository_last.allocated_bytes,
    "home": lambda storage: storage.home.apparent_bytes,
}


def _operation_document(
    engine: EngineResult, subject: EngineResult, operation: Operation
) -> Document:
    return {
        name: _with_ratio(cost(engine, operation), cost(subject, operation))
        for name, cost in _COSTS.items()
    } | {"runs": [asdict(measured) for measured in engine.measurements[operation]]}


_COSTS: dict[str, Callable[[EngineResult, Operation], float | None]] = {
    "wall_seconds": EngineResult.wall_seconds,
    "cpu_seconds": EngineResult.cpu_seconds,
    "peak_rss_bytes": EngineResult.peak_rss_bytes,
}


def _with_ratio(value: float | None, subject_value: float | None) -> Document:
    return {"value": value, "ratio": ratio(value, subject_value)}
