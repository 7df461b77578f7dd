"""Chunking: each kernel, beside fastcdc and a plain copy."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from functools import partial

from dedupstore.chunking import Chunker, ChunkingParameters
from dedupstore.chunking.kernel import available_kernels

from parts.contender import Contender, Group

_TWIN_BYTES = 4_000_000


def chunking(data: bytes, target_bytes: int) -> Group:
    """Return all that cuts `data`; the first is the kernel that is used here."""
    parameters = ChunkingParameters.for_target(target_bytes)
    return Group("chunking", "GB/s", 10**9, list(_contenders(data, parameters)))


def _contenders(data: bytes, parameters: ChunkingParameters) -> Iterator[Contender]:
    for kernel in available_kernels():
        chunker = Chunker(parameters, kernel)
        part = data[:_TWIN_BYTES] if kernel.name == "python" else data
        cut = partial(chunker.find_cuts, part, 0, len(part), True)
        yield Contender(f"kernel, {kernel.name} ({kernel.detail})", cut, len(part))
    try:
        fastcdc = importlib.import_module("fastcdc.fastcdc_cy").fastcdc_cy
    except ImportError:
        print("fastcdc is not installed", file=sys.stderr)
    else:
        sizes = parameters.min_bytes, parameters.target_bytes, parameters.max_bytes
        exhaust = partial(_exhaust, partial(fastcdc, data, *sizes, False, None))
        yield Contender("fastcdc", exhaust, len(data), is_yardstick=True)
    copy = bytearray(len(data))
    yield Contender("copy", partial(_copy, copy, data), len(data), is_yardstick=True)


def _exhaust(cut: partial[Iterator[object]]) -> int:
    return sum(1 for _ in cut())


def _copy(target: bytearray, data: bytes) -> None:
    memoryview(target)[:] = data
