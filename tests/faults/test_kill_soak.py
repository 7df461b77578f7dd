"""A short soak of killed processes; ``tools/soak`` runs the same for as long as one likes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from faults.soak import Soak

SECONDS = 20.0
ROUNDS_MIN = 3


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nothing_is_lost_when_processes_are_killed(quick_path: Path) -> None:
    """Whatever is killed among concurrent commands, all that is listed restores byte for byte."""
    soak = Soak([sys.executable, "-P", "-m", "dedupstore"], quick_path, seed=1)
    counts = soak.run(SECONDS)
    while counts.rounds < ROUNDS_MIN and not counts.defects:
        soak.run_round()
    print(counts)
    assert counts.defects == []
    assert counts.bytes_lost == 0
    assert counts.killed.total()
    assert counts.finished["snapshot"]
    assert counts.snapshots_verified
