"""What is public promises something in words, and each test says its claim."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rules.source_tree import Function, Module, functions, modules, parse, require_none

PUBLIC_RULE = """
Every module, public class, public function and public method in dedupstore/ has a docstring: what
it is for, units and ranges, what it returns and raises. A method may go without where its class
derives from another that says it.
"""

CLAIM_RULE = """
Every test has a docstring of one sentence: the claim that it would disprove. Whoever breaks it
reads that sentence first.
"""


def undocumented(module: Module) -> list[str]:
    """Return the public names of a module, and the module itself, that have no docstring."""
    found = [] if ast.get_docstring(module.tree) else [f"{module.path}: the module"]
    for name, node in public_definitions(module.tree.body):
        if not ast.get_docstring(node):
            found.append(f"{module.at(node)}: {name}")
    return found


def public_definitions(
    body: list[ast.stmt], prefix: str = ""
) -> Iterator[tuple[str, Function | ast.ClassDef]]:
    """Yield public classes and functions, and the public methods of classes without a base."""
    for node in body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not is_accessor(node):
            yield prefix + node.name, node
        if isinstance(node, ast.ClassDef) and not derives(node):
            yield from public_definitions(node.body, f"{prefix}{node.name}.")


def derives(node: ast.ClassDef) -> bool:
    """Tell whether a class has a base that may document its methods."""
    return any(ast.unparse(base).partition("[")[0] != "Protocol" for base in node.bases)


def is_accessor(node: Function | ast.ClassDef) -> bool:
    """Tell whether a definition is an overload or a setter: the main one has the docstring."""
    decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
    return any(name.split(".")[-1] in {"overload", "setter", "deleter"} for name in decorators)


def silent_tests(module: Module) -> list[str]:
    """Return the test functions without a docstring."""
    return [
        f"{module.at(function)}: {function.name}"
        for function in functions(module)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]


def test_public_names_are_documented() -> None:
    """Every public name of the package has a docstring."""
    require_none(
        (found for module in modules("dedupstore") for found in undocumented(module)), PUBLIC_RULE
    )


def test_tests_state_their_claim() -> None:
    """Every test of the suite has a docstring."""
    require_none(
        (found for module in modules("tests") for found in silent_tests(module)), CLAIM_RULE
    )


def test_an_undocumented_name_is_caught() -> None:
    """Module, class, method and function are found; private names and overrides are not."""
    snippet = """
class Store:
    def get(self): ...
    def _open(self): ...
class LocalStore(Store):
    '''A store.'''
    def get(self): ...
def open_store(): ...
def _locate(): ...
"""
    found = [line.partition(": ")[2] for line in undocumented(parse(snippet))]
    assert found == ["the module", "Store", "Store.get", "open_store"]


def test_a_silent_test_is_caught() -> None:
    """A test without a docstring is found, also inside a class."""
    snippet = "class TestPack:\n    def test_a(self):\n        pass\n    def make(self): pass\n"
    assert silent_tests(parse(snippet)) == ["dedupstore/example.py:2: test_a"]
