"""A disk that cannot read back some sectors: what lies elsewhere is not affected."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable
from itertools import accumulate, pairwise
from pathlib import Path

import pytest

import dedupstore
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.pack_reader import read_table, stored_pack
from dedupstore.errors import DamageError, ObjectUnreadable
from dedupstore.format.hashing import digest
from dedupstore.format.pack import PackKind
from partial_files import take_partial_files, with_holes
from sample_repository import (
    SampleRepository,
    needs_of,
    require_intact,
    restore_tree,
    take_snapshot,
)

GoBad = Callable[[Path, range], None]


@pytest.fixture
def go_bad(monkeypatch: pytest.MonkeyPatch) -> GoBad:
    """Return a function after which reading a range of a file fails as it does on a bad sector."""
    bad: list[tuple[Path, range]] = []
    original = os.pread

    def pread(descriptor: int, length: int, offset: int) -> bytes:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        for bad_path, sectors in bad:
            if path == bad_path and offset < sectors.stop and offset + length > sectors.start:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        return original(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", pread)

    def begin(path: Path, sectors: range) -> None:
        bad.append((path.resolve(), sectors))

    return begin


def whole(path: Path) -> range:
    """Return the range of all bytes of a file."""
    return range(path.stat().st_size)


@pytest.mark.parametrize("data", [False, True])
def test_an_unreadable_pack_costs_only_what_it_holds(
    sample: SampleRepository, tmp_path: Path, go_bad: GoBad, data: bool
) -> None:
    """Check calls the pack damaged, and restore makes all files whole that do not need it."""
    needs = needs_of(sample)[sample.snapshots[-1]]
    pack = sample.packs(PackKind.DATA)[1]
    key = f"packs/data/{pack.name}"
    go_bad(pack, whole(pack))
    with sample.open() as repository:
        report = dedupstore.check(repository, dedupstore.CheckOptions(data=data))
        assert ("pack-damaged", key) in {(f.kind, f.object) for f in report.findings}
        latest = dedupstore.find_snapshot(repository, "latest")
        tree, restored = restore_tree(repository, latest, tmp_path / "out", sample.logs)
    hit = {name for name in sample.trees[-1] if key in needs.files[name]}
    assert hit
    tree = take_partial_files(tree, restored, sample.trees[-1], sample.logs)
    assert tree == {name: sample.trees[-1][name] for name in sample.trees[-1].keys() - hit}
    assert restored.damaged
    assert len(restored.failed) == len(hit)


@pytest.mark.parametrize("kind", list(PackKind))
def test_what_can_be_read_again_is_whole(
    sample: SampleRepository, tmp_path: Path, kind: PackKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a disk that for a while gave back nothing of a pack, nothing is missing."""
    with monkeypatch.context() as patch:
        pack = sample.packs(kind)[0]
        original = os.pread

        def pread(descriptor: int, length: int, offset: int) -> bytes:
            if os.readlink(f"/proc/self/fd/{descriptor}") == str(pack.resolve()):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return original(descriptor, length, offset)

        patch.setattr(os, "pread", pread)
        with sample.open() as repository:
            repository.rebuild_index()
            take_snapshot(repository, sample)
    require_intact(sample, tmp_path / "out")


def test_a_bad_sector_in_a_table_hides_no_block(tmp_path: Path, go_bad: GoBad) -> None:
    """Blocks that do not lie on bad sectors are found by searching, and every file restores."""
    log = tmp_path / "large.log"
    log.write_bytes(random.Random(8).randbytes(9 << 20))
    with dedupstore.init_repository(tmp_path / "repository") as repository:
        dedupstore.snapshot(repository, [log])
        (pack,) = (tmp_path / "repository" / "packs" / "data").iterdir()
        size = pack.stat().st_size
        go_bad(pack, range(size - 4096, size))
        repository.rebuild_index()
        latest = dedupstore.find_snapshot(repository, "latest")
        report = dedupstore.restore(repository, latest, tmp_path / "out")
    assert report.failed == []
    assert (tmp_path / "out" / log.relative_to("/")).read_bytes() == log.read_bytes()


def test_a_bad_sector_in_a_block_costs_the_chunks_on_it(tmp_path: Path, go_bad: GoBad) -> None:
    """Of a block that holds its bytes as they are, all is restored but what the sector hides."""
    log = tmp_path / "random.log"
    data = random.Random(9).randbytes(1 << 20)
    log.write_bytes(data)
    repository_folder = tmp_path / "repository"
    with dedupstore.init_repository(repository_folder, chunk_bytes_target=4096) as repository:
        dedupstore.snapshot(repository, [log])
        (pack,) = (repository_folder / "packs" / "data").iterdir()
        sector = range(500 << 10, (500 << 10) + 4096)
        bad = pack.read_bytes()[sector.start : sector.stop]
        go_bad(pack, sector)
        latest = dedupstore.find_snapshot(repository, "latest")
        report = dedupstore.restore(repository, latest, tmp_path / "out")
        with ChunkReader(repository) as reader, pytest.raises(DamageError):
            # To those who do not want the data, the whole block is lost.
            reader.read(digest(data[: chunk_lengths(repository, pack)[0]]))
        ends = [0, *accumulate(chunk_lengths(repository, pack))]
    begin = data.index(bad)
    hidden = [
        (first, last) for first, last in pairwise(ends) if first < begin + 4096 and last > begin
    ]
    (event,) = report.failed
    assert isinstance(event, dedupstore.FileDamaged)
    assert event.missing == ((hidden[0][0], hidden[-1][1]),)
    assert event.partial is not None
    kept = (tmp_path / "out" / os.fsdecode(event.partial)).read_bytes()
    assert kept == with_holes(data, event.missing)


def chunk_lengths(repository: dedupstore.Repository, pack: Path) -> list[int]:
    """Return the lengths of the chunks of a pack, in order."""
    table = read_table(repository.store, stored_pack(repository.store, f"packs/data/{pack.name}"))
    return [chunk.chunk_bytes for block in table.blocks for chunk in block.chunks]


@pytest.mark.parametrize("folder", ["snapshots", "config"])
def test_an_unreadable_record_is_damage(
    sample: SampleRepository, go_bad: GoBad, folder: str
) -> None:
    """A record on a bad sector is told and passed over; an unreadable config is damage."""
    path = sample.record_of(1) if folder == "snapshots" else sample.folder / "config"
    go_bad(path, whole(path))
    if folder == "config":
        with pytest.raises(ObjectUnreadable, match="config"):
            sample.open()
        return
    with sample.open() as repository:
        listed = [snapshot.id for snapshot in dedupstore.list_snapshots(repository)]
        assert listed == [sample.snapshots[0], sample.snapshots[2]]
        findings = dedupstore.check(repository).findings
    assert {(f.kind, f.object) for f in findings} == {
        ("snapshot-damaged", f"snapshots/{path.name}")
    }
