"""A memory of bounded size: what was used last stays, and whoever relies on it may forget."""

from __future__ import annotations

from pathlib import Path

import pytest

import dedupstore
from dedupstore.engine.audit import references
from dedupstore.engine.latest_used import LatestUsed
from dedupstore.format.pack import PackKind
from sample_repository import SampleRepository


def test_what_was_used_last_stays() -> None:
    """Of more items than are held, those go first that were neither put nor asked for lately."""
    memory: LatestUsed[str, int] = LatestUsed(2)
    memory.put("a", 1)
    memory.put("b", 2)
    assert memory.get("a") == 1
    memory.put("c", 3)
    assert [memory.get(key) for key in "abc"] == [1, None, 3]


def test_check_finds_the_same_with_next_to_no_memory(
    quick_sample: SampleRepository, quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Findings do not depend on how many sound pieces check remembers."""
    quick_sample.packs(PackKind.DATA)[0].rename(quick_path / "lost")
    reports = []
    for held in (references._PIECES_HELD, 1):
        monkeypatch.setattr(references, "_PIECES_HELD", held)
        monkeypatch.setattr(references, "_LISTS_HELD", held)
        with quick_sample.open() as repository:
            report = dedupstore.check(repository)
        lost = [finding for finding in report.findings if finding.kind == "chunks-missing"]
        reports.append([(finding.chunks, finding.snapshots, finding.files) for finding in lost])
    assert reports[0]
    assert reports[0] == reports[1]
