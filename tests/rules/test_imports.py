"""Imports stand at the top, and each third-party library behind one module.

Which layer may import which is checked by import-linter; see pyproject.toml.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

import pytest

from rules.source_tree import (
    Function,
    Module,
    functions,
    modules,
    parse,
    require_exceptions_used,
    require_none,
)

HOMES = {
    "blake3": "dedupstore/format/hashing.py",
    "click": "dedupstore/cli/",
    "lmdb": "dedupstore/index/lmdb_folder.py",
    "pyeclib": "dedupstore/engine/parity_encoder.py",
    "rich": "dedupstore/cli/progress.py",
    "zstandard": "dedupstore/format/codecs.py",
}
"""Third-party library → the one module, or folder, that may import it."""

HOME_RULE = f"""
One third-party library, one module that imports it: its exceptions are mapped there, and it can be
replaced there. {", ".join(f"{library} → {home}" for library, home in HOMES.items())}.
A new library needs an entry in HOMES, and a reason.
"""

LATE_IMPORTS_ALLOWED_IN = ("dedupstore/__init__.py", "dedupstore/cli/")

LATE_IMPORTS = {
    "dedupstore/chunking/gear_table.py:derive_gear_table": "hashlib loads OpenSSL",
    "dedupstore/chunking/kernel.py:_python_twin": "only where there is no native kernel",
    "dedupstore/clock.py:parse_zone": "only where a zone is named; zoneinfo loads sysconfig",
    "dedupstore/engine/equal_bytes.py:_long_equal": "only what stores a MiB and more needs ctypes",
    "dedupstore/engine/index_home.py:_outer_folder": "only for repositories that are read-only",
    "dedupstore/engine/record_trim.py:find_cut": "only what is trimmed has its times read",
    "dedupstore/engine/repository.py:_home_of_index": "lists of snapshots need no index",
    "dedupstore/engine/repository.py:chunker": "only what reads new data cuts it",
    "dedupstore/engine/repository.py:index": "lists of snapshots need no index",
    "dedupstore/engine/repository.py:init_repository": "only to make a repository",
    "dedupstore/index/generations.py:_remove": "shutil loads every codec of archives",
    "dedupstore/operations/snapshot/databases.py:copy": "only where there is a database",
    "dedupstore/operations/snapshot/databases.py:state": "only where there is a database",
}
"""``path:function`` → why its import does not stand at the top: most runs would load it unused."""

LATE_IMPORT_RULE = """
Imports stand at the top of the file. An import inside a function hides a dependency, most often one
that points up. Start-up time is the one good reason: it belongs to dedupstore/__init__.py and
dedupstore/cli/, and elsewhere to what LATE_IMPORTS names, where tests/guards shows that it counts.
"""


def imports(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    """Yield every import below a node with the top-level package that it names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node, node.module.partition(".")[0]


def homeless_imports(module: Module) -> list[str]:
    """Return the imports of third-party libraries outside their one place."""
    return [
        f"{module.at(node)}: {library}"
        for node, library in imports(module.tree)
        if library not in sys.stdlib_module_names and library != "dedupstore"
        if library not in HOMES or not module.within(HOMES[library])
    ]


def late_imports(module: Module) -> dict[str, str]:
    """Return the imports inside functions, by ``path:function``."""
    if module.within(*LATE_IMPORTS_ALLOWED_IN):
        return {}
    return {
        f"{module.path}:{function.name}": f"{module.at(node)}: in {function.name}()"
        for function in functions(module)
        for node in statements(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }


def statements(function: Function) -> Iterator[ast.stmt]:
    """Yield every statement inside a function, at any depth."""
    for node in ast.walk(function):
        if isinstance(node, ast.stmt) and node is not function:
            yield node


def test_each_library_has_one_home() -> None:
    """A third-party library is imported in its own module and nowhere else."""
    require_none(
        (found for module in modules("dedupstore") for found in homeless_imports(module)),
        HOME_RULE,
    )


def test_imports_stand_at_the_top() -> None:
    """No function of the package imports, outside the places where start-up time counts."""
    found: dict[str, str] = {}
    for module in modules("dedupstore"):
        found |= late_imports(module)
    require_none(
        (place for name, place in found.items() if name not in LATE_IMPORTS), LATE_IMPORT_RULE
    )
    require_exceptions_used(LATE_IMPORTS, found)


@pytest.mark.parametrize(
    ("snippet", "path"),
    [
        ("import lmdb", "dedupstore/engine/example.py"),
        ("from zstandard import ZstdError", "dedupstore/format/block.py"),
        ("import rich.progress", "dedupstore/cli/main.py"),
        ("import requests", "dedupstore/cli/main.py"),
    ],
)
def test_an_import_away_from_home_is_caught(snippet: str, path: str) -> None:
    """A library is found in a module that is not its home, and so is one without a home."""
    assert len(homeless_imports(parse(snippet, path))) == 1


def test_an_import_at_home_is_allowed() -> None:
    """Libraries in their homes, the standard library and the package itself are no violations."""
    assert homeless_imports(parse("import lmdb", "dedupstore/index/lmdb_folder.py")) == []
    assert homeless_imports(parse("import click", "dedupstore/cli/commands/list.py")) == []
    assert homeless_imports(parse("import os\nfrom dedupstore.ids import ID_BYTES")) == []


def test_a_late_import_is_caught() -> None:
    """An import inside a function is found, one at the top or in the command line is not."""
    snippet = "def f():\n    if True:\n        import json\n"
    assert list(late_imports(parse(snippet))) == ["dedupstore/example.py:f"]
    assert late_imports(parse(snippet, "dedupstore/cli/example.py")) == {}
    assert late_imports(parse("import json\n")) == {}
