"""Logs of a wanted size, and repositories of them, for counting what their handling takes."""

from __future__ import annotations

import random
import time
from pathlib import Path

from dedupstore.chunking import Chunker, ChunkingParameters
from log_folder import RACE_SECONDS

CHUNK_BYTES_TARGET = 4096
"""Small, so that there are many chunks and little that is done for each block."""

_LINE_BYTES = 64
_LINES_PER_CHUNK = 80


def write_log(folder: Path, chunks: int) -> int:
    """Write one log of about so many chunks, all of them different; return how many there are."""
    folder.mkdir()
    generator = random.Random(5)
    lines = (generator.randbytes(_LINE_BYTES // 2).hex() for _ in range(chunks * _LINES_PER_CHUNK))
    data = "\n".join(lines).encode()
    (folder / "app.log").write_bytes(data)
    _rest()
    parameters = ChunkingParameters.for_target(CHUNK_BYTES_TARGET)
    return len(Chunker(parameters).find_cuts(data, 0, len(data), True))


def write_small_logs(folder: Path, files: int) -> int:
    """Write so many logs of some hundred bytes, all of them different; return how many."""
    folder.mkdir()
    for number in range(files):
        (folder / f"worker-{number:05}.log").write_bytes(b"worker %d has begun\n" % number * 20)
    _rest()
    return files


def _rest() -> None:
    """Wait until change times are old enough to be trusted."""
    time.sleep(RACE_SECONDS)
