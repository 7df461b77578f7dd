"""Runs dedupstore's commands on logs of any size, and judges their peak memory."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bars import judge_memory
from engines.dedupstore import Dedupstore
from measuring import Measurement
from results import ratio
from sizes import gigabytes
from steps import Step, Steps, generate, grow_log
from verdict import Unit, Verdict

PEAK_GROWTH_MAX = 1.1
"""How much more a command may need for ten times the data: what is within it counts as the same."""

COMPARED = ("snapshot, first", "snapshot, reread", "snapshot, unchanged", "restore")
"""The operations that are compared with other engines."""

_GROW_BYTES = 1_000_000
_DISK_PER_LOG = 2.4
"""A log, its repository, which is compressed about 5 : 1, and the restored copy."""


@dataclass(frozen=True)
class Case:
    """Commands on the same logs, and the size of the log if it is one."""

    title: str
    log_bytes: int | None
    steps: Sequence[Step]

    @property
    def peak_rss_bytes(self) -> float | None:
        """Peak memory of the command that needed most; None if one failed."""
        return self._largest(lambda cost: cost.peak_rss_bytes)

    @property
    def peak_private_bytes(self) -> float | None:
        """The same of private memory; None also where that cannot be seen."""
        return self._largest(lambda cost: cost.peak_private_bytes)

    def as_document(self) -> dict[str, object]:
        """Return the case for a JSON document."""
        return {
            "title": self.title,
            "log_bytes": self.log_bytes,
            "peak_rss_bytes": self.peak_rss_bytes,
            "peak_private_bytes": self.peak_private_bytes,
            "steps": [step.as_document() for step in self.steps],
        }

    def _largest(self, choose: Callable[[Measurement], int | None]) -> float | None:
        peaks = [None if step.cost is None else choose(step.cost) for step in self.steps]
        known = [peak for peak in peaks if peak is not None]
        return max(known, default=None) if len(known) == len(peaks) else None


def disk_bytes_needed(log_sizes: Sequence[int]) -> int:
    """Return how much room `measure_large_log` takes for one of these sizes after another."""
    return int(max(log_sizes, default=0) * _DISK_PER_LOG)


def measure_large_log(
    engine: Dedupstore, work: Path, log_bytes: int, only: Collection[str] = ()
) -> Case:
    """Run commands on one log without repetition; `only` names those that are wanted."""
    log = work / "logs" / "large.log"
    log.parent.mkdir()
    generate("log", str(log), "--bytes", str(log_bytes))
    steps = _run_commands(engine, work, log.parent, log, only)
    return large_log_case(log_bytes, steps)


def large_log_case(log_bytes: int, steps: Sequence[Step]) -> Case:
    """Return the case of one log; without steps if it was not measured."""
    return Case(f"one log of {gigabytes(log_bytes)}", log_bytes, steps)


def measure_small_logs(engine: Dedupstore, work: Path, files: int) -> Case:
    """Run all commands on many small logs."""
    logs = work / "logs"
    generate("files", str(logs), "--files", str(files))
    log = logs / "service-00000" / "worker-0000000.log"
    return Case(f"{files:,} small logs", None, _run_commands(engine, work, logs, log))


def judge_peaks(cases: Sequence[Case]) -> list[Verdict]:
    """Hold the peak of each case to the bar, and that of the largest log to that of the smallest.

    What must be the same for any size of log is private memory. The index is mapped: it is larger
    for more data, but the kernel drops its pages where memory is short.
    """
    verdicts = [judge_memory(case.title, case.peak_rss_bytes) for case in cases]
    logs = {case.log_bytes: case for case in cases if case.log_bytes is not None}
    if len(logs) > 1:
        smallest, largest = logs[min(logs)], logs[max(logs)]
        title = f"private memory: {largest.title} over {smallest.title}"
        growth = ratio(largest.peak_private_bytes, smallest.peak_private_bytes)
        verdicts.append(Verdict(title, growth, Unit.TIMES, PEAK_GROWTH_MAX, at_least=False))
        title = f"peak memory, mapped index included: {largest.title} over {smallest.title}"
        growth = ratio(largest.peak_rss_bytes, smallest.peak_rss_bytes)
        aim = Verdict(title, growth, Unit.TIMES, None, at_least=False, aim=PEAK_GROWTH_MAX)
        verdicts.append(aim)
    return verdicts


def _run_commands(
    engine: Dedupstore, work: Path, logs: Path, log: Path, only: Collection[str] = ()
) -> list[Step]:
    """Run commands on `logs`; `log` is the file that is shown and that grows.

    What the commands that are wanted need comes first, wanted or not.
    """
    steps = Steps(engine, work, watch=True)
    commands: Mapping[str, Sequence[str]] = {
        "init": ("init",),
        "snapshot, first": ("snapshot", str(logs)),
        "snapshot, unchanged": ("snapshot", str(logs)),
        "snapshot, reread": ("snapshot", "--reread", str(logs)),
        "snapshot, grown": ("snapshot", str(logs)),
        "list": ("list",),
        "ls": ("ls", "latest", "--recursive"),
        "diff": ("diff", "latest~1", "latest"),
        "stats": ("stats",),
        "cat": ("cat", "latest", str(log)),
        "check": ("check",),
        "check, data": ("check", "--data"),
        "restore": ("restore", "latest", "--target", str(steps.scratch.target)),
        # The index is disposable: the next command builds it anew from the packs.
        "check, index lost": ("check",),
    }
    for title, arguments in commands.items():
        if only and title not in ("init", *only):
            continue
        if title == "snapshot, grown":
            grow_log(log, _GROW_BYTES)
        if title == "check, index lost":
            shutil.rmtree(steps.scratch.repository / "index", ignore_errors=True)
        steps.run(title, *arguments, as_json=title != "cat")
    return steps.done
