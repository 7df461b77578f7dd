"""Measures the peak memory of every command on large logs and on many small ones."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from bars import RSS_BYTES_MAX
from documents import Head, write_document
from engines.dedupstore import Dedupstore
from engines.engine import EngineMissing
from measuring import peak_rss_floor_bytes
from options import count, exit_with
from peaks import Case, judge_peaks, measure_large_log, measure_small_logs
from sizes import megabytes, parse_sizes
from steps import Step, add_options, work_folder
from tables import align
from verdict import verdict_rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 0 if nothing failed and every bar holds, else 1."""
    options = _parser().parse_args(arguments)
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
    print(f"dedupstore {version}\n")
    print("\n".join(align(_rows(cases))), end="\n\n")
    print(f"less than {megabytes(peak_rss_floor_bytes())} cannot be seen\n")
    print("\n".join(align(verdict_rows(verdicts), rights=False)))
    if options.json:
        document = {
            **head.as_document(),
            "version": version,
            "peak_rss_floor_bytes": peak_rss_floor_bytes(),
            "cases": [case.as_document() for case in cases],
            "bars": [verdict.as_document() for verdict in verdicts],
        }
        write_document(options.json, document)
    return 0 if all(verdict.met for verdict in verdicts) else 1


def _rows(cases: Sequence[Case]) -> list[list[str]]:
    """Return a row for each command; the peaks of each case, and the last over the first log's."""
    titles = list(dict.fromkeys(step.title for case in cases for step in case.steps))
    rows = [["peak memory", *(case.title for case in cases)]]
    for title in titles:
        steps = [next(s for s in case.steps if s.title == title) for case in cases]
        rows.append([title, *map(_cell, steps)])
    return rows


def _cell(step: Step) -> str:
    if step.cost is None:
        return str(step.failure)
    mark = "" if step.cost.peak_rss_bytes <= RSS_BYTES_MAX else " ABOVE THE BAR"
    return f"{megabytes(step.cost.peak_rss_bytes)}{mark}"


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
    add_options(parser)
    return parser


if __name__ == "__main__":
    exit_with(main)
