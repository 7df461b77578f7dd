"""Chunks that are lost: the index is built anew to look for them, but not by every command."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import dedupstore
from dedupstore.engine.monitor import Event, SilentMonitor
from dedupstore.format.pack import PackKind
from sample_repository import SampleRepository, log_lines
from small_archive import KEEP_ONE


class Watched(SilentMonitor):
    """Counts how often the index is built anew."""

    def __init__(self) -> None:
        self.rebuilt = 0

    def event(self, event: Event) -> None:
        """See ``Monitor.event``."""
        self.rebuilt += event.kind == "index-rebuilt"


def restore_all(sample: SampleRepository, target: Path) -> tuple[int, int]:
    """Restore every snapshot; return how often the index was built anew, and what failed."""
    watched = Watched()
    failed = 0
    with dedupstore.open_repository(sample.folder, monitor=watched) as repository:
        for snapshot in dedupstore.list_snapshots(repository):
            report = dedupstore.restore(repository, snapshot, target / snapshot.id.hex())
            failed += len(report.failed)
    return watched.rebuilt, failed


@pytest.fixture
def lost_pack(quick_sample: SampleRepository, quick_path: Path) -> Path:
    """Move the oldest pack of logs away; return where it is."""
    pack = quick_sample.packs(PackKind.DATA)[0]
    return pack.rename(quick_path / pack.name)


@pytest.mark.usefixtures("lost_pack")
def test_the_index_is_not_built_anew_for_each_command(
    quick_sample: SampleRepository, quick_path: Path
) -> None:
    """The first to miss a chunk builds the index anew; after that it is known to be lost."""
    rebuilt, failed = restore_all(quick_sample, quick_path / "first")
    assert rebuilt
    assert failed
    assert restore_all(quick_sample, quick_path / "second") == (0, failed)


@pytest.mark.usefixtures("lost_pack")
def test_a_prune_over_losses_marks_once(quick_sample: SampleRepository, quick_path: Path) -> None:
    """A prune after the loss was confirmed builds no index anew, and tells what is lost."""
    restore_all(quick_sample, quick_path / "first")
    watched = Watched()
    with dedupstore.open_repository(quick_sample.folder, monitor=watched) as repository:
        report = dedupstore.prune(repository, KEEP_ONE)
    assert report.reclaim.chunks_lost
    assert watched.rebuilt == 0


def test_what_comes_back_is_found(
    lost_pack: Path, quick_sample: SampleRepository, quick_path: Path
) -> None:
    """A pack that is put back after its loss was confirmed is read in, and nothing is missing."""
    _, failed = restore_all(quick_sample, quick_path / "first")
    assert failed
    lost_pack.rename(quick_sample.folder / "packs" / "data" / lost_pack.name)
    assert restore_all(quick_sample, quick_path / "second") == (0, 0)


def test_a_pack_that_is_whole_again_is_found(
    quick_sample: SampleRepository, quick_path: Path
) -> None:
    """A damaged pack of which a sound copy is put in its place is read, though all was lost."""
    pack = quick_sample.packs(PackKind.DATA)[0]
    sound = pack.read_bytes()
    pack.write_bytes(bytes(len(sound)))
    shutil.rmtree(quick_sample.folder / "index")
    restore_all(quick_sample, quick_path / "first")
    rebuilt, failed = restore_all(quick_sample, quick_path / "second")
    assert (rebuilt, bool(failed)) == (0, True)
    pack.write_bytes(sound)
    assert restore_all(quick_sample, quick_path / "third")[1] == 0


def test_what_others_store_after_a_loss_was_confirmed_is_found(
    lost_pack: Path, quick_sample: SampleRepository, quick_path: Path
) -> None:
    """Who still has an older index open finds what was stored since by who had built a new one."""
    restore_all(quick_sample, quick_path / "first")
    with quick_sample.open() as repository:
        assert repository.index.is_loss_confirmed()
        shutil.rmtree(quick_sample.folder / "index")
        (quick_path / "new.log").write_bytes(log_lines(100, seed=99))
        with quick_sample.open() as other:
            dedupstore.snapshot(other, [quick_path / "new.log"])
        found = dedupstore.find_snapshot(repository, "latest")
        report = dedupstore.restore(repository, found, quick_path / "second")
    assert lost_pack.exists()
    assert not report.failed
