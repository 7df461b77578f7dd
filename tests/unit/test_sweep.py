"""Removing packs from the index: by their tables where few go, by going through it else."""

from __future__ import annotations

from pathlib import Path

import pytest

import dedupstore
from dedupstore.engine.reclaim import sweep
from dedupstore.index.environment import IndexEnvironment
from small_archive import Archive


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Return an archive in which a prune finds dead packs and packs to repack."""
    archive = Archive(tmp_path)
    archive.write("kept.log", 100)
    for number in range(3):
        archive.write("changing.log", number)
        archive.snapshot()
    return archive


def refuse(*arguments: object) -> None:
    """Stand for what must not be called."""
    raise AssertionError("what should not be needed was called")


@pytest.mark.parametrize("scanned_per_removed", [0, 1_000_000], ids=["by tables", "by scanning"])
def test_nothing_of_removed_packs_is_left(
    scanned_per_removed: int, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either way the index holds what the packs hold after a prune, and nothing else."""
    monkeypatch.setattr(sweep, "_SCANNED_PER_REMOVED", scanned_per_removed)
    unused = "_scan_for" if not scanned_per_removed else "_unused"
    monkeypatch.setattr(IndexEnvironment, unused, refuse, raising=False)
    assert archive.prune().reclaim.packs_dead > 1
    with archive.open() as repository:
        assert not any(pack.is_dead for pack in repository.index.packs())
        listed = sum(pack.chunk_count for pack in repository.index.packs())
        assert repository.index.entry_count() == listed
        assert dedupstore.check(repository).findings == []


def test_a_pack_whose_table_is_lost_is_removed_by_scanning(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a dead pack cannot say what is in it, the index is gone through, and nothing is left."""
    monkeypatch.setattr(sweep, "_SCANNED_PER_REMOVED", 0)
    monkeypatch.setattr(sweep, "_chunks_of", lambda repository, packs: None)
    archive.prune()
    with archive.open() as repository:
        listed = sum(pack.chunk_count for pack in repository.index.packs())
        assert repository.index.entry_count() == listed
