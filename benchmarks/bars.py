"""The bars this engine is held to, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from engines.engine import Operation
from results import Comparison, EngineResult, ratio


@dataclass(frozen=True)
class SpeedBar:
    """An operation must be at least `ratio_min` times as fast as the peer's."""

    operation: Operation
    peer: str
    ratio_min: float


@dataclass(frozen=True)
class SizeBar:
    """The repository must be at most `ratio_max` times as large as the peer's."""

    peer: str
    ratio_max: float


@dataclass(frozen=True)
class MemoryBar:
    """No operation may need more memory than this."""

    rss_bytes_max: int


Bar = SpeedBar | SizeBar | MemoryBar

MEMORY_BAR = MemoryBar(rss_bytes_max=200_000_000)
BARS: tuple[Bar, ...] = (
    SpeedBar(Operation.FIRST, "borg", ratio_min=1.5),
    SpeedBar(Operation.RESTORE, "borg", ratio_min=1.0),
    SizeBar("borg", ratio_max=1.0),
    MEMORY_BAR,
)


@dataclass(frozen=True)
class Verdict:
    """A bar, what was measured against it, and whether it holds (None: not measured)."""

    title: str
    bar: Bar
    value: float | None
    met: bool | None

    def as_document(self) -> dict[str, object]:
        """Return the verdict for the JSON document."""
        return {"title": self.title, **asdict(self.bar), "value": self.value, "met": self.met}


def judge(comparison: Comparison, bars: Sequence[Bar] = BARS) -> list[Verdict]:
    """Return a verdict for every bar; an engine that failed is as if not measured."""
    return [_judge_one(comparison, bar) for bar in bars]


def _judge_one(comparison: Comparison, bar: Bar) -> Verdict:
    subject = comparison.sound(comparison.subject.name)
    match bar:
        case SpeedBar(operation, peer_name, ratio_min):
            peer = comparison.sound(peer_name)
            speed = ratio(_wall_seconds(peer, operation), _wall_seconds(subject, operation))
            title = f"{operation.label}: at least {ratio_min:g} times as fast as {peer_name}"
            return Verdict(title, bar, speed, None if speed is None else speed >= ratio_min)
        case SizeBar(peer_name, ratio_max):
            peer = comparison.sound(peer_name)
            size = ratio(_repository_bytes(subject), _repository_bytes(peer))
            title = f"repository: at most {ratio_max:g} times {peer_name}'s"
            return Verdict(title, bar, size, None if size is None else size <= ratio_max)
        case MemoryBar(rss_bytes_max):
            peak_bytes = _peak_rss_bytes(subject)
            title = f"peak memory: at most {rss_bytes_max:,} bytes"
            met = None if peak_bytes is None else peak_bytes <= rss_bytes_max
            return Verdict(title, bar, peak_bytes, met)


def _wall_seconds(engine: EngineResult | None, operation: Operation) -> float | None:
    return engine.wall_seconds(operation) if engine else None


def _repository_bytes(engine: EngineResult | None) -> float | None:
    return engine.repository_bytes() if engine else None


def _peak_rss_bytes(engine: EngineResult | None) -> float | None:
    if engine is None:
        return None
    peaks = [engine.peak_rss_bytes(operation) for operation in engine.measurements]
    return max((peak for peak in peaks if peak is not None), default=None)
