"""What proving twins costs beside compressing the same texts with gzip."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from dedupstore.twins import Prover

from measuring import Command, measure

_STEP_BYTES = 1 << 20
_PARTS = 8


@dataclass(frozen=True)
class Speed:
    """Medians for one text: CPU seconds on one thread, and wall seconds of proving many files.

    `many_wall_seconds` is with a thread for each core, `one_by_one_wall_seconds` with one thread.
    """

    name: str
    text_bytes: int
    gz_bytes: int
    is_twin: bool
    gzip_cpu_seconds: float
    prove_cpu_seconds: float
    one_by_one_wall_seconds: float
    many_wall_seconds: float

    @property
    def cost(self) -> float:
        """CPU time of proving over that of gzip -6."""
        return self.prove_cpu_seconds / self.gzip_cpu_seconds

    @property
    def speedup(self) -> float:
        """How many times as fast many files are proved in threads."""
        return self.one_by_one_wall_seconds / self.many_wall_seconds


def measure_speed(name: str, text: bytes, runs: int, work: Path) -> Speed:
    """Pack a text with gzip -6 and prove the result, in turns, `runs` times each.

    For the measurement with threads it is split into eight files.
    """
    path = work / "text"
    path.write_bytes(text)
    packed = _gzip(text)
    part_bytes = len(text) // _PARTS + 1
    parts = [_gzip(text[begin : begin + part_bytes]) for begin in range(0, len(text), part_bytes)]
    gzip_seconds, prove_seconds, one_seconds, many_seconds = [], [], [], []
    is_twin = False
    for _ in range(runs):
        cost = measure(Command(["gzip", "-6", "-c", str(path)]), os.environ)
        gzip_seconds.append(cost.cpu_seconds)
        started = time.process_time()
        is_twin = _prove(packed)
        prove_seconds.append(time.process_time() - started)
        one_seconds.append(_prove_all(parts, threads=1))
        many_seconds.append(_prove_all(parts, threads=len(os.sched_getaffinity(0))))
    path.unlink()
    return Speed(
        name,
        len(text),
        len(packed),
        is_twin,
        median(gzip_seconds),
        median(prove_seconds),
        median(one_seconds),
        median(many_seconds),
    )


def _gzip(text: bytes) -> bytes:
    return subprocess.run(["gzip", "-6nc"], input=text, capture_output=True, check=True).stdout


def _prove(packed: bytes) -> bool:
    prover = Prover()
    for begin in range(0, len(packed), _STEP_BYTES):
        prover.feed(packed[begin : begin + _STEP_BYTES])
    return prover.finish() is not None


def _prove_all(files: Sequence[bytes], threads: int) -> float:
    with ThreadPoolExecutor(threads) as executor:
        started = time.monotonic()
        list(executor.map(_prove, files))
        return time.monotonic() - started
