"""What every test stands on: an installed package and a clean environment."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# Machines that run tests are shared and slow at times: a deadline per example would only be noise.
settings.register_profile("development", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "development")


def pytest_configure(config: pytest.Config) -> None:
    """Shut out what the caller's environment holds, and the source tree where tools/test asks."""
    os.environ.pop("DEDUPSTORE_REPO", None)
    # Unbuffered streams would hide what happens to output that cannot be written.
    os.environ.pop("PYTHONUNBUFFERED", None)
    caches = tempfile.TemporaryDirectory(prefix="dedupstore-test-caches-")
    config.add_cleanup(caches.cleanup)
    os.environ["XDG_CACHE_HOME"] = caches.name

    if os.environ.get("DEDUPSTORE_TEST_INSTALLED"):
        found = importlib.util.find_spec("dedupstore")
        if found is None or found.origin is None:
            raise pytest.UsageError("dedupstore is not installed: start the suite by tools/test")
        if Path(found.origin).resolve().is_relative_to(ROOT / "dedupstore"):
            raise pytest.UsageError(
                f"the tests would import {found.origin}, the source tree, not what was installed"
            )


@pytest.fixture(scope="session")
def corpus_folder() -> Path:
    """Return the folder of real logs that DEDUPSTORE_CORPUS names; skip where there is none."""
    named = os.environ.get("DEDUPSTORE_CORPUS")
    if not named:
        pytest.skip("DEDUPSTORE_CORPUS names no folder of real logs")
    return Path(named)
