"""The sizes of the chunks that files are cut into."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from dedupstore.chunking import Chunker

_KIB = 1024


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


def distribute(files: Sequence[bytes], chunker: Chunker) -> Distribution:
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
        return sizes[int(share * (len(sizes) - 1))] / _KIB

    return Distribution(
        chunks=len(sizes),
        mean_kib=statistics.fmean(sizes) / _KIB,
        p5_kib=kib_at(0.05),
        median_kib=kib_at(0.5),
        p95_kib=kib_at(0.95),
        share_at_limit=sum(size >= limit for size in sizes) / len(sizes),
        share_behind_newline=behind_newline / len(sizes),
    )
