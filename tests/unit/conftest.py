"""What tests of units share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import dedupstore
from dedupstore import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """Return an empty repository with small chunks."""
    with dedupstore.init_repository(tmp_path / "repository", chunk_bytes_target=4096) as made:
        yield made
