"""Files and functions stay small enough to be read in one sitting."""

from __future__ import annotations

import ast

from rules.source_tree import (
    ROOT,
    Module,
    functions,
    modules,
    parse,
    require_exceptions_used,
    require_none,
)

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

LONGER_FILES: dict[str, str] = {}
"""Path → why it is longer. The list only shrinks."""

LONGER_FUNCTIONS: dict[str, str] = {}
"""``path:function`` → why it is longer. The list only shrinks."""

FILE_RULE = f"""
A file in dedupstore/ has at most {FILE_LINES_MAX} lines. The file named after the central noun is
where every engine of this kind rots first. Split it along what changes together.
"""

FUNCTION_RULE = f"""
A function in dedupstore/ has at most {FUNCTION_LINES_MAX} lines without its docstring, and does
one thing. Name the steps and make them functions.
"""


def overlong_files() -> dict[str, int]:
    """Return the line counts of the source files, Python or C, that are too long."""
    counts = {
        path.relative_to(ROOT).as_posix(): len(path.read_bytes().splitlines())
        for suffix in ("py", "pyi", "c", "h")
        for path in sorted((ROOT / "dedupstore").rglob(f"*.{suffix}"))
    }
    return {path: lines for path, lines in counts.items() if lines > FILE_LINES_MAX}


def overlong_functions(module: Module) -> dict[str, int]:
    """Return the line counts, docstrings left out, of the functions that are too long."""
    found = {}
    for function in functions(module):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if ast.get_docstring(function) is not None:
            docstring = function.body[0]
            lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
        if lines > FUNCTION_LINES_MAX:
            found[f"{module.path}:{function.name}"] = lines
    return found


def test_files_are_short() -> None:
    """No file of the package is longer than the limit, unless it is listed with its reason."""
    found = overlong_files()
    require_none(
        (f"{path}: {lines} lines" for path, lines in found.items() if path not in LONGER_FILES),
        FILE_RULE,
    )
    require_exceptions_used(LONGER_FILES, found)


def test_functions_are_short() -> None:
    """No function of the package is longer than the limit, unless it is listed with its reason."""
    found: dict[str, int] = {}
    for module in modules("dedupstore"):
        found |= overlong_functions(module)
    require_none(
        (f"{name}: {lines} lines" for name, lines in found.items() if name not in LONGER_FUNCTIONS),
        FUNCTION_RULE,
    )
    require_exceptions_used(LONGER_FUNCTIONS, found)


def test_a_long_function_is_caught() -> None:
    """A function one line too long is found, in a class too, and its docstring is not counted."""
    fitting = "    def f(self):\n        '''One\n        two.'''\n" + "        x = 1\n" * 59
    assert overlong_functions(parse("class C:\n" + fitting)) == {}
    assert overlong_functions(parse("class C:\n" + fitting + "        x = 2\n")) == {
        "dedupstore/example.py:f": 61
    }
