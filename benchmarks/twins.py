"""Which encoders' gzip files can be kept as twins, what their recipes take, what proving costs.

    python benchmarks/twins.py FOLDER... [--bytes 4MB] [--files 4] [--json FILE]

Samples of the files in each folder are packed by every encoder that is installed, at each of its
levels, proved and rebuilt; so is every .gz that lies there. Exits with 1 if a twin was not rebuilt
exactly or a bar is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from dedupstore.twins import kernel_name

from documents import Head, write_document
from gzip_encoders import Encoder, encoder_names, encoders
from options import add_json, add_work, exit_with, some_of
from sizes import megabytes, parse_bytes
from steps import work_folder
from tables import align
from twin_speed import Speed, measure_speed
from twin_trials import Trials, found_gz, sample_texts

EXACT_SHARE_MAX = 0.001
COST_MAX = 1.3


@dataclass(frozen=True)
class Bar:
    """Something that must hold, and whether it does (None: not measured)."""

    title: str
    met: bool | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Try, measure, print; return 0, or 1 if something is not as it must be."""
    options = _parser().parse_args(arguments)
    head = Head.now()
    texts = {
        folder.name: sample_texts(folder, options.files, options.bytes)
        for folder in options.folders
    }
    missing: list[str] = []
    exact: list[Trials] = []
    others: list[Trials] = []
    with work_folder(options.work) as work:
        found = Trials("as found")
        for packed in found_gz(options.folders):
            found.try_one(packed)
        for encoder in encoders(work):
            if not isinstance(encoder, Encoder):
                missing.append(str(encoder))
            elif encoder.name in options.encoders:
                print(f"{encoder.name}…", file=sys.stderr)
                rows = list(_try_encoder(encoder, [t for each in texts.values() for t in each]))
                (exact if encoder.is_exact else others).extend(rows)
        speeds = [
            measure_speed(name, b"".join(each)[: options.speed_bytes], options.runs, work)
            for name, each in texts.items()
            if each and options.runs
        ]
    bars = list(_bars(found, exact, others, speeds))
    print("\n".join(_report([found, *exact, *others], speeds, missing, bars)))
    if options.json:
        document = {
            **head.as_document(),
            "kernel": kernel_name(),
            "text_bytes": {name: sum(map(len, each)) for name, each in texts.items()},
            "trials": [asdict(row) for row in (found, *exact, *others)],
            "speeds": [asdict(speed) for speed in speeds],
            "missing": missing,
            "bars": [asdict(bar) for bar in bars],
        }
        write_document(options.json, document)
    return 1 if any(bar.met is False for bar in bars) else 0


def _try_encoder(encoder: Encoder, texts: Sequence[bytes]) -> Iterator[Trials]:
    def try_level(level: int) -> Trials:
        row = Trials(encoder.name, level)
        for text in texts:
            row.try_one(encoder.compress(text[: len(text) // encoder.slowness], level))
        return row

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as executor:
        yield from executor.map(try_level, encoder.levels)


def _bars(
    found: Trials, exact: Sequence[Trials], others: Sequence[Trials], speeds: Sequence[Speed]
) -> Iterator[Bar]:
    yield Bar(
        "every .gz that was found is a twin",
        found.twins == found.files if found.files else None,
    )
    yield Bar(
        "every file of GNU gzip, zlib, Python, Java and BusyBox is a twin",
        all(row.twins == row.files for row in exact) if exact else None,
    )
    shares = [row.recipe_share for row in exact if row.recipe_share is not None]
    yield Bar(
        f"their recipes take less than {EXACT_SHARE_MAX:.1%} of the files",
        max(shares) < EXACT_SHARE_MAX if shares else None,
    )
    rows = [found, *exact, *others]
    yield Bar("every twin is rebuilt exactly", all(row.exact == row.twins for row in rows))
    yield Bar(
        f"proving costs at most {COST_MAX:g} times gzip -6",
        all(speed.cost <= COST_MAX for speed in speeds if speed.is_twin)
        if any(speed.is_twin for speed in speeds)
        else None,
    )


def _report(
    rows: Sequence[Trials], speeds: Sequence[Speed], missing: Sequence[str], bars: Sequence[Bar]
) -> Iterator[str]:
    yield f"{kernel_name()} kernel\n"
    header = ["", "level", "files", "gz", "twins", "exact", "recipes", "share", "largest", "raw"]
    yield from align([header, *(_row(row) for row in rows)])
    yield ""
    if speeds:
        speed_header = ["", "text", "gz", "gzip -6", "proving", "x", "all cores, 8 files", "twin"]
        yield from align([speed_header, *(_speed_row(speed) for speed in speeds)])
        yield ""
    yield from (f"left out: {line}" for line in missing)
    for bar in bars:
        state = {True: "pass", False: "MISS", None: " ?  "}[bar.met]
        yield f"[{state}] {bar.title}"


def _row(row: Trials) -> list[str]:
    share = row.recipe_share
    refusals = sorted(row.refusals.items(), key=lambda item: -item[1])
    reasons = ", ".join(f"{count} {reason}" for reason, count in refusals)
    return [
        row.name,
        "" if row.level is None else str(row.level),
        f"{row.files}",
        megabytes(row.gz_bytes),
        f"{row.twins}",
        f"{row.exact}",
        f"{row.recipe_bytes:,}",
        "-" if share is None else f"{share:.3%}",
        f"{row.recipe_share_max:.2%}" if row.twins else "-",
        reasons,
    ]


def _speed_row(speed: Speed) -> list[str]:
    return [
        speed.name,
        megabytes(speed.text_bytes),
        megabytes(speed.gz_bytes),
        f"{speed.gzip_cpu_seconds:.3f} s",
        f"{speed.prove_cpu_seconds:.3f} s",
        f"{speed.cost:.2f}",
        f"{speed.speedup:.2f} times",
        "yes" if speed.is_twin else "no",
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="texts, or .gz")
    parser.add_argument(
        "--bytes", type=parse_bytes, default=4_000_000, help="taken of a text (default 4MB)"
    )
    parser.add_argument("--files", type=int, default=4, help="texts of a folder (default 4)")
    parser.add_argument(
        "--encoders",
        type=some_of(encoder_names()),
        default=encoder_names(),
        help="names with commas (default all)",
    )
    parser.add_argument(
        "--speed-bytes",
        type=parse_bytes,
        default=16_000_000,
        help="text of a folder to measure speed with (default 16MB, as far as the samples go)",
    )
    parser.add_argument(
        "--runs", type=int, default=5, help="runs of each measurement of speed (default 5; 0: none)"
    )
    add_json(parser)
    add_work(parser)
    return parser


if __name__ == "__main__":
    exit_with(main)
