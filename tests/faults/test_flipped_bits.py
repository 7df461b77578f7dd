"""A flipped bit anywhere in a pack: never wrong bytes, never anything but the library's errors."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import dedupstore
from dedupstore.engine.pack_reader import read_table, stored_pack
from dedupstore.errors import DedupstoreError
from dedupstore.format.block import HEADER_BYTES
from dedupstore.format.pack import PACK_HEADER_BYTES, TRAILER_BYTES, PackKind
from dedupstore.storage.local import LocalStore
from partial_files import take_partial_files
from sample_repository import SampleRepository, read_tree

RANDOM_POSITIONS = 60


def positions(sample: SampleRepository, pack: Path, seed: int) -> Iterator[int]:
    """Yield every byte of a pack's fixed structures, some of its lists, and random others."""
    key = pack.relative_to(sample.folder).as_posix()
    store = LocalStore(str(sample.folder))
    blocks = read_table(store, stored_pack(store, key)).blocks
    pack_bytes = pack.stat().st_size
    table = blocks[-1].offset + blocks[-1].stored_bytes
    yield from range(PACK_HEADER_BYTES + HEADER_BYTES + 4)
    yield from range(table, table + 8 + 16 + 4)
    yield from range(pack_bytes - TRAILER_BYTES - 4, pack_bytes)
    source = random.Random(seed)
    yield from (source.randrange(pack_bytes) for _ in range(RANDOM_POSITIONS))


def require_no_wrong_bytes(sample: SampleRepository, target: Path) -> None:
    """Restore whatever can be restored and fail if anything of it is not exactly what it was."""
    with sample.open() as repository:
        for snapshot in dedupstore.list_snapshots(repository):
            shutil.rmtree(target, ignore_errors=True)
            whole = sample.tree_of(snapshot.id)
            try:
                report = dedupstore.restore(repository, snapshot, target)
            except DedupstoreError:
                continue
            restored = read_tree(target / sample.logs.relative_to("/"))
            restored = take_partial_files(restored, report, whole, sample.logs)
            assert restored.items() <= whole.items()
            # Where entries are lost together, how many they are is lost, too.
            lost_together = any(isinstance(it, dedupstore.EntriesLost) for it in report.failed)
            unexplained = len(whole) - len(restored) - len(report.failed)
            assert unexplained >= 0 if lost_together else unexplained == 0


@pytest.mark.parametrize("kind", list(PackKind))
def test_every_flipped_bit_is_found_and_harmless(
    kind: PackKind, quick_sample: SampleRepository, quick_path: Path
) -> None:
    """A bit flipped anywhere in a pack is found by check --data and never restores wrong bytes."""
    pack = quick_sample.packs(kind)[1]
    key = pack.relative_to(quick_sample.folder).as_posix()
    sound = pack.read_bytes()
    source = random.Random(7)
    for number, position in enumerate(positions(quick_sample, pack, seed=3)):
        damaged = bytearray(sound)
        damaged[position] ^= 1 << source.randrange(8)
        pack.write_bytes(damaged)
        if number % 2:
            shutil.rmtree(quick_sample.folder / "index")
        require_no_wrong_bytes(quick_sample, quick_path / "out")
        with quick_sample.open() as repository:
            report = dedupstore.check(repository, dedupstore.CheckOptions(data=True))
        assert not report.ok, f"a flip at {position} was not found"
        assert key in {finding.object for finding in report.findings}, position
        pack.write_bytes(sound)
    with quick_sample.open() as repository:
        assert dedupstore.check(repository, dedupstore.CheckOptions(data=True)).ok


def test_every_flipped_bit_of_a_record_hides_that_snapshot_only(
    quick_sample: SampleRepository, quick_path: Path
) -> None:
    """A bit flipped anywhere in a snapshot record is found, and the other snapshots are listed."""
    record = quick_sample.record_of(1)
    sound = record.read_bytes()
    for position in range(0, len(sound), 3):
        damaged = bytearray(sound)
        damaged[position] ^= 1 << (position % 8)
        record.write_bytes(damaged)
        with quick_sample.open() as repository:
            listed = [snapshot.id for snapshot in dedupstore.list_snapshots(repository)]
            kinds = {finding.kind for finding in dedupstore.check(repository).findings}
        assert listed == [quick_sample.snapshots[0], quick_sample.snapshots[2]]
        assert kinds == {"snapshot-damaged"}


def test_every_flipped_bit_of_the_config_is_found(quick_sample: SampleRepository) -> None:
    """A repository with a bit of its config flipped is not opened, whichever bit it is."""
    config = quick_sample.folder / "config"
    sound = config.read_bytes()
    for position in range(len(sound)):
        damaged = bytearray(sound)
        damaged[position] ^= 1 << (position % 8)
        config.write_bytes(damaged)
        with pytest.raises(DedupstoreError):
            quick_sample.open()


def test_cut_off_packs_never_restore_wrong_bytes(
    quick_sample: SampleRepository, quick_path: Path
) -> None:
    """A pack cut off at any of many lengths is found, and nothing wrong is restored from it."""
    pack = quick_sample.packs(PackKind.DATA)[1]
    sound = pack.read_bytes()
    source = random.Random(11)
    for length in [0, 1, 7, 8, 9, 39, 40, *(source.randrange(len(sound)) for _ in range(25))]:
        pack.write_bytes(sound[:length])
        require_no_wrong_bytes(quick_sample, quick_path / "out")
        with quick_sample.open() as repository:
            assert not dedupstore.check(repository).ok, length
