"""Compares dedupstore with the deduplicating archives that are installed, on the same data.

Every engine takes its turn in every run. Then the peak memory of dedupstore is measured on a small
and on a large log, and the speed of the chunking kernel, so that every bar gets its verdict.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bars import judge
from beside import Beside, measure_beside
from comparison import Plan, compare
from corpora import Corpus, open_corpus
from documents import Document
from engines.engine import Operation
from options import (
    ARCHIVERS,
    YARDSTICKS,
    add_programs,
    add_results,
    add_runs,
    add_work,
    engines,
    exit_with,
    some_of,
)
from pages import write_pages
from peaks import disk_bytes_needed
from priming import prime_bytes_for
from results import Comparison, Status, as_document
from sections import as_text
from sizes import parse_sizes
from steps import require_room, work_folder

PEERS = (*ARCHIVERS, *YARDSTICKS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; return 0 if dedupstore was measured, 1 if not, 2 for wrong usage."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        corpora = [open_corpus(path) for path in options.data]
    except OSError as error:
        parser.error(str(error))
    require_room(parser, options.work, disk_bytes_needed(options.memory))
    with work_folder(options.work) as work:
        comparison = compare(
            Plan(
                engines=engines(options),
                corpora=corpora,
                operations=[o for o in Operation if o in options.operations],
                runs=options.runs,
                work=work,
                prime_bytes=_prime_bytes(options, corpora),
            )
        )
    if options.results:
        # What was measured for an hour is not lost if what follows is interrupted.
        write_pages(options.results, _document(comparison, Beside({}, ())))
    document = _document(comparison, measure_beside(options, corpora))
    if options.results:
        write_pages(options.results, document)
    print(as_text(document))
    return 0 if comparison.subject.status is Status.DONE else 1


def _document(comparison: Comparison, beside: Beside) -> Document:
    corpora = ", ".join(corpus.name for corpus in comparison.corpora)
    return {
        "title": f"Side by side: {corpora}",
        "command": "benchmarks/compare",
        **as_document(comparison, beside.document, [*judge(comparison), *beside.verdicts]),
    }


def _prime_bytes(options: argparse.Namespace, corpora: Sequence[Corpus]) -> int:
    if options.no_prime:
        return 0
    return prime_bytes_for(sum(corpus.footprint.apparent_bytes for corpus in corpora))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks/compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "data", nargs="+", type=Path, metavar="DATA", help="folder or file to snapshot; unchanged"
    )
    add_runs(parser, 5)
    parser.add_argument(
        "--peers",
        type=some_of(PEERS),
        default=list(PEERS),
        help=f"some of {','.join(PEERS)} (default all)",
    )
    parser.add_argument(
        "--operations",
        type=some_of(Operation),
        default=list(Operation),
        help=f"some of {','.join(Operation)} (default all)",
    )
    parser.add_argument(
        "--memory",
        type=parse_sizes,
        default=[10**9, 10**10],
        metavar="SIZE,…",
        help="logs to measure peak memory on (default 1GB,10GB; 0: none); the largest takes 2.4"
        " times as much of disk",
    )
    parser.add_argument(
        "--no-kernels", action="store_true", help="do not measure the chunking kernel"
    )
    parser.add_argument(
        "--no-prime", action="store_true", help="do not make memory ready before each operation"
    )
    add_results(parser)
    add_work(parser)
    add_programs(parser)
    return parser


if __name__ == "__main__":
    exit_with(main)
