"""Nothing that is done for each file comes to take more system calls unnoticed."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

import dedupstore
from guards.bounds import SYSCALLS_PER_FILE
from guards.grown_logs import write_small_logs
from guards.growth import require_growth_at_most
from guards.syscalls import count_syscalls

FILES = 100


def counted(step: str, files: int, base: Path) -> Counter[str]:
    """Do a step in a new repository, with so many files, in a process of its own."""
    base.mkdir()
    source, location = base / "logs", base / "repository"
    write_small_logs(source, files)
    with dedupstore.init_repository(location) as repository:
        if step != "first snapshot":
            dedupstore.snapshot(repository, [source])
    command: list[str | Path] = [sys.executable, "-m", "dedupstore", "--repo", location]
    if step == "restore":
        command += ["restore", "latest", "--target", base / "restored"]
    else:
        command += ["snapshot", source]
    return count_syscalls(command, base)


@pytest.mark.parametrize("step", SYSCALLS_PER_FILE)
def test_syscalls_per_file(step: str, tmp_path: Path) -> None:
    """Twice as many small files cost no more system calls than the bound for each."""
    once = counted(step, FILES, tmp_path / "once")
    twice = counted(step, 2 * FILES, tmp_path / "twice")
    require_growth_at_most(SYSCALLS_PER_FILE[step], once, twice, FILES, "system calls a file")
