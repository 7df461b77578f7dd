"""The whole way on real logs, where DEDUPSTORE_CORPUS names a folder that holds some."""

from __future__ import annotations

import filecmp
import os
from pathlib import Path

import pytest

import dedupstore


@pytest.mark.corpus
def test_real_logs_come_back_byte_for_byte(corpus_folder: Path, tmp_path: Path) -> None:
    """Every file below the folder is the same after init, snapshot, check and restore."""
    with dedupstore.init_repository(tmp_path / "repository") as repository:
        report = dedupstore.snapshot(repository, [corpus_folder])
        again = dedupstore.snapshot(repository, [corpus_folder])
        checked = dedupstore.check(repository, dedupstore.CheckOptions(data=True))
        latest = dedupstore.find_snapshot(repository, "latest")
        restored = dedupstore.restore(repository, latest, tmp_path / "restored")
    files = [path for path in corpus_folder.rglob("*") if path.is_file()]
    assert files, f"{corpus_folder} holds no files"
    assert report.files == restored.files == len(files)
    assert again.bytes_read == 0
    assert checked.ok
    assert not restored.failed
    target = Path(os.fspath(tmp_path / "restored") + os.fspath(corpus_folder.resolve()))
    differing = [
        path
        for path in files
        if not filecmp.cmp(path, target / path.relative_to(corpus_folder), shallow=False)
    ]
    assert not differing
