"""What docs/operations.md says to do about a damaged block, done."""

from __future__ import annotations

from pathlib import Path

import pytest

import dedupstore


@pytest.mark.parametrize("source_is_gone", [False, True])
def test_a_block_is_stored_again_from_its_sources(tmp_path: Path, source_is_gone: bool) -> None:
    """With the pack aside, a snapshot stores again what there is; put back, it does no harm."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "kept.log").write_text("kept\n" * 5000)
    (logs / "gone.log").write_text("gone\n" * 5000)
    location = tmp_path / "repository"
    with dedupstore.init_repository(location) as repository:
        dedupstore.snapshot(repository, [logs])
    [pack] = (location / "packs" / "data").iterdir()
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.unlink()
    if source_is_gone:
        (logs / "gone.log").unlink()
    with dedupstore.open_repository(location) as repository:
        dedupstore.snapshot(repository, [logs])
    assert pack.exists() is not source_is_gone
    if source_is_gone:
        pack.write_bytes(data)
    with dedupstore.open_repository(location) as repository:
        report = dedupstore.check(repository, dedupstore.CheckOptions(data=True))
    hit = {path.rpartition(b"/")[2] for finding in report.findings for path in finding.files}
    assert hit == ({b"gone.log"} if source_is_gone else set())
    assert report.ok is not source_is_gone
