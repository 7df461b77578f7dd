"""Measures what a snapshot of a large log costs when the log is unchanged, and when it grew."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from documents import Head, write_document
from engines.dedupstore import Dedupstore
from engines.engine import EngineMissing
from options import exit_with
from sizes import megabytes, parse_bytes
from steps import Step, Steps, add_options, generate, grow_log, work_folder
from tables import align

_HOURS_PER_YEAR = 24 * 365
_REPORTED = ("bytes_read", "bytes_new", "bytes_stored")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 0, or 1 if a step failed."""
    options = _parser().parse_args(arguments)
    engine = Dedupstore(options.dedupstore)
    head = Head.now()
    try:
        version = engine.version()
    except EngineMissing as error:
        print(f"dedupstore: {error}", file=sys.stderr)
        return 1
    with work_folder(options.work) as work:
        steps = _measure(engine, work, options.bytes, options.grow)
    print(f"one log of {megabytes(options.bytes)}; dedupstore {version}\n")
    print("\n".join(_report(steps)))
    if options.json:
        document = {
            **head.as_document(),
            "version": version,
            "log_bytes": options.bytes,
            "grow_bytes": options.grow,
            "steps": [step.as_document() for step in steps],
        }
        write_document(options.json, document)
    return 1 if any(step.failure for step in steps) else 0


def _measure(engine: Dedupstore, work: Path, log_bytes: int, grow_bytes: int) -> list[Step]:
    log = work / "logs" / "large.log"
    log.parent.mkdir()
    generate("log", str(log), "--bytes", str(log_bytes))
    steps = Steps(engine, work)
    steps.run("init", "init", keep=True)
    snapshot = ("snapshot", str(log.parent))
    steps.run("first", *snapshot, keep=True)
    steps.run("unchanged", *snapshot, keep=True)
    steps.run("unchanged again", *snapshot, keep=True)
    grow_log(log, grow_bytes)
    steps.run(f"grown by {megabytes(grow_bytes)}", *snapshot, keep=True)
    steps.run("unchanged after that", *snapshot, keep=True)
    return steps.done


def _report(steps: Sequence[Step]) -> list[str]:
    growth = ("repository growth", "of it index", "peak memory")
    rows = [["snapshot", "wall", *_REPORTED, *growth], *(_row(step) for step in steps)]
    lines = align(rows)
    unchanged = next((step for step in steps if step.title == "unchanged again"), None)
    if unchanged is not None and unchanged.failure is None:
        year_bytes = unchanged.repository_growth_bytes * _HOURS_PER_YEAR
        lines += ["", f"a year of unchanged hourly snapshots adds {megabytes(year_bytes)}"]
    return lines


def _row(step: Step) -> list[str]:
    if step.cost is None:
        return [step.title, str(step.failure), *[""] * (len(_REPORTED) + 3)]
    reported = [step.reported.get(name) for name in _REPORTED]
    return [
        step.title,
        f"{step.cost.wall_seconds:.2f} s",
        *(f"{number:,}" if isinstance(number, int) else "-" for number in reported),
        f"{step.repository_growth_bytes:,}",
        f"{step.index_growth_bytes:,}",
        megabytes(step.cost.peak_rss_bytes),
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--bytes", type=parse_bytes, default=10**10, metavar="SIZE", help="log (default 10GB)"
    )
    parser.add_argument(
        "--grow", type=parse_bytes, default=10**6, metavar="SIZE", help="growth (default 1MB)"
    )
    add_options(parser)
    return parser


if __name__ == "__main__":
    exit_with(main)
