"""The project's own source, parsed, for the tests that hold it to its rules."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One Python file: where it is, as ``dedupstore/ids.py``, its text and its syntax tree."""

    path: str
    text: str
    tree: ast.Module

    def within(self, *places: str) -> bool:
        """Tell whether the file is one of ``places`` or lies in one of them that ends in ``/``."""
        return any(
            self.path.startswith(place) if place.endswith("/") else self.path == place
            for place in places
        )

    def at(self, node: ast.stmt | ast.expr) -> str:
        """Return the place of a node in the form that editors jump to."""
        return f"{self.path}:{node.lineno}"


def parse(text: str, path: str = "dedupstore/example.py") -> Module:
    """Parse a snippet as if it were the file ``path``."""
    return Module(path, text, ast.parse(text, path))


def modules(folder: str) -> list[Module]:
    """Parse every Python file below a top-level folder of the project."""
    return [
        parse(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]


def functions(module: Module) -> Iterator[Function]:
    """Yield every function and method, at any depth."""
    for node in ast.walk(module.tree):
        if isinstance(node, Function):
            yield node


def imported_names(module: Module) -> dict[str, str]:
    """Map each name that an import binds, at any depth, to the full name of what it stands for."""
    names: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                names[bound] = alias.name if alias.asname else bound
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def full_name(node: ast.expr, names: dict[str, str]) -> str | None:
    """Return ``os.environ`` for that expression however ``os`` was imported, else None."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        base = full_name(node.value, names)
        return f"{base}.{node.attr}" if base else None
    return None


def require_none(violations: Iterable[str], rule: str) -> None:
    """Fail with the rule, its reason and every place that breaks it."""
    found = list(violations)
    if found:
        listed = "\n".join(f"  {violation}" for violation in found)
        pytest.fail(f"{rule.strip()}\n\n{listed}", pytrace=False)


def require_exceptions_used(exceptions: Iterable[str], used: Iterable[str]) -> None:
    """Fail if a list of exceptions names something that keeps the rule by now: it only shrinks."""
    require_none(
        sorted(set(exceptions) - set(used)),
        "These exceptions are no longer needed. Take them off the list, so that it only shrinks.",
    )
