"""Measures the peak memory of every command on large logs and on many small ones."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from documents import Head
from engines.dedupstore import Dedupstore
from engines.engine import EngineMissing
from measuring import peak_rss_floor_bytes
from options import add_results, add_subject, add_work, count, exit_with
from pages import write_pages
from peaks import disk_bytes_needed, judge_peaks, measure_large_log, measure_small_logs
from sections import as_text
from sizes import parse_sizes
from steps import require_room, work_folder
from verdict import all_met


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 0 if nothing failed and every bar holds, else 1."""
    parser = _parser()
    options = parser.parse_args(arguments)
    require_room(parser, options.work, disk_bytes_needed(options.bytes))
    engine = Dedupstore(options.dedupstore)
    head = Head.now()
    try:
        version = engine.version()
    except EngineMissing as error:
        print(f"dedupstore: {error}", file=sys.stderr)
        return 1
    cases = []
    for size in options.bytes:
        with work_folder(options.work) as work:
            cases.append(measure_large_log(engine, work, size))
    if options.files:
        with work_folder(options.work) as work:
            cases.append(measure_small_logs(engine, work, options.files))
    verdicts = judge_peaks(cases)
    document = {
        "title": "Peak memory of every command",
        "command": "benchmarks/memory.py",
        **head.as_document(),
        "dedupstore": version,
        "peak_rss_floor_bytes": peak_rss_floor_bytes(),
        "cases": [case.as_document() for case in cases],
        "bars": [verdict.as_document() for verdict in verdicts],
    }
    if options.results:
        write_pages(options.results, document)
    print(as_text(document))
    return 0 if all_met(verdicts) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--bytes",
        type=parse_sizes,
        default=[10**9, 10**10],
        metavar="SIZE,…",
        help="sizes of the large logs (default 1GB,10GB; 0: leave them out)",
    )
    parser.add_argument(
        "--files",
        type=count(0),
        default=200_000,
        metavar="N",
        help="number of small logs (default 200000; 0: leave this case out)",
    )
    add_results(parser)
    add_work(parser)
    add_subject(parser)
    return parser


if __name__ == "__main__":
    exit_with(main)
