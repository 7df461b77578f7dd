"""Measures the peak memory of every command on one large log and on many small ones."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from bars import MEMORY_BAR
from engines.dedupstore import Dedupstore
from engines.engine import EngineMissing
from machine import describe_machine, describe_project
from measuring import peak_rss_floor_bytes
from sizes import megabytes, parse_bytes
from steps import Step, Steps, add_options, generate, grow_log, work_folder
from tables import align

_GROW_BYTES = 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 0 if every command stayed below the bar, else 1."""
    options = _parser().parse_args(arguments)
    engine = Dedupstore(options.dedupstore)
    try:
        version = engine.version()
    except EngineMissing as error:
        print(f"dedupstore: {error}", file=sys.stderr)
        return 1
    cases: dict[str, list[Step]] = {}
    if options.bytes:
        with work_folder(options.work) as work:
            cases[f"one log of {megabytes(options.bytes)}"] = _large(engine, work, options.bytes)
    if options.files:
        with work_folder(options.work) as work:
            cases[f"{options.files:,} small logs"] = _small(engine, work, options.files)
    for case, steps in cases.items():
        print(f"\n{case}; dedupstore {version}\n")
        print("\n".join(align([["command", "peak memory", "wall", ""], *map(_row, steps)])))
    print(f"\nbar {megabytes(MEMORY_BAR.rss_bytes_max)}; ", end="")
    print(f"less than {megabytes(peak_rss_floor_bytes())} cannot be seen")
    if options.json:
        document = {
            "version": version,
            "machine": describe_machine(),
            "project": describe_project(),
            "peak_rss_floor_bytes": peak_rss_floor_bytes(),
            "cases": {case: [step.as_document() for step in cases[case]] for case in cases},
        }
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0 if all(_below_bar(step) for steps in cases.values() for step in steps) else 1


def _large(engine: Dedupstore, work: Path, log_bytes: int) -> list[Step]:
    log = work / "logs" / "large.log"
    log.parent.mkdir()
    generate("log", str(log), "--bytes", str(log_bytes))
    return _measure(engine, work, log.parent, log)


def _small(engine: Dedupstore, work: Path, files: int) -> list[Step]:
    logs = work / "logs"
    generate("files", str(logs), "--files", str(files))
    return _measure(engine, work, logs, logs / "service-00000" / "worker-0000000.log")


def _measure(engine: Dedupstore, work: Path, logs: Path, log: Path) -> list[Step]:
    """Run every command on `logs`; `log` is the file that is shown and that grows."""
    steps = Steps(engine, work)
    target = str(steps.scratch.target)
    steps.run("init", "init")
    steps.run("snapshot, first", "snapshot", str(logs))
    steps.run("snapshot, unchanged", "snapshot", str(logs))
    steps.run("snapshot, reread", "snapshot", "--reread", str(logs))
    grow_log(log, _GROW_BYTES)
    steps.run("snapshot, grown", "snapshot", str(logs))
    steps.run("list", "list")
    steps.run("ls", "ls", "latest", "--recursive")
    steps.run("diff", "diff", "latest~1", "latest")
    steps.run("stats", "stats")
    steps.run("cat", "cat", "latest", str(log), as_json=False)
    steps.run("check", "check")
    steps.run("check, data", "check", "--data")
    steps.run("restore", "restore", "latest", "--target", target)
    # The index is disposable: the next command builds it anew from the packs.
    shutil.rmtree(steps.scratch.repository / "index", ignore_errors=True)
    steps.run("check, index lost", "check")
    return steps.done


def _row(step: Step) -> list[str]:
    if step.cost is None:
        return [step.title, "failed", "", str(step.failure)]
    verdict = "" if _below_bar(step) else "ABOVE THE BAR"
    return [
        step.title,
        megabytes(step.cost.peak_rss_bytes),
        f"{step.cost.wall_seconds:.2f} s",
        verdict,
    ]


def _below_bar(step: Step) -> bool:
    return step.cost is not None and step.cost.peak_rss_bytes <= MEMORY_BAR.rss_bytes_max


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--bytes",
        type=parse_bytes,
        default=5 * 10**9,
        metavar="SIZE",
        help="size of the large log (default 5GB; 0: leave this case out)",
    )
    parser.add_argument(
        "--files",
        type=int,
        default=200_000,
        metavar="N",
        help="number of small logs (default 200000; 0: leave this case out)",
    )
    add_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
