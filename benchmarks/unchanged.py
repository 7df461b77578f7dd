"""Measures what a snapshot of a large log costs when the log is unchanged, and when it grew."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from documents import Head
from engines.dedupstore import Dedupstore
from engines.engine import EngineMissing
from options import add_results, add_subject, add_work, exit_with
from pages import write_pages
from sections import as_text
from sizes import gigabytes, megabytes, parse_bytes
from steps import Step, Steps, generate, grow_log, work_folder


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
    document = {
        "title": f"A log of {gigabytes(options.bytes)}, unchanged and grown",
        "command": "benchmarks/unchanged.py",
        **head.as_document(),
        "dedupstore": version,
        "log_bytes": options.bytes,
        "grow_bytes": options.grow,
        "snapshots": [step.as_document() for step in steps],
        "bars": [],
    }
    if options.results:
        write_pages(options.results, document)
    print(as_text(document))
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--bytes", type=parse_bytes, default=10**10, metavar="SIZE", help="log (default 10GB)"
    )
    parser.add_argument(
        "--grow", type=parse_bytes, default=10**6, metavar="SIZE", help="growth (default 1MB)"
    )
    add_results(parser)
    add_work(parser)
    add_subject(parser)
    return parser


if __name__ == "__main__":
    exit_with(main)
