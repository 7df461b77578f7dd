"""A snapshot whose record no reader would accept is never made."""

from __future__ import annotations

from pathlib import Path

import pytest

import dedupstore
from dedupstore.errors import UsageError


def test_a_record_that_is_too_long_is_refused(tmp_path: Path) -> None:
    """With more tags than a record may hold, there is an error and no snapshot."""
    log = tmp_path / "app.log"
    log.write_text("line\n")
    tags = tuple(f"{number:0200}" for number in range(90_000))
    with dedupstore.init_repository(tmp_path / "repository") as repository:
        with pytest.raises(UsageError, match="record would be"):
            dedupstore.snapshot(repository, [log], dedupstore.SnapshotOptions(tags=tags))
        assert dedupstore.list_snapshots(repository) == []
    assert not list((tmp_path / "repository" / "snapshots").iterdir())
