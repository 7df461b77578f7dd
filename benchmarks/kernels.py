"""Speed of the chunking kernels on real files, beside other libraries, and the chunks they make.

    python benchmarks/kernels.py FOLDER [--megabytes N] [--runs K] [--target-kib T] [--json FILE]

Everything runs on one thread over the same bytes in memory, in turns, so that a busy machine
slows all of them alike. The Python twin gets a small part of the data.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import io
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from dedupstore.chunking import Chunker, ChunkingParameters
from dedupstore.chunking.kernel import available_kernels

from machine import describe_machine, describe_project
from tables import align

MEGABYTE = 1_000_000
KIB = 1024
TWIN_BYTES = 4 * MEGABYTE
STREAM_BUFFER_BYTES = 4 * KIB * KIB


@dataclass(frozen=True)
class Contender:
    """Something that runs over data, and how much of the data it is given at most."""

    name: str
    run: Callable[[bytes], object]
    data_bytes_max: int | None = None


@dataclass(frozen=True)
class Speed:
    """Median, slowest and fastest speed of one contender, in GB/s."""

    name: str
    gigabytes_per_second: float
    slowest: float
    fastest: float


@dataclass(frozen=True)
class Distribution:
    """Sizes of the chunks that end neither with a file nor for want of data."""

    chunks: int
    mean_kib: float
    p5_kib: float
    median_kib: float
    p95_kib: float
    share_at_limit: float
    share_behind_newline: float


def main() -> int:
    """Measure, print a table, and write JSON where asked."""
    options = _options()
    files = [path.read_bytes() for path in sorted(options.folder.rglob("*")) if path.is_file()]
    data = b"".join(files)[: options.megabytes * MEGABYTE]
    if not data:
        print(f"no data in {options.folder}", file=sys.stderr)
        return 1
    parameters = ChunkingParameters.for_target(options.target_kib * KIB)
    speeds = measure(list(contenders(parameters)), data, options.runs)
    distribution = distribute(files, Chunker(parameters))
    print(f"{options.folder.name}, {len(data) / MEGABYTE:.0f} MB, medians of {options.runs} runs\n")
    print("\n".join(align(_rows(speeds))), end="\n\n")
    print("\n".join(f"{name:<22}{value:>10.5g}" for name, value in asdict(distribution).items()))
    if options.json:
        document = {
            "machine": describe_machine(),
            "project": describe_project(),
            "corpus": options.folder.name,
            "data_bytes": len(data),
            "target_bytes": parameters.target_bytes,
            "speeds": [asdict(speed) for speed in speeds],
            "chunk_sizes": asdict(distribution),
        }
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


def contenders(parameters: ChunkingParameters) -> Iterator[Contender]:
    """Yield each kernel, the streaming chunker, and what else is installed."""
    for kernel in available_kernels():
        chunker = Chunker(parameters, kernel)
        yield Contender(
            f"dedupstore {kernel.detail}",
            functools.partial(_find_all_cuts, chunker),
            TWIN_BYTES if kernel.name == "python" else None,
        )
    if available_kernels()[0].name == "native":
        yield Contender("dedupstore stream", functools.partial(_stream, Chunker(parameters)))
    try:
        fastcdc = importlib.import_module("fastcdc.fastcdc_cy").fastcdc_cy
    except ImportError:
        print("fastcdc is not installed", file=sys.stderr)
    else:
        yield Contender("fastcdc", functools.partial(_fastcdc, fastcdc, parameters))
    blake3 = importlib.import_module("blake3").blake3
    yield Contender("blake3", functools.partial(_hash_pieces, blake3, parameters.target_bytes))


def measure(all_contenders: list[Contender], data: bytes, runs: int) -> list[Speed]:
    """Run the contenders in turns, `runs` times after one round that does not count."""
    speeds: dict[str, list[float]] = {contender.name: [] for contender in all_contenders}
    for counted in [False] + [True] * runs:
        for contender in all_contenders:
            part = data[: contender.data_bytes_max]
            start = time.perf_counter()
            contender.run(part)
            seconds = time.perf_counter() - start
            if counted:
                speeds[contender.name].append(len(part) / seconds / 1e9)
    return [
        Speed(name, statistics.median(values), min(values), max(values))
        for name, values in speeds.items()
    ]


def distribute(files: list[bytes], chunker: Chunker) -> Distribution:
    """Cut each file by itself and describe its chunks but for the last, which just ends there."""
    parameters = chunker.parameters
    sizes: list[int] = []
    behind_newline = 0
    for data in files:
        cuts = chunker.find_cuts(data, 0, len(data), True)[:-1]
        sizes += [end - start for start, end in zip([0, *cuts], cuts, strict=False)]
        behind_newline += sum(data[cut - 1] == 0x0A for cut in cuts)
    if not sizes:
        return Distribution(0, *[0.0] * 6)
    sizes.sort()
    limit = parameters.max_bytes - parameters.line_bound_bytes

    def kib_at(share: float) -> float:
        return sizes[int(share * (len(sizes) - 1))] / KIB

    return Distribution(
        chunks=len(sizes),
        mean_kib=statistics.fmean(sizes) / KIB,
        p5_kib=kib_at(0.05),
        median_kib=kib_at(0.5),
        p95_kib=kib_at(0.95),
        share_at_limit=sum(size >= limit for size in sizes) / len(sizes),
        share_behind_newline=behind_newline / len(sizes),
    )


def _rows(speeds: list[Speed]) -> list[list[str]]:
    best = speeds[0].gigabytes_per_second
    return [
        ["", "GB/s", "slowest", "fastest", "of the first"],
        *(
            [
                speed.name,
                f"{speed.gigabytes_per_second:.2f}",
                f"{speed.slowest:.2f}",
                f"{speed.fastest:.2f}",
                f"{speed.gigabytes_per_second / best:.3f}",
            ]
            for speed in speeds
        ),
    ]


def _find_all_cuts(chunker: Chunker, data: bytes) -> object:
    return chunker.find_cuts(data, 0, len(data), True)


def _stream(chunker: Chunker, data: bytes) -> object:
    source = io.BytesIO(data)
    return sum(map(len, chunker.batches(source.readinto, bytearray(STREAM_BUFFER_BYTES))))


def _fastcdc(
    fastcdc: Callable[..., Iterator[object]], parameters: ChunkingParameters, data: bytes
) -> object:
    sizes = parameters.min_bytes, parameters.target_bytes, parameters.max_bytes
    return sum(1 for _ in fastcdc(data, *sizes, False, None))


def _hash_pieces(hasher: Callable[[memoryview], object], piece_bytes: int, data: bytes) -> None:
    view = memoryview(data)
    for start in range(0, len(view), piece_bytes):
        hasher(view[start : start + piece_bytes])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="its files, in order of name, are the data")
    parser.add_argument("--megabytes", type=int, default=200, help="how much to time")
    parser.add_argument("--runs", type=int, default=7, help="how often")
    parser.add_argument("--target-kib", type=int, default=64, help="target chunk size")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
