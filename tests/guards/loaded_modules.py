"""The modules that a command loads, and who asked for each: from the interpreter's own account."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

_LIBRARIES = ("dedupstore", "click", "blake3", "lmdb", "zstandard")
_ACCOUNT = "import time:"
_CLASSES = "classes written: "
_TIMEOUT_SECONDS = 60

_PROGRAM = """
import sys
sys.path[:0] = FOLDERS
import dedupstore.cli.main

def tell():
    written = [
        f"{name}.{value.__name__}"
        for name, module in list(sys.modules.items()) if name.startswith("dedupstore.")
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == name
        and "__dataclass_fields__" in vars(value)
    ]
    print("CLASSES" + " ".join(written), file=sys.stderr)

import atexit
atexit.register(tell)
dedupstore.cli.main.main()
"""


class Loaded(NamedTuple):
    """What one run of a command loaded.

    ``importers`` gives for each module the one that was being loaded when it was first asked for;
    an empty text where none was. ``dataclasses`` are the classes of the package that were made by
    ``dataclasses``, which writes and compiles their code at each start.
    """

    importers: dict[str, str]
    dataclasses: list[str]

    def within(self, *packages: str) -> list[str]:
        """Return the modules that are, or are in, one of some packages."""
        return [
            name
            for name in self.importers
            if any(name == package or name.startswith(package + ".") for package in packages)
        ]

    def told(self, modules: Sequence[str]) -> str:
        """Return a line for each module: its name, and by way of what it is loaded."""
        return "\n".join(f"  {' <- '.join(self._way_to(name))}" for name in modules)

    def _way_to(self, module: str) -> list[str]:
        way = [module]
        while (importer := self.importers.get(way[-1], "")) and importer not in way:
            way.append(importer)
        return way


def loaded_by(arguments: Sequence[str | Path]) -> Loaded:
    """Run ``dedupstore`` with some arguments, which must succeed, and return what it loaded.

    It is run without what an environment may add to each start of Python.
    """
    program = _PROGRAM.replace("FOLDERS", repr(_library_folders())).replace("CLASSES", _CLASSES)
    command = [sys.executable, "-S", "-E", "-X", "importtime", "-c", program, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    classes = [line for line in done.stderr.splitlines() if line.startswith(_CLASSES)]
    return Loaded(_importers(done.stderr), classes[0].removeprefix(_CLASSES).split())


def _library_folders() -> list[str]:
    """Return the folders that hold the package and what it needs, each once."""
    folders = []
    for name in _LIBRARIES:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        folders.append(str(Path(spec.origin).resolve().parents[1]))
    return list(dict.fromkeys(folders))


def _importers(stderr: str) -> dict[str, str]:
    """Read what ``-X importtime`` says: a module stands below those it loads, less indented."""
    importers: dict[str, str] = {}
    waiting: list[tuple[int, str]] = []
    for line in stderr.splitlines():
        if not line.startswith(_ACCOUNT) or line.endswith("imported package"):
            continue
        text = line.rpartition("|")[2]
        name = text.strip()
        depth = len(text) - len(text.lstrip())
        while waiting and waiting[-1][0] > depth:
            importers[waiting.pop()[1]] = name
        importers.setdefault(name, "")
        waiting.append((depth, name))
    return importers
