"""Timing of parts of the engine, and of what does the same elsewhere, in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Contender:
    """Something that works through `amount` bytes, or things, whenever it is run.

    `note` says what the result is beside its speed. A yardstick is no part of the engine. Time is
    that of the thread's processor, unless it waits for a disk (`waits`).
    """

    name: str
    run: Callable[[], object]
    amount: int
    note: str = ""
    is_yardstick: bool = False
    waits: bool = False


@dataclass(frozen=True)
class Group:
    """Contenders of the same kind; `unit` is what a thousand millions of `amount` make a second.

    That is GB/s for bytes; for things, `scale` of 10**6 makes it millions a second.
    """

    name: str
    unit: str
    scale: int
    contenders: Sequence[Contender]


@dataclass(frozen=True)
class Speed:
    """Median, slowest and fastest speed of one contender."""

    group: str
    name: str
    unit: str
    median: float
    slowest: float
    fastest: float
    note: str
    is_yardstick: bool


def measure(group: Group, runs: int) -> list[Speed]:
    """Run the contenders in turns, `runs` times after one round that does not count."""
    speeds: list[list[float]] = [[] for _ in group.contenders]
    for counted in [False] + [True] * runs:
        for contender, values in zip(group.contenders, speeds, strict=True):
            clock = time.perf_counter if contender.waits else time.thread_time
            start = clock()
            contender.run()
            seconds = clock() - start
            if counted:
                values.append(contender.amount / seconds / group.scale)
    return [
        Speed(
            group.name,
            contender.name,
            group.unit,
            statistics.median(values),
            min(values),
            max(values),
            contender.note,
            contender.is_yardstick,
        )
        for contender, values in zip(group.contenders, speeds, strict=True)
    ]
