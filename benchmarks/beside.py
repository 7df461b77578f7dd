"""What a comparison measures of dedupstore alone: memory at growing sizes, the chunking kernel."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bars import judge_kernel
from corpora import Corpus
from documents import Document, read_document
from engines.dedupstore import Dedupstore
from peaks import COMPARED, judge_peaks, large_log_case, measure_large_log
from steps import work_folder
from verdict import Verdict

_KERNELS = Path(__file__).with_name("kernels.py")
_CHUNKING_SPEED = "chunking_gigabytes_per_second"


@dataclass(frozen=True)
class Beside:
    """What goes into the document of a comparison, and the verdicts."""

    document: Document
    verdicts: Sequence[Verdict]


def measure_beside(options: argparse.Namespace, corpora: Sequence[Corpus]) -> Beside:
    """Measure the peaks at `options.memory`, and the kernel unless `options.no_kernels`."""
    document: Document = {}
    verdicts: list[Verdict] = []
    cases = []
    for size in options.memory:
        print(f"peak memory: {size:,} bytes", file=sys.stderr)
        with work_folder(options.work) as work:
            try:
                case = measure_large_log(Dedupstore(options.dedupstore), work, size, COMPARED)
            except (OSError, subprocess.CalledProcessError) as error:
                print(f"  not measured: {error}", file=sys.stderr)
                case = large_log_case(size, ())
            cases.append(case)
    if cases:
        document["cases"] = [case.as_document() for case in cases]
        verdicts += judge_peaks(cases)
    if not options.no_kernels:
        kernels = _measure_kernels([corpus.path for corpus in corpora])
        document |= kernels
        verdicts.append(judge_kernel(kernels.get(_CHUNKING_SPEED)))
    return Beside(document, verdicts)


def _measure_kernels(paths: Sequence[Path]) -> Document:
    """Measure in a process of its own: the one that measures engines must stay small.

    Return nothing if that fails.
    """
    print("chunking kernel", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        stem = Path(folder, "kernels")
        command = [sys.executable, str(_KERNELS), "--only", "chunking", "--results", str(stem)]
        # A missed bar is no failure here: it gets its verdict with the others.
        subprocess.run([*command, *map(str, paths)], check=False, stdout=subprocess.DEVNULL)
        try:
            measured = read_document(stem.with_suffix(".json"))
        except OSError:
            print("  not measured: is dedupstore installed for this Python?", file=sys.stderr)
            return {}
    return {key: measured[key] for key in ("speeds", _CHUNKING_SPEED)}
