"""Names say what is inside: of modules, of folders."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from rules.source_tree import ROOT, require_none

EMPTY_NAMES = {"base", "common", "core", "helper", "helpers", "misc", "shared", "util", "utils"}

TEST_FOLDERS = {
    "unit", "contract", "properties", "model", "faults", "golden", "rotation", "cli", "rules",
    "guards",
}  # fmt: skip

NAME_RULE = f"""
A module is named for what is in it. {", ".join(sorted(EMPTY_NAMES))} name nothing, so anything
ends up there. Move each function to the module of the thing that it is about.
"""

PACKAGE_RULE = """
Every folder of the package that holds modules has an __init__.py; without one it is left out of
the wheel, and only an installed copy shows it.
"""

FOLDER_RULE = f"""
A test lies in the folder that says what it proves: {", ".join(sorted(TEST_FOLDERS))}.
"""


def named_emptily(path: str) -> bool:
    """Tell whether a file, or a folder on the way to it, has a name that says nothing."""
    parts = PurePosixPath(path).with_suffix("").parts
    return any(part.strip("_") in EMPTY_NAMES for part in parts)


def test_module_names_say_what_is_inside() -> None:
    """No module or folder of the package, the tests or the tools has an empty name."""
    paths = (
        path.relative_to(ROOT).as_posix()
        for folder in ("dedupstore", "tests", "tools", "benchmarks")
        for path in sorted((ROOT / folder).rglob("*.py"))
    )
    require_none((path for path in paths if named_emptily(path)), NAME_RULE)


def test_packages_are_complete() -> None:
    """Every folder with modules in the package is itself a package."""
    folders = sorted({path.parent for path in (ROOT / "dedupstore").rglob("*.py")})
    require_none(
        (str(folder) for folder in folders if not (folder / "__init__.py").is_file()), PACKAGE_RULE
    )


def test_tests_lie_in_known_folders() -> None:
    """Every test module lies in one of the folders that say what tests prove."""
    paths = sorted(path.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py"))
    require_none((str(path) for path in paths if path.parts[0] not in TEST_FOLDERS), FOLDER_RULE)


@pytest.mark.parametrize("path", ["dedupstore/utils.py", "dedupstore/common/packs.py"])
def test_an_empty_name_is_caught(path: str) -> None:
    """An empty name is found for a file and for a folder, and only as a whole word."""
    assert named_emptily(path)
    assert not named_emptily("dedupstore/baseline/utility_meter.py")
