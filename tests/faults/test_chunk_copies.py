"""Two writers at once may store the same chunk: one damaged copy then loses nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import dedupstore
from dedupstore.format.pack import PackKind
from sample_repository import (
    SampleRepository,
    log_lines,
    require_exact_restores,
    take_snapshot,
    write_logs,
)


@pytest.fixture
def doubled(tmp_path: Path) -> SampleRepository:
    """Return a repository of one snapshot, each of whose chunks is in two data packs."""
    logs = tmp_path / "logs"
    with dedupstore.init_repository(tmp_path / "first", chunk_bytes_target=4096) as repository:
        shutil.copytree(tmp_path / "first", tmp_path / "second")
        write_logs(logs, 0)
        sample = SampleRepository(tmp_path / "first", logs)
        take_snapshot(repository, sample)
    (logs / "other.log").write_bytes(log_lines(500, seed=99))
    with dedupstore.open_repository(tmp_path / "second") as repository:
        dedupstore.snapshot(repository, [logs])
    for pack in (tmp_path / "second" / "packs" / "data").iterdir():
        shutil.copy2(pack, tmp_path / "first" / "packs" / "data")
    if len(sample.packs(PackKind.DATA)) != 2:
        raise AssertionError("the two writers have stored one and the same pack")
    return sample


def damage_first_block(pack: Path) -> None:
    """Overwrite some bytes of the first block's payload."""
    data = bytearray(pack.read_bytes())
    data[20_000:20_008] = b"\xff" * 8
    pack.write_bytes(data)


@pytest.mark.parametrize("index_is_new", [False, True])
@pytest.mark.parametrize("number", [0, 1])
def test_one_damaged_copy_is_found_and_loses_nothing(
    doubled: SampleRepository, tmp_path: Path, number: int, index_is_new: bool
) -> None:
    """Whichever copy is damaged or indexed, files restore and check names none of them as hit."""
    pack = doubled.packs(PackKind.DATA)[number]
    damage_first_block(pack)
    if index_is_new:
        shutil.rmtree(doubled.folder / "index")
    require_exact_restores(doubled, tmp_path / "out")
    with doubled.open() as repository:
        report = dedupstore.check(repository, dedupstore.CheckOptions(data=True))
    errors = [f for f in report.findings if f.severity is dedupstore.Severity.ERROR]
    assert [(f.kind, f.object) for f in errors] == [("block-damaged", f"packs/data/{pack.name}")]
    assert errors[0].chunks
    assert not errors[0].snapshots
    assert not errors[0].files_hit


def test_two_damaged_copies_are_a_loss(doubled: SampleRepository, tmp_path: Path) -> None:
    """Where both copies are damaged, restore fails for files that check names, each once."""
    for pack in doubled.packs(PackKind.DATA):
        damage_first_block(pack)
    with doubled.open() as repository:
        report = dedupstore.check(repository, dedupstore.CheckOptions(data=True))
        restored = dedupstore.restore(
            repository, dedupstore.find_snapshot(repository, "latest"), tmp_path / "out"
        )
    hit = [finding for finding in report.findings if finding.files_hit]
    assert restored.damaged
    assert {e.path for e in restored.failed} == {path for f in hit for path in f.files}
    assert all(finding.files_hit == len(finding.files) for finding in hit)
    assert all(finding.snapshots == {doubled.snapshots[0]} for finding in hit)
