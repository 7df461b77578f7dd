"""Nothing that is done for each chunk, or each file, comes to take more Python calls unnoticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import dedupstore
from dedupstore import Repository, SnapshotOptions
from dedupstore.chunking import kernel_name
from guards.bounds import PYTHON_CALLS_PER_CHUNK, PYTHON_CALLS_PER_FILE
from guards.grown_logs import CHUNK_BYTES_TARGET, write_log, write_small_logs
from guards.growth import require_growth_at_most
from guards.python_calls import count_python_calls

CHUNKS = 800
FILES = 150
WARM_UP = 10

pytestmark = pytest.mark.skipif(
    kernel_name() == "python", reason="without the native kernel each chunk takes thousands"
)


def first_snapshot(repository: Repository, source: Path) -> Counter[str]:
    """Count what the first snapshot calls."""
    return count_python_calls(lambda: dedupstore.snapshot(repository, [source]))


def second_snapshot(repository: Repository, source: Path) -> Counter[str]:
    """Count what a snapshot calls that finds all as it was."""
    dedupstore.snapshot(repository, [source])
    return count_python_calls(lambda: dedupstore.snapshot(repository, [source]))


def reread(repository: Repository, source: Path) -> Counter[str]:
    """Count what a snapshot calls that reads all of it again."""
    dedupstore.snapshot(repository, [source])
    options = SnapshotOptions(reread=True)
    return count_python_calls(lambda: dedupstore.snapshot(repository, [source], options))


def restore(repository: Repository, source: Path) -> Counter[str]:
    """Count what restoring everything calls."""
    dedupstore.snapshot(repository, [source])
    snapshot = dedupstore.find_snapshot(repository, "latest")
    target = source.with_name("restored")
    return count_python_calls(lambda: dedupstore.restore(repository, snapshot, target))


STEPS: dict[str, Callable[[Repository, Path], Counter[str]]] = {
    "first snapshot": first_snapshot,
    "re-read": reread,
    "unchanged": second_snapshot,
    "restore": restore,
}


def counted(
    step: str, write: Callable[[Path, int], int], items: int, base: Path
) -> tuple[int, Counter[str]]:
    """Do a step in a new repository, with so many chunks or files; return how many there were."""
    base.mkdir()
    written = write(base / "logs", items)
    with dedupstore.init_repository(
        base / "repository", chunk_bytes_target=CHUNK_BYTES_TARGET
    ) as repository:
        return written, STEPS[step](repository, base / "logs")


def require_calls_at_most(
    bound: float,
    item: str,
    step: str,
    write: Callable[[Path, int], int],
    items: int,
    base: Path,
) -> None:
    """Fail if a step calls more for each ``item`` that is added than ``bound``."""
    counted(step, write, WARM_UP, base / "warm-up")
    count, once = counted(step, write, items, base / "once")
    more, twice = counted(step, write, 2 * items, base / "twice")
    require_growth_at_most(bound, once, twice, more - count, f"Python calls a {item}")


@pytest.mark.parametrize("step", PYTHON_CALLS_PER_CHUNK)
def test_python_calls_per_chunk(step: str, tmp_path: Path) -> None:
    """Twice as many chunks of one log cost no more calls than the bound for each."""
    bound = PYTHON_CALLS_PER_CHUNK[step]
    require_calls_at_most(bound, "chunk", step, write_log, CHUNKS, tmp_path)


@pytest.mark.parametrize("step", PYTHON_CALLS_PER_FILE)
def test_python_calls_per_file(step: str, tmp_path: Path) -> None:
    """Twice as many small files cost no more calls than the bound for each."""
    bound = PYTHON_CALLS_PER_FILE[step]
    require_calls_at_most(bound, "file", step, write_small_logs, FILES, tmp_path)
