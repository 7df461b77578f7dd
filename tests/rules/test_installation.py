"""The suite tests what a user gets: an installed package, with its kernel where one compiles."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

import dedupstore
from rules.source_tree import ROOT

PROGRAM = "#include <Python.h>\nint answer(void) { return PY_MAJOR_VERSION; }\n"


def compiler_works(folder: Path) -> bool:
    """Tell whether a program that needs Python's headers can be compiled here."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        return False
    source = folder / "program.c"
    source.write_text(PROGRAM)
    include = "-I" + sysconfig.get_path("include")
    command = [*compiler, include, "-c", str(source), "-o", str(folder / "program.o")]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(
    not os.environ.get("DEDUPSTORE_TEST_INSTALLED"), reason="not started by tools/test"
)
def test_the_suite_imports_the_installed_package() -> None:
    """The package under test is the installed one, not the source tree beside the tests."""
    assert dedupstore.__file__ is not None
    assert not Path(dedupstore.__file__).resolve().is_relative_to(ROOT / "dedupstore")


@pytest.mark.skipif(
    not os.environ.get("DEDUPSTORE_TEST_INSTALLED"), reason="not started by tools/test"
)
@pytest.mark.parametrize("name", ["dedupstore.chunking._kernel", "dedupstore.twins._kernel"])
def test_the_kernels_are_native_where_they_can_be(name: str, tmp_path: Path) -> None:
    """The C kernels are in the installed package exactly where a compiler works."""
    kernel = importlib.util.find_spec(name)
    assert (kernel is not None) == compiler_works(tmp_path)
