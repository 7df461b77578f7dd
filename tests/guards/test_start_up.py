"""A command loads what it needs and no more: told from the graph of imports, not by the clock."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dedupstore import chunking, twins
from guards.bounds import (
    DATACLASSES_PER_START,
    LIBRARY_MODULES_PER_START,
    NEW_MODULES_PER_START,
    NOT_LOADED_BY,
)
from guards.loaded_modules import Loaded, loaded_by
from guards.starts import STARTS, loaded_by_start, recorded_modules

pytestmark = pytest.mark.skipif(
    "python" in (chunking.kernel_name(), twins.kernel_name()),
    reason="without the native kernels their Python twins are loaded besides",
)


@pytest.fixture(scope="module", params=STARTS)
def start(request: pytest.FixtureRequest) -> str:
    """Return the name of each start."""
    return str(request.param)


@pytest.fixture(scope="module")
def loaded(start: str, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """Return what a start loads."""
    return loaded_by_start(start, tmp_path_factory.mktemp("start"))


def test_what_a_start_must_not_load(start: str, loaded: Loaded) -> None:
    """No start loads a module that is slow to load and of no use to it."""
    found = loaded.within(*NOT_LOADED_BY[start])
    assert not found, f"{start} loads what it needs not:\n{loaded.told(found)}"


def test_the_package_loads_little_of_itself(start: str, loaded: Loaded) -> None:
    """No start loads more modules of the package than were recorded, but for a few."""
    new = set(loaded.within("dedupstore")).difference(recorded_modules(start))
    assert len(new) <= NEW_MODULES_PER_START, (
        f"{start} loads modules that it did not load before. If it needs them, record them: in "
        f"tests/, python -m guards.record_modules\n{loaded.told(sorted(new))}"
    )


def test_the_package_loads_little_of_the_standard_library(start: str, loaded: Loaded) -> None:
    """No start loads more modules of the standard library than the bound."""
    library = [
        name for name in loaded.importers if name.partition(".")[0] in sys.stdlib_module_names
    ]
    asked_for = [name for name in library if loaded.importers[name].startswith("dedupstore.")]
    assert len(library) <= LIBRARY_MODULES_PER_START[start], (
        f"{start} loads {len(library)} modules of the standard library; the package itself asked "
        f"for these:\n{loaded.told(asked_for)}"
    )


def test_few_classes_are_written_at_start(start: str, loaded: Loaded) -> None:
    """No start makes more dataclasses than the bound: half a millisecond each, a tuple a tenth."""
    listed = "\n".join(loaded.dataclasses)
    assert len(loaded.dataclasses) <= DATACLASSES_PER_START[start], (
        f"{start} makes {len(loaded.dataclasses)} dataclasses; a NamedTuple is cheaper:\n{listed}"
    )


def test_a_needless_module_is_told_with_who_asked_for_it(tmp_path: Path) -> None:
    """What is loaded late is found too, and each module comes with the way it was asked for."""
    loaded = loaded_by(["--timezone", "Europe/Paris", "version"])
    assert loaded.within("zoneinfo")
    assert loaded.importers["zoneinfo._common"] == "zoneinfo"
    assert "json.decoder <- json <- dedupstore." in loaded.told(["json.decoder"])
