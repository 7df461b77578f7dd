"""What the package offers, and what it costs to begin."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import dedupstore

NOT_FOR_VERSION = {
    "concurrent.futures",
    "dedupstore.engine.repository",
    "dedupstore.operations",
    "dedupstore.storage",
    "multiprocessing",
    "rich",
    "socket",
    "subprocess",
    "tarfile",
    "tempfile",
}


def modules_after(code: str) -> set[str]:
    """Return the names of all modules that are loaded after a fresh interpreter ran ``code``."""
    listing = f"{code}\nimport json, sys\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", listing], capture_output=True, check=True, timeout=60
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", dedupstore.__all__)
def test_every_public_name_loads(name: str) -> None:
    """Each name of the package is there, and is the one that its home module defines."""
    value = getattr(dedupstore, name)
    home = dedupstore._HOMES.get(name)
    if home is not None:
        assert getattr(sys.modules[home], name) is value


def test_public_names_and_homes_agree() -> None:
    """Names without a home, or homes without a name, would be lost or hidden."""
    assert set(dedupstore.__all__) == {*dedupstore._HOMES, "__version__"}
    assert list(dedupstore.__all__) == sorted(dedupstore.__all__)
    assert set(dir(dedupstore)) == set(dedupstore.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A name that is not offered is answered as by any module."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        dedupstore.nothing  # noqa: B018


def test_importing_the_package_costs_nothing() -> None:
    """import dedupstore loads its version and nothing else, own or foreign."""
    added = modules_after("import dedupstore") - modules_after("import importlib, typing")
    assert {name for name in added if not name.startswith("_")} == {
        "dedupstore",
        "dedupstore.version",
    }


def test_version_loads_what_it_shows_and_no_more() -> None:
    """dedupstore version loads neither the engine nor what only other commands need."""
    loaded = modules_after("from dedupstore.cli.run import run; run(['version'])")
    bare = modules_after("")
    assert loaded & (NOT_FOR_VERSION - bare) == set()
    assert {"blake3", "lmdb", "zstandard", "click"} <= loaded
    own = {name for name in loaded if name.startswith("dedupstore.cli.commands.")}
    assert own == {"dedupstore.cli.commands.version"}
