"""Measures what scripts wait for all day: many small files, and the start of the program.

`version`, and `list` of a small repository, are run in turns with the version commands of the peers
and with a Python that does nothing, by which the machine can be judged. Then many small files are
snapshotted first, snapshotted again unchanged, and restored, by dedupstore and its peers in turns.
Exits with 1 if something fails or a bar is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from comparison import Plan, compare
from corpora import open_corpus
from engines.dedupstore import Dedupstore
from engines.engine import Operation, Scratch
from measuring import Command, CommandFailed, Measurement, measure
from options import (
    ARCHIVERS,
    YARDSTICKS,
    add_programs,
    add_results,
    add_runs,
    add_work,
    count,
    engines,
    exit_with,
    some_of,
)
from pages import write_pages
from priming import prime_bytes_for
from results import Comparison, Status, as_document
from sections import as_text
from steps import generate, work_folder
from verdict import Unit, Verdict, all_met

UNCHANGED_SECONDS_MAX = 3.0
FILES = 200_000
VERSION_SECONDS_MAX = 0.080
LIST_SECONDS_MAX = 0.120

_VERSION = "dedupstore version"
_LIST = "dedupstore list"
_PEERS = (*ARCHIVERS, *YARDSTICKS)
_LOGS_OF_SMALL_REPOSITORY = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 0 if nothing failed and every bar holds, else 1."""
    options = _parser().parse_args(arguments)
    with work_folder(options.work) as work:
        try:
            starts = _time_starts(options, work)
        except CommandFailed as error:
            print(f"start-up: {error}", file=sys.stderr)
            return 1
        logs = work / "logs"
        generate("files", str(logs), "--files", str(options.files))
        corpora = [open_corpus(logs)]
        comparison = compare(
            Plan(
                engines=engines(options),
                corpora=corpora,
                operations=[Operation.FIRST, Operation.UNCHANGED, Operation.RESTORE],
                runs=options.runs,
                work=work,
                prime_bytes=prime_bytes_for(corpora[0].footprint.allocated_bytes),
            )
        )
    verdicts = [_judge_files(comparison, options.files), *_judge_starts(starts)]
    beside = {"start_up": {name: list(map(asdict, costs)) for name, costs in starts.items()}}
    document = {
        "title": f"Small jobs: {options.files:,} small files, and start-up",
        "command": "benchmarks/small_jobs.py",
        **as_document(comparison, beside, verdicts),
    }
    if options.results:
        write_pages(options.results, document)
    print(as_text(document))
    sound = comparison.subject.status is Status.DONE
    return 0 if sound and all_met(verdicts) else 1


def _judge_files(comparison: Comparison, files: int) -> Verdict:
    subject = comparison.sound(comparison.subject.name)
    seconds = subject.wall_seconds(Operation.UNCHANGED) if subject else None
    title = f"{files:,} unchanged files"
    return Verdict(title, seconds, Unit.SECONDS, UNCHANGED_SECONDS_MAX, at_least=False)


def _time_starts(options: argparse.Namespace, work: Path) -> Mapping[str, Sequence[Measurement]]:
    """Run short commands in turns, each as often as asked for; those not installed are left out."""
    engine = Dedupstore(options.dedupstore)
    scratch = Scratch(work / "start-up")
    scratch.create()
    environment = engine.environment(scratch)
    logs = work / "few logs"
    generate("files", str(logs), "--files", str(_LOGS_OF_SMALL_REPOSITORY))
    for command in (
        *engine.initialize(scratch),
        engine.command(scratch, "snapshot", str(logs)),
    ):
        measure(command, environment)
    commands = {
        _VERSION: Command([*engine.program, "version"]),
        _LIST: engine.command(scratch, "list", as_json=False),
        "python -c pass": Command([sys.executable, "-c", "pass"]),
        **{
            f"{name} version": Command([getattr(options, name), flag])
            for name, flag in (("restic", "version"), ("borg", "--version"), ("bup", "--version"))
            if name in options.peers
        },
    }
    costs: dict[str, list[Measurement]] = {name: [] for name in commands}
    for counted in [False] + [True] * options.starts:
        for name, command in commands.items():
            try:
                cost = measure(command, environment)
            except CommandFailed:
                if name in (_VERSION, _LIST):
                    raise
                continue
            if counted:
                costs[name].append(cost)
    return {name: measured for name, measured in costs.items() if measured}


def _judge_starts(starts: Mapping[str, Sequence[Measurement]]) -> list[Verdict]:
    verdicts = []
    for name, bar in ((_VERSION, VERSION_SECONDS_MAX), (_LIST, LIST_SECONDS_MAX)):
        seconds = statistics.median(cost.wall_seconds for cost in starts[name])
        verdicts.append(Verdict(name, seconds, Unit.SECONDS, bar, at_least=False))
    return verdicts


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--files",
        type=count(1),
        default=FILES,
        metavar="N",
        help=f"small files (default {FILES}, for which the bar is meant)",
    )
    parser.add_argument(
        "--starts", type=count(1), default=21, metavar="N", help="runs of start-up (default 21)"
    )
    parser.add_argument(
        "--peers",
        type=some_of(_PEERS),
        default=["restic", "borg", "cp"],
        help=f"some of {','.join(_PEERS)} (default restic,borg,cp)",
    )
    add_runs(parser, 3)
    add_results(parser)
    add_work(parser)
    add_programs(parser)
    return parser


if __name__ == "__main__":
    exit_with(main)
