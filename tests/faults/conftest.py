"""The repository that is damaged, made once for all tests of faults."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sample_repository import SampleRepository, make_sample_repository


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> SampleRepository:
    """Return a repository of three snapshots, which tests copy and never change."""
    folder = tmp_path_factory.mktemp("pristine")
    return make_sample_repository(folder / "repository", folder / "logs")


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> SampleRepository:
    """Return another repository of other logs, to take foreign objects from."""
    folder = tmp_path_factory.mktemp("foreign")
    return make_sample_repository(folder / "repository", folder / "logs", seed=1000)


@pytest.fixture
def quick_path() -> Iterator[Path]:
    """Return a folder where syncing costs nothing, for tests that rebuild an index very often."""
    memory = "/dev/shm"
    usable = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1 << 30
    place = memory if usable else None
    with tempfile.TemporaryDirectory(prefix="dedupstore-test-", dir=place) as folder:
        yield Path(folder)


@pytest.fixture
def quick_sample(pristine: SampleRepository, quick_path: Path) -> SampleRepository:
    """Return a copy of the repository, for tests that rebuild its index very often."""
    return pristine.copy_to(quick_path / "repository")


@pytest.fixture
def sample(pristine: SampleRepository, tmp_path: Path) -> SampleRepository:
    """Return a copy of the repository that may be damaged."""
    return pristine.copy_to(tmp_path / "repository")
