"""A block that fails its proof while packs are written anew."""

from __future__ import annotations

from pathlib import Path

import pytest

import dedupstore
from dedupstore import PruneOptions, ReclaimOptions, RetentionPolicy
from dedupstore.engine import block_encoder
from dedupstore.engine.monitor import SilentMonitor
from small_archive import Archive

SNAPSHOTS = 6


def test_no_pack_goes_whose_copy_failed_its_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was copied of one pack and could not be stored while another was read, is not lost."""
    archive = Archive(tmp_path)
    for seed in range(SNAPSHOTS):
        archive.write(f"app-{seed}.log", seed, lines=2500)
        archive.snapshot()
    is_proved = block_encoder._is_proved
    proofs: list[bool] = []

    def fail_once(*arguments: object) -> bool:
        proofs.append(is_proved(*arguments))  # type: ignore[arg-type]
        return len(proofs) != 1

    monkeypatch.setattr(block_encoder, "_is_proved", fail_once)
    # Full after each pack, so that the failure shows while a later one is copied.
    monkeypatch.setattr("dedupstore.engine.chunk_writer.BLOCK_BYTES_TARGET", 200_000)
    options = PruneOptions(
        RetentionPolicy(keep_last=100), reclaim=ReclaimOptions(0.0, merge_packs_min=2)
    )
    with archive.open(SilentMonitor()) as repository:
        report = dedupstore.prune(repository, options).reclaim
    assert len(proofs) > 1
    assert report.packs_repacked >= SNAPSHOTS
    assert len(archive.require_all_restore()) == SNAPSHOTS
