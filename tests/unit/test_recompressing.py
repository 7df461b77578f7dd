"""Compressing anew what is stored: once, whatever comes between."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

import dedupstore
from dedupstore import PruneOptions, ReclaimOptions, ReclaimReport, RetentionPolicy
from dedupstore.engine import pack_writer
from dedupstore.engine.monitor import SilentMonitor
from dedupstore.engine.pack_reader import list_packs, read_table
from dedupstore.engine.reclaim import run
from dedupstore.format.block import decode_block_header
from dedupstore.format.pack import PackKind
from small_archive import Archive

HEAVY = ReclaimOptions(100.0, merge_packs_min=1000, recompress_level=19)
TIGHT = ReclaimOptions(0.0, merge_packs_min=2)
KEEP_ALL = RetentionPolicy(keep_last=100)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """Return a repository of several packs, each of which takes a round to compress anew."""
    monkeypatch.setattr(pack_writer, "PACK_BYTES_TARGET", 64 * 1024)
    monkeypatch.setattr(run, "_ROUND_RECOMPRESSED_BYTES", 1)
    archive = Archive(tmp_path)
    for seed in range(3):
        archive.write("app.log", seed, lines=2500)
        archive.snapshot()
    return archive


def prune(
    archive: Archive,
    reclaim: ReclaimOptions,
    monitor: SilentMonitor | None = None,
    *,
    dry_run: bool = False,
) -> ReclaimReport:
    """Prune, keep all snapshots, and return what became of the packs."""
    with archive.open(monitor) as repository:
        options = PruneOptions(KEEP_ALL, reclaim=reclaim, dry_run=dry_run)
        return dedupstore.prune(repository, options).reclaim


def levels(archive: Archive) -> list[int]:
    """Return the levels of all packs of data."""
    with archive.open() as repository:
        stored = [pack for pack in list_packs(repository.store) if pack.kind is PackKind.DATA]
        return sorted(read_table(repository.store, pack).level for pack in stored)


def bytes_by_level(archive: Archive) -> Counter[int]:
    """Return how many original bytes are in blocks of each level, in packs of data."""
    counted: Counter[int] = Counter()
    with archive.open() as repository:
        for pack in list_packs(repository.store):
            if pack.kind is PackKind.DATA:
                for info in read_table(repository.store, pack).blocks:
                    data = repository.store.get(pack.key, info.offset, info.stored_bytes)
                    counted[decode_block_header(data).level] += info.original_bytes
    return counted


def test_all_data_is_compressed_anew_once(archive: Archive) -> None:
    """Less is stored afterwards, all of it comes back, and another run finds nothing to do."""
    before = levels(archive)
    assert before == [9, 9, 9]
    planned = prune(archive, HEAVY, dry_run=True)
    assert levels(archive) == before
    done = prune(archive, HEAVY)
    assert planned.packs_recompressed == done.packs_recompressed == len(before)
    assert 0 < done.bytes_freed == done.bytes_dead - done.bytes_written
    assert set(levels(archive)) == {19}
    assert len(archive.require_all_restore()) == 3
    again = prune(archive, HEAVY)
    assert (again.packs_recompressed, again.bytes_written) == (0, 0)
    assert again.plan.repack == ()


def test_an_interruption_costs_one_round(archive: Archive) -> None:
    """What was compressed anew before Ctrl-C stays so, and the next run does the rest."""

    class Impatient(SilentMonitor):
        """Interrupts in the second round."""

        rounds = 0

        def begin(self, activity: str, total_bytes: int | None = None) -> None:
            self.rounds += activity == "repacking"
            if self.rounds == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prune(archive, HEAVY, Impatient())
    assert levels(archive) == [9, 9, 19]
    assert len(archive.require_all_restore()) == 3
    assert prune(archive, HEAVY).packs_recompressed == 2
    assert set(levels(archive)) == {19}
    assert len(archive.require_all_restore()) == 3


def test_repacking_keeps_the_level(archive: Archive) -> None:
    """What is left of packs that were compressed anew is packed at their level again."""
    prune(archive, HEAVY)
    report = prune(archive, TIGHT)
    assert report.packs_repacked >= 2
    assert set(levels(archive)) == {19}
    assert len(archive.require_all_restore()) == 3


def test_repacking_spreads_no_level(archive: Archive) -> None:
    """Packs of a low level that are packed beside those of a heavy one do not come out heavy."""
    prune(archive, HEAVY)
    archive.write("other.log", 7, lines=2500)
    archive.snapshot()
    (archive.logs / "app.log.xz").write_bytes(random.Random(1).randbytes(1 << 20))
    archive.snapshot()
    assert prune(archive, TIGHT).packs_repacked >= 4
    assert {9, 19} == set(levels(archive))
    assert len(archive.require_all_restore()) == 5


def test_what_is_heavy_stays_so_beside_others(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Merged into one pack with what is light, time and again, what is heavy keeps its level."""
    prune(archive, HEAVY)
    heavy_bytes = bytes_by_level(archive)[19]
    monkeypatch.setattr(pack_writer, "PACK_BYTES_TARGET", 16 << 20)
    monkeypatch.setattr(run, "_ROUND_RECOMPRESSED_BYTES", 1 << 30)
    for seed in range(2):
        archive.write(f"other-{seed}.log", seed + 10, lines=50)
        archive.snapshot()
        prune(archive, TIGHT)
        assert levels(archive) == [9]
        assert bytes_by_level(archive)[19] == heavy_bytes
    assert len(archive.require_all_restore()) == 5


def test_what_no_level_makes_smaller_is_left_alone(tmp_path: Path) -> None:
    """Packs of data that is compressed already are not written anew."""
    archive = Archive(tmp_path)
    (archive.logs / "app.log.xz").write_bytes(random.Random(1).randbytes(1 << 20))
    archive.snapshot()
    before = archive.packs()
    assert prune(archive, HEAVY).packs_recompressed == 0
    assert archive.packs() == before


def test_without_a_policy_nothing_is_removed(archive: Archive) -> None:
    """Compressing anew needs no policy; where there is none, all snapshots stay."""
    with archive.open() as repository:
        report = dedupstore.prune(repository, PruneOptions(reclaim=HEAVY))
    assert (len(report.kept), report.removed) == (3, [])
    assert report.reclaim.packs_recompressed == 3
    assert len(archive.require_all_restore()) == 3
