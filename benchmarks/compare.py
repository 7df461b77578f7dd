"""Compares dedupstore with the deduplicating archives that are installed, on the same data."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bars import judge
from comparison import Plan, compare
from corpora import Corpus, open_corpus
from engines.borg import Borg
from engines.bup import Bup
from engines.dedupstore import Dedupstore
from engines.engine import Engine, Operation
from engines.restic import Restic
from engines.yardsticks import Copy, TarZstd
from priming import prime_bytes_for
from results import Status, as_document
from tables import render

PEERS = ("restic", "borg", "bup", "tar-zstd", "cp")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; return 0 if dedupstore was measured, 1 if not, 2 for wrong usage."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        corpora = [open_corpus(path) for path in options.data]
    except OSError as error:
        parser.error(str(error))
    work = Path(tempfile.mkdtemp(prefix="compare-", dir=options.work)).resolve()
    try:
        comparison = compare(
            Plan(
                engines=_engines(options),
                corpora=corpora,
                operations=[o for o in Operation if o in options.operations],
                runs=options.runs,
                work=work,
                prime_bytes=_prime_bytes(options, corpora),
            )
        )
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    finally:
        shutil.rmtree(work, ignore_errors=True)
    verdicts = judge(comparison)
    print(render(comparison, verdicts))
    if options.json:
        document = as_document(comparison, [verdict.as_document() for verdict in verdicts])
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0 if comparison.subject.status is Status.DONE else 1


def _prime_bytes(options: argparse.Namespace, corpora: Sequence[Corpus]) -> int:
    if options.no_prime:
        return 0
    return prime_bytes_for(sum(corpus.footprint.apparent_bytes for corpus in corpora))


def _engines(options: argparse.Namespace) -> list[Engine]:
    peers: dict[str, Engine] = {
        "restic": Restic(options.restic),
        "borg": Borg(options.borg),
        "bup": Bup(options.bup),
        "tar-zstd": TarZstd(),
        "cp": Copy(),
    }
    return [Dedupstore(options.dedupstore), *(peers[name] for name in options.peers)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks/compare", description=__doc__)
    parser.add_argument(
        "data", nargs="+", type=Path, metavar="DATA", help="folder or file to snapshot; unchanged"
    )
    parser.add_argument("--runs", type=_runs, default=5, help="runs of each engine (default 5)")
    parser.add_argument(
        "--peers", type=_peers, default=list(PEERS), help=f"some of {','.join(PEERS)} (default all)"
    )
    parser.add_argument(
        "--operations",
        type=_operations,
        default=list(Operation),
        help=f"some of {','.join(Operation)} (default all)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results there")
    parser.add_argument(
        "--work", type=Path, metavar="DIR", help="existing folder for repositories (emptied after)"
    )
    parser.add_argument(
        "--no-prime", action="store_true", help="do not make memory ready before each operation"
    )
    parser.add_argument(
        "--dedupstore", metavar="CMD", help="default: dedupstore of PATH, else of .venv"
    )
    for name in ("restic", "borg", "bup"):
        parser.add_argument(f"--{name}", metavar="PATH", default=name, help=f"which {name} to run")
    return parser


def _runs(text: str) -> int:
    runs = int(text)
    if runs < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return runs


def _peers(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {unknown[0]} (choose from {', '.join(PEERS)})")
    return list(dict.fromkeys(names))


def _operations(text: str) -> list[Operation]:
    try:
        return [Operation(name) for name in text.split(",") if name]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error} (choose from {', '.join(Operation)})") from error


if __name__ == "__main__":
    sys.exit(main())
