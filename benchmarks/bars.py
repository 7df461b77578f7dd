"""The bars this engine is held to beside its peers, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engines.engine import Operation
from results import Comparison, EngineResult, ratio
from verdict import Unit, Verdict

RSS_BYTES_MAX = 200_000_000
KERNEL_GIGABYTES_PER_SECOND_MIN = 4.0


@dataclass(frozen=True)
class SpeedBar:
    """An operation must be at least `ratio_min` times as fast as the peer's."""

    operation: Operation
    peer: str
    ratio_min: float
    aim: float | None = None


@dataclass(frozen=True)
class TimeBar:
    """An operation must take at most `ratio_max` times the peer's time."""

    operation: Operation
    peer: str
    ratio_max: float


@dataclass(frozen=True)
class RateAim:
    """An operation should go through this much data in a second."""

    operation: Operation
    gigabytes_per_second: float


@dataclass(frozen=True)
class SizeBar:
    """The repository must be at most `ratio_max` times as large as the peer's."""

    peer: str
    ratio_max: float


@dataclass(frozen=True)
class MemoryBar:
    """No operation may need more memory than this."""

    rss_bytes_max: int


Bar = SpeedBar | TimeBar | RateAim | SizeBar | MemoryBar

BARS: tuple[Bar, ...] = (
    SpeedBar(Operation.FIRST, "borg", ratio_min=2.5, aim=4.0),
    SpeedBar(Operation.FIRST, "restic", ratio_min=3.0),
    SpeedBar(Operation.KNOWN, "borg", ratio_min=2.5),
    RateAim(Operation.KNOWN, gigabytes_per_second=2.0),
    TimeBar(Operation.UNCHANGED, "borg", ratio_max=0.8),
    SpeedBar(Operation.RESTORE, "borg", ratio_min=1.8),
    TimeBar(Operation.RESTORE, "cp", ratio_max=1.3),
    SizeBar("borg", ratio_max=1.0),
    MemoryBar(RSS_BYTES_MAX),
)


def judge(comparison: Comparison, bars: Sequence[Bar] = BARS) -> list[Verdict]:
    """Return a verdict for every bar; an engine that failed is as if not measured."""
    return [_judge_one(comparison, bar) for bar in bars]


def judge_memory(
    title: str, peak_bytes: float | None, rss_bytes_max: int = RSS_BYTES_MAX
) -> Verdict:
    """Hold a peak of memory to the bar."""
    return Verdict(f"{title}: peak memory", peak_bytes, Unit.BYTES, rss_bytes_max, at_least=False)


def judge_kernel(gigabytes_per_second: float | None) -> Verdict:
    """Hold the speed of chunking on one core to the bar, which is meant for AVX2."""
    return Verdict(
        "chunking kernel, one core",
        gigabytes_per_second,
        Unit.GIGABYTES_PER_SECOND,
        KERNEL_GIGABYTES_PER_SECOND_MIN,
        at_least=True,
    )


def _judge_one(comparison: Comparison, bar: Bar) -> Verdict:
    subject = comparison.sound(comparison.subject.name)
    match bar:
        case SpeedBar(operation, peer, ratio_min, aim):
            speed = _time_ratio(comparison.sound(peer), subject, operation)
            title = f"{operation.label}: {peer}'s time over {comparison.subject.name}'s"
            return Verdict(title, speed, Unit.TIMES, ratio_min, at_least=True, aim=aim)
        case TimeBar(operation, peer, ratio_max):
            share = _time_ratio(subject, comparison.sound(peer), operation)
            title = f"{operation.label}: {comparison.subject.name}'s time over {peer}'s"
            return Verdict(title, share, Unit.TIMES, ratio_max, at_least=False)
        case RateAim(operation, aim):
            seconds = subject.wall_seconds(operation) if subject else None
            rate = comparison.corpora_bytes / seconds / 1e9 if seconds else None
            title = f"{operation.label}: data in a second"
            return Verdict(title, rate, Unit.GIGABYTES_PER_SECOND, None, at_least=True, aim=aim)
        case SizeBar(peer, ratio_max):
            size = ratio(_repository_bytes(subject), _repository_bytes(comparison.sound(peer)))
            title = f"repository: {comparison.subject.name}'s size over {peer}'s"
            return Verdict(title, size, Unit.TIMES, ratio_max, at_least=False)
        case MemoryBar(rss_bytes_max):
            return judge_memory("all operations", _peak_rss_bytes(subject), rss_bytes_max)


def _time_ratio(
    engine: EngineResult | None, other: EngineResult | None, operation: Operation
) -> float | None:
    if engine is None or other is None:
        return None
    return ratio(engine.wall_seconds(operation), other.wall_seconds(operation))


def _repository_bytes(engine: EngineResult | None) -> float | None:
    return engine.repository_bytes() if engine else None


def _peak_rss_bytes(engine: EngineResult | None) -> float | None:
    if engine is None:
        return None
    peaks = [engine.peak_rss_bytes(operation) for operation in engine.measurements]
    return max((peak for peak in peaks if peak is not None), default=None)
