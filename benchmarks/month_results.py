"""What the replay of a month found out, the bars it is held to, and the same as a JSON document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median

from corpora import Corpus, Footprint
from documents import Document, Head
from engines.engine import Role
from measuring import Measurement
from results import Status, ratio
from verdict import Unit, Verdict

DOCUMENT_VERSION = 2


@dataclass
class EngineMonth:
    """All snapshots of one engine, what it left on disk, and how many of them were restored.

    `reported` holds what the engine itself said of its snapshots, summed up; only the subject says
    anything that can be compared.
    """

    name: str
    role: Role
    settings: str
    version: str | None = None
    status: Status = Status.DONE
    reason: str | None = None
    costs: list[Measurement] = field(default_factory=list)
    upkeep_costs: list[Measurement] = field(default_factory=list)
    snapshots: list[str] = field(default_factory=list)
    reported: dict[str, int] = field(default_factory=dict)
    repository: Footprint | None = None
    home: Footprint | None = None
    snapshots_restored_equal: int = 0

    @property
    def sound(self) -> bool:
        """Whether it took every snapshot, and what was restored was what had been stored."""
        return self.status is Status.DONE

    def total(self, choose: Callable[[Measurement], float]) -> float | None:
        """Return the sum of a cost over all snapshots and upkeep; None if there is none."""
        return sum(map(choose, self.costs + self.upkeep_costs)) if self.costs else None

    def wall_seconds(self) -> float | None:
        """Time of all snapshots and of the upkeep together."""
        return self.total(lambda cost: cost.wall_seconds)

    def upkeep_wall_seconds(self) -> float | None:
        """Time of the upkeep alone."""
        return sum(cost.wall_seconds for cost in self.upkeep_costs) if self.costs else None

    def wall_seconds_median(self) -> float | None:
        """Median time of a snapshot."""
        return median(cost.wall_seconds for cost in self.costs) if self.costs else None

    def cpu_seconds(self) -> float | None:
        """User and system time of all snapshots and of the upkeep together."""
        return self.total(lambda cost: cost.cpu_seconds)

    def peak_rss_bytes(self) -> float | None:
        """Largest peak memory of a snapshot, or of the upkeep."""
        return max((cost.peak_rss_bytes for cost in self.costs + self.upkeep_costs), default=None)

    def repository_bytes(self) -> float | None:
        """Size of the repository after the last snapshot."""
        return self.repository.apparent_bytes if self.repository else None


@dataclass(frozen=True)
class Step:
    """What the host was at one snapshot, and what came up since the one before.

    `new_text_bytes` were appended to logs; `new_gz_bytes` is the size of the .gz that appeared.
    """

    day: int
    step: int
    files: int
    bytes: int
    new_text_bytes: int
    new_gz_bytes: int


@dataclass(frozen=True)
class Month:
    """A finished replay; the first engine is the one that ratios are taken against."""

    head: Head
    sources: Sequence[Corpus]
    logs: int
    days: int
    snapshots_a_day: int
    keep_days: int
    upkeep_days: int
    seed: int
    steps: Sequence[Step]
    engines: Sequence[EngineMonth]

    @property
    def subject(self) -> EngineMonth:
        """The engine under test."""
        return self.engines[0]

    @property
    def new_text_bytes(self) -> int:
        """All that was appended to logs."""
        return sum(step.new_text_bytes for step in self.steps)

    @property
    def new_gz_bytes(self) -> int:
        """The size of all .gz that appeared: old text, but bytes that nobody has seen before."""
        return sum(step.new_gz_bytes for step in self.steps)

    @property
    def new_bytes(self) -> int:
        """Appended text and new .gz: what must be read at least once."""
        return self.new_text_bytes + self.new_gz_bytes

    def sound(self, name: str) -> EngineMonth | None:
        """Return the engine of that name if it is sound."""
        return next((e for e in self.engines if e.name == name and e.sound), None)


REPOSITORY_SHARE_MAX = 0.45
TIME_SHARE_MAX = 1.0
READ_SHARE_MAX = 1.1
_JUDGED_PEERS = ("restic", "borg")


def judge_month(month: Month) -> list[Verdict]:
    """Return a verdict for every bar; an engine that failed is as if not measured."""
    subject = month.sound(month.subject.name)
    verdicts = []
    for name in _JUDGED_PEERS:
        peer = month.sound(name)
        size = _share(subject, peer, EngineMonth.repository_bytes)
        verdicts.append(_at_most(f"repository, over {name}'s", size, REPOSITORY_SHARE_MAX))
        time = _share(subject, peer, EngineMonth.wall_seconds)
        title = f"time of all snapshots and upkeep, over {name}'s"
        verdicts.append(_at_most(title, time, TIME_SHARE_MAX))
    read_bytes = subject.reported.get("bytes_read") if subject else None
    title = "bytes read, over the new ones (text and .gz)"
    return [*verdicts, _at_most(title, ratio(read_bytes, month.new_bytes), READ_SHARE_MAX)]


def _at_most(title: str, value: float | None, bar: float) -> Verdict:
    return Verdict(title, value, Unit.TIMES, bar, at_least=False)


def _share(
    subject: EngineMonth | None,
    peer: EngineMonth | None,
    value: Callable[[EngineMonth], float | None],
) -> float | None:
    return ratio(value(subject), value(peer)) if subject and peer else None


def as_document(month: Month, verdicts: Sequence[Verdict]) -> Document:
    """Return the replay as a JSON document. It names no folder, host or user."""
    return {
        "version": DOCUMENT_VERSION,
        "title": "A month of a log host",
        "command": "benchmarks/month",
        **month.head.as_document(),
        "sources": [{"name": source.name, **asdict(source.footprint)} for source in month.sources],
        "logs": month.logs,
        "days": month.days,
        "snapshots_a_day": month.snapshots_a_day,
        "keep_days": month.keep_days,
        "upkeep_days": month.upkeep_days,
        "seed": month.seed,
        "new_text_bytes": month.new_text_bytes,
        "new_gz_bytes": month.new_gz_bytes,
        "steps": [asdict(step) for step in month.steps],
        "engines": [_engine_document(engine, month.subject) for engine in month.engines],
        "bars": [verdict.as_document() for verdict in verdicts],
    }


def _engine_document(engine: EngineMonth, subject: EngineMonth) -> Document:
    return {
        **asdict(engine),
        "wall_seconds": engine.wall_seconds(),
        "wall_ratio": ratio(engine.wall_seconds(), subject.wall_seconds()),
        "upkeep_wall_seconds": engine.upkeep_wall_seconds(),
        "wall_seconds_median": engine.wall_seconds_median(),
        "cpu_seconds": engine.cpu_seconds(),
        "peak_rss_bytes": engine.peak_rss_bytes(),
        "repository_bytes": engine.repository_bytes(),
        "home_bytes": engine.home.apparent_bytes if engine.home else None,
        "repository_ratio": ratio(engine.repository_bytes(), subject.repository_bytes()),
    }
