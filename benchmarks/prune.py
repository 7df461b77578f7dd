"""Measures list, prune and check on a repository with many snapshots and chunks.

Run it with the Python that dedupstore is installed in: the repository is generated with it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from engines.dedupstore import Dedupstore
from engines.engine import EngineMissing
from machine import describe_machine, describe_project
from measuring import Command, CommandFailed, measure, peak_rss_floor_bytes
from sizes import megabytes
from steps import Step, Steps, add_options, work_folder
from tables import align

_LIST_SECONDS_MAX = 0.3
_PRUNE_RSS_BYTES_MAX = 300_000_000
_SWITCH_SECONDS_MAX = 1.0
_KEEP_LAST_SHARE = 0.09
_KEEP_WEEKLY = 6
_PRUNE = "prune"
_REPORTED = ("freed_bytes", "switch_seconds", "pieces_read", "swept")


@dataclass(frozen=True)
class ListTimes:
    """Median wall seconds of `list`, and of two commands that a machine can be judged by."""

    list: float
    version: float
    python: float


@dataclass(frozen=True)
class Bar:
    """What was measured and what it may be at most; no value: it was not measured."""

    title: str
    value: float | None
    value_max: float

    @property
    def met(self) -> bool:
        """Whether it was measured and is not above."""
        return self.value is not None and self.value <= self.value_max


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 0 if nothing failed and every bar holds, else 1."""
    options = _parser().parse_args(arguments)
    engine = Dedupstore(options.dedupstore)
    try:
        version = engine.version()
        with work_folder(options.work) as work:
            steps = Steps(engine, work)
            _make_repository(options, steps.scratch.repository)
            times = _time_list(steps, options.runs)
            before = _listed(steps)
            _prune(steps, len(before))
            kept = _listed(steps)
            pieces = _needed_pieces(steps.scratch.repository)
            _restore_some(steps, kept, options.restores)
    except (EngineMissing, CommandFailed, subprocess.CalledProcessError) as error:
        print(f"dedupstore: {error}", file=sys.stderr)
        return 1
    bars = _bars(steps, times, pieces)
    print(f"{len(before):,} snapshots, of which {len(kept):,} are kept; dedupstore {version}\n")
    print("\n".join(align([_HEAD, *map(_row, steps.done)])), end="\n\n")
    print("\n".join(align(_list_rows(times, options.runs))), end="\n\n")
    print("\n".join(map(_bar_line, bars)))
    if options.json:
        document = {
            "version": version,
            "machine": describe_machine(),
            "project": describe_project(),
            "peak_rss_floor_bytes": peak_rss_floor_bytes(),
            "snapshots": len(before),
            "snapshots_kept": len(kept),
            "list_seconds": asdict(times),
            "pieces_needed": pieces,
            "steps": [step.as_document() for step in steps.done],
            "bars": [asdict(bar) | {"met": bar.met} for bar in bars],
        }
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    failed = any(step.failure for step in steps.done)
    return 1 if failed or not all(bar.met for bar in bars) else 0


def _make_repository(options: argparse.Namespace, repository: Path) -> None:
    if options.repository:
        shutil.copytree(options.repository, repository)
        return
    generator = Path(__file__).with_name("generated_repository.py")
    sizes = ("chunks", "snapshots", "files", "seed")
    arguments = [f"--{name}={getattr(options, name)}" for name in sizes if getattr(options, name)]
    subprocess.run([sys.executable, str(generator), str(repository), *arguments], check=True)


def _time_list(steps: Steps, runs: int) -> ListTimes:
    """Run the three commands in turns, so that a busy machine slows all of them alike."""
    commands = {
        "list": steps.engine.command(steps.scratch, "list", as_json=False),
        "version": Command([*steps.engine.program, "version"]),
        "python": Command([sys.executable, "-c", "pass"]),
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    environment = steps.engine.environment(steps.scratch)
    for _ in range(runs):
        for name, command in commands.items():
            seconds[name].append(measure(command, environment).wall_seconds)
    return ListTimes(**{name: statistics.median(values) for name, values in seconds.items()})


def _listed(steps: Steps) -> list[str]:
    """Return the ids of the snapshots, oldest first."""
    listing = steps.scratch.root / "list.json"
    command = steps.engine.command(steps.scratch, "list")
    measure(command, steps.engine.environment(steps.scratch), listing)
    return [snapshot["snapshot"] for snapshot in json.loads(listing.read_bytes())]


def _prune(steps: Steps, snapshots: int) -> None:
    """Forget nine of ten snapshots and take back what only they needed."""
    keep_last = max(1, round(snapshots * _KEEP_LAST_SHARE))
    policy = (f"--keep-last={keep_last}", f"--keep-weekly={_KEEP_WEEKLY}")
    steps.run("check", "check", keep=True)
    steps.run("prune, dry run", "prune", "--dry-run", *policy, keep=True)
    steps.run(_PRUNE, "prune", *policy, keep=True)
    steps.run("prune, nothing to do", "prune", *policy, keep=True)
    # Each exits with 0 only if it found no damage.
    steps.run("check after it", "check", keep=True)
    steps.run("check --data after it", "check", "--data", keep=True)


def _needed_pieces(repository: Path) -> int:
    counter = Path(__file__).with_name("needed_pieces.py")
    done = subprocess.run(
        [sys.executable, str(counter), str(repository)], check=True, capture_output=True, text=True
    )
    return int(done.stdout)


def _restore_some(steps: Steps, snapshots: Sequence[str], count: int) -> None:
    """Restore snapshots that are spread evenly over those that are left."""
    count = min(count, len(snapshots))
    for place in range(count):
        snapshot = snapshots[place * (len(snapshots) - 1) // max(1, count - 1)]
        target = steps.scratch.target / snapshot
        steps.run(f"restore {snapshot[:12]}", "restore", snapshot, "--target", str(target))
        shutil.rmtree(target, ignore_errors=True)


def _bars(steps: Steps, times: ListTimes, pieces_needed: int) -> list[Bar]:
    prune = next(step for step in steps.done if step.title == _PRUNE)
    switch_seconds = prune.reported.get("switch_seconds")
    pieces_read = prune.reported.get("pieces_read")
    return [
        Bar("list: seconds", times.list, _LIST_SECONDS_MAX),
        Bar(
            "prune: bytes of peak memory",
            prune.cost.peak_rss_bytes if prune.cost else None,
            _PRUNE_RSS_BYTES_MAX,
        ),
        Bar("prune: seconds alone", _number(switch_seconds), _SWITCH_SECONDS_MAX),
        Bar("prune: pieces read, of those that are needed", _number(pieces_read), pieces_needed),
    ]


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) else None


_HEAD = ["command", "wall", "CPU", "peak memory", "repository growth", *_REPORTED]


def _row(step: Step) -> list[str]:
    if step.cost is None:
        return [step.title, str(step.failure), *[""] * (len(_HEAD) - 2)]
    return [
        step.title,
        f"{step.cost.wall_seconds:.2f} s",
        f"{step.cost.cpu_seconds:.2f} s",
        megabytes(step.cost.peak_rss_bytes),
        megabytes(step.repository_growth_bytes),
        *(_shown(step.reported.get(name)) for name in _REPORTED),
    ]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else "-"


def _list_rows(times: ListTimes, runs: int) -> list[list[str]]:
    names = {"list": "dedupstore list", "version": "dedupstore version", "python": "python -c pass"}
    rows = [[f"medians of {runs}", "wall", "list is"]]
    for name, seconds in asdict(times).items():
        rows.append([names[name], f"{seconds:.3f} s", f"{times.list / seconds:.1f} times"])
    return rows


def _bar_line(bar: Bar) -> str:
    value = "not measured" if bar.value is None else _figure(bar.value)
    return (
        f"[{'pass' if bar.met else 'MISS'}] {bar.title}: {value}, at most {_figure(bar.value_max)}"
    )


def _figure(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--repository", type=Path, metavar="DIR", help="measure a copy of this, generate nothing"
    )
    for name in ("chunks", "snapshots", "files", "seed"):
        parser.add_argument(f"--{name}", type=int, metavar="N", help="see generated_repository.py")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="of list (default 5)")
    parser.add_argument(
        "--restores", type=int, default=3, metavar="N", help="snapshots to restore (default 3)"
    )
    add_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
