"""Command line options that several benchmarks have, and how a benchmark ends."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from engines.borg import Borg
from engines.bup import Bup
from engines.dedupstore import Dedupstore
from engines.engine import Archiver, Engine
from engines.restic import Restic
from engines.yardsticks import Copy, TarZstd

SUBJECT = "dedupstore"
ARCHIVERS = ("restic", "borg", "bup")
YARDSTICKS = ("tar-zstd", "cp")


def add_work(parser: argparse.ArgumentParser) -> None:
    """Add where to work."""
    parser.add_argument(
        "--work",
        type=_existing_folder,
        metavar="DIR",
        help="existing folder for all that is made, then deleted",
    )


def add_subject(parser: argparse.ArgumentParser) -> None:
    """Add which dedupstore to run."""
    parser.add_argument(
        "--dedupstore", metavar="CMD", help="default: dedupstore of PATH, else of .venv"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add where to write the results."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results there")


def add_results(parser: argparse.ArgumentParser) -> None:
    """Add where to write the results, and a page that shows them."""
    parser.add_argument(
        "--results",
        type=_new_files,
        metavar="NAME",
        help="write NAME.json and a page NAME.md, and NAME.svg for what has a figure",
    )


def add_runs(parser: argparse.ArgumentParser, runs: int) -> None:
    """Add how often to measure."""
    parser.add_argument(
        "--runs", type=count(1), default=runs, metavar="N", help=f"runs of each (default {runs})"
    )


def add_programs(parser: argparse.ArgumentParser) -> None:
    """Add which program to run for dedupstore and for each peer."""
    add_subject(parser)
    for name in ARCHIVERS:
        parser.add_argument(f"--{name}", metavar="PATH", default=name, help=f"which {name} to run")


def archivers(options: argparse.Namespace) -> dict[str, Archiver]:
    """Return every engine that keeps snapshots, the subject first; see `add_programs`."""
    return {
        SUBJECT: Dedupstore(options.dedupstore),
        "restic": Restic(options.restic),
        "borg": Borg(options.borg),
        "bup": Bup(options.bup),
    }


def engines(options: argparse.Namespace) -> list[Engine]:
    """Return the subject and those of the others that are in `options.peers`."""
    peers: Mapping[str, Engine] = {**archivers(options), "tar-zstd": TarZstd(), "cp": Copy()}
    return [peers[name] for name in (SUBJECT, *options.peers)]


def some_of(known: Iterable[str]) -> Callable[[str], list[str]]:
    """Return the type of an option that takes names with commas between."""
    names = tuple(known)

    def parse(text: str) -> list[str]:
        chosen = [name for name in text.split(",") if name]
        unknown = [name for name in chosen if name not in names]
        if unknown:
            raise argparse.ArgumentTypeError(
                f"unknown: {unknown[0]} (choose from {', '.join(names)})"
            )
        return list(dict.fromkeys(chosen))

    return parse


def count(least: int) -> Callable[[str], int]:
    """Return the type of an option that takes a whole number from `least` on."""

    def parse(text: str) -> int:
        number = int(text)
        if number < least:
            raise argparse.ArgumentTypeError(f"at least {least}")
        return number

    # What argparse calls the type where `text` is no number.
    parse.__name__ = "number"
    return parse


def exit_with(main: Callable[[], int]) -> None:
    """End the process with what `main` returns, or with 130 if it was interrupted."""
    try:
        status = main()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = 130
    sys.exit(status)


def _new_files(text: str) -> Path:
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"no folder: {path.parent}")
    return path


def _existing_folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"no folder: {text}")
    return path
