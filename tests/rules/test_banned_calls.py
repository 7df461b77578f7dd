"""The library is silent and timeless: the machine's state reaches it only as arguments."""

from __future__ import annotations

import ast
from dataclasses import dataclass

import pytest

from rules.source_tree import Module, full_name, imported_names, modules, parse, require_none


@dataclass(frozen=True)
class Ban:
    """Names that may not be used outside some places, and why."""

    names: frozenset[str]
    allowed_in: tuple[str, ...]
    rule: str


BANS = {
    "clock": Ban(
        frozenset(
            {
                "time.time",
                "time.time_ns",
                "time.localtime",
                "time.gmtime",
                "datetime.datetime.now",
                "datetime.datetime.utcnow",
                "datetime.datetime.today",
                "datetime.date.today",
            }
        ),
        ("dedupstore/clock.py",),
        "Only dedupstore/clock.py asks the machine for the time. Everything else is given a Clock, "
        "so that a test can set it and no result depends on when it was computed.",
    ),
    "environment": Ban(
        frozenset(
            {
                "os.environ",
                "os.environb",
                "os.getenv",
                "os.getenvb",
                "os.putenv",
                "os.path.expanduser",
                "pathlib.Path.home",
            }
        ),
        ("dedupstore/cli/",),
        "Only dedupstore/cli/ reads the environment. What the library needs to know, it is told: a "
        "program that uses it must not be steered by variables it never heard of.",
    ),
    "terminal": Ban(
        frozenset({"print", "input", "sys.stdin", "sys.stdout", "sys.stderr"}),
        ("dedupstore/cli/",),
        "Only dedupstore/cli/ reads from or writes to a terminal. The library reports through a "
        "Monitor and raises its errors.",
    ),
}

ASSERT_RULE = (
    "No bare assert in dedupstore/. It vanishes under python -O, and it names neither the object "
    "nor the next step. Raise an error from dedupstore.errors."
)


def uses(module: Module, ban: Ban) -> list[str]:
    """Return the places where a module uses a banned name, however it was imported."""
    if module.within(*ban.allowed_in):
        return []
    names = imported_names(module)
    found = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name | ast.Attribute):
            name = full_name(node, names)
            if name in ban.names:
                found[node.lineno, name] = f"{module.at(node)}: {name}"
    return list(found.values())


def asserts(module: Module) -> list[str]:
    """Return the places of assert statements."""
    return [module.at(node) for node in ast.walk(module.tree) if isinstance(node, ast.Assert)]


@pytest.mark.parametrize("ban", BANS.values(), ids=BANS)
def test_nothing_banned_is_used(ban: Ban) -> None:
    """Nothing outside the allowed places uses the clock, the environment or the terminal."""
    require_none((use for module in modules("dedupstore") for use in uses(module, ban)), ban.rule)


def test_there_is_no_bare_assert() -> None:
    """No module of the package relies on an assert statement."""
    found = (
        place
        for module in modules("dedupstore")
        if not module.within("dedupstore/cli/")
        for place in asserts(module)
    )
    require_none(found, ASSERT_RULE)


@pytest.mark.parametrize(
    ("ban", "snippet"),
    [
        ("clock", "import time\ntime.time()"),
        ("clock", "from time import time as now\nnow()"),
        ("clock", "import datetime\ndatetime.datetime.now()"),
        ("clock", "from datetime import datetime, UTC\nstamp = datetime.now"),
        ("environment", "import os\nos.environ['HOME']"),
        ("environment", "from os import environ\nenviron.get('HOME')"),
        ("environment", "from pathlib import Path\nPath.home()"),
        ("terminal", "print('done')"),
        ("terminal", "import sys\nsys.stderr.write('done')"),
    ],
)
def test_a_banned_use_is_caught(ban: str, snippet: str) -> None:
    """Each banned name is found under the ways to import it, and only outside its place."""
    assert len(uses(parse(snippet), BANS[ban])) == 1
    place = BANS[ban].allowed_in[0]
    allowed = place + "example.py" if place.endswith("/") else place
    assert uses(parse(snippet, allowed), BANS[ban]) == []


def test_an_assert_is_caught() -> None:
    """An assert statement is found, a test for a value is not."""
    assert asserts(parse("def f(x):\n    assert x > 0\n    return x == 1")) == [
        "dedupstore/example.py:2"
    ]
