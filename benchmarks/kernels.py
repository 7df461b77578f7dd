"""Speed of the engine's parts on real files, beside yardsticks, each on one thread.

    python benchmarks/kernels.py DATA... [--only GROUP,…] [--results NAME]

Parts of a group run in turns on the same bytes in memory, so that a busy machine slows all of them
alike, and are timed by the processor; only what waits for the disk is timed by the wall. Run it
with the Python that dedupstore is installed in. Exits with 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from dedupstore.chunking import Chunker, ChunkingParameters
from dedupstore.chunking.kernel import available_kernels

from bars import judge_kernel
from chunk_sizes import distribute
from corpora import walk
from documents import Head
from options import add_results, add_runs, add_work, count, exit_with, some_of
from pages import write_pages
from parts.chunking import chunking
from parts.compression import compression
from parts.contender import Group, measure
from parts.entries import entries
from parts.hashing import hashing
from parts.index import index
from parts.twins import twins
from sections import as_text
from sizes import parse_bytes
from steps import work_folder
from verdict import all_met

GROUPS = ("chunking", "hashing", "compression", "twins", "index", "entries")
_CHUNKING = GROUPS[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print tables, and write JSON where asked; return 0 if every bar holds, else 1."""
    parser = _parser()
    options = parser.parse_args(arguments)
    head = Head.now()
    files = list(_read_files(options.data, options.bytes))
    data = b"".join(files)
    if not data:
        parser.error("there is no data in these files")
    parameters = ChunkingParameters.for_target(options.target)
    with work_folder(options.work) as work:
        groups: Mapping[str, Callable[[], Group]] = {
            "chunking": lambda: chunking(data, options.target),
            "hashing": lambda: hashing(data, options.target),
            "compression": lambda: compression(data, options.target),
            "twins": lambda: twins(data),
            "index": lambda: index(options.chunks, work),
            "entries": lambda: entries(options.entries),
        }
        speeds = [
            speed
            for name in GROUPS
            if name in options.only
            for speed in measure(groups[name](), options.runs)
        ]
    # The first contender is the kernel that is used on this machine.
    native = available_kernels()[0].name == "native"
    cutting = [speed.median for speed in speeds if speed.group == _CHUNKING and native]
    verdicts = [judge_kernel(cutting[0] if cutting else None)] if _CHUNKING in options.only else []
    sizes = distribute(files, Chunker(parameters))
    document = {
        "title": "Parts of the engine",
        "command": "benchmarks/kernels.py",
        **head.as_document(),
        "runs": options.runs,
        "data_bytes": len(data),
        "target_bytes": options.target,
        "speeds": [asdict(speed) for speed in speeds],
        "chunking_gigabytes_per_second": cutting[0] if cutting else None,
        "chunk_sizes": asdict(sizes),
        "bars": [verdict.as_document() for verdict in verdicts],
    }
    if options.results:
        write_pages(options.results, document)
    print(as_text(document))
    return 0 if all_met(verdicts) else 1


def _read_files(paths: Sequence[Path], bytes_max: int) -> Iterator[bytes]:
    """Yield the files below `paths`, those of a path in order of name, up to a size in all."""
    for path in paths:
        for name in sorted(walk(path)):
            if bytes_max > 0 and Path(name).is_file():
                with open(name, "rb") as source:
                    data = source.read(bytes_max)
                bytes_max -= len(data)
                yield data


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="+", type=Path, metavar="DATA", help="files or folders")
    parser.add_argument(
        "--only", type=some_of(GROUPS), default=list(GROUPS), help=f"some of {','.join(GROUPS)}"
    )
    parser.add_argument(
        "--bytes", type=parse_bytes, default=200 * 10**6, help="taken of them (default 200MB)"
    )
    parser.add_argument(
        "--target", type=parse_bytes, default=64 << 10, help="target chunk size (default 64KiB)"
    )
    parser.add_argument(
        "--chunks", type=count(1), default=300_000, help="chunks in the index (default 300000)"
    )
    parser.add_argument(
        "--entries", type=count(1), default=50_000, help="entries of files (default 50000)"
    )
    add_runs(parser, 5)
    add_results(parser)
    add_work(parser)
    return parser


if __name__ == "__main__":
    exit_with(main)
