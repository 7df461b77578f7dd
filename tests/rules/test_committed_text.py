"""What is committed holds on any machine: no text names one machine's folders or a registry."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from rules.source_tree import ROOT, require_none

FILE_BYTES_MAX = 1 << 20
"""Larger files are data, not text that somebody wrote."""

MACHINE_BOUND = re.compile(
    r"(?<![\w.~*-])/(?:root|work|home/\w+|Users/\w+)/\w"  # somebody's folder
    # a registry: its address has a name that says so, or is given to an installer
    r"|://[\w.-]*(?:pypi|pythonhosted|npmjs)|--(?:extra-)?index-url[ =]\w|://\S+/simple\b",
    re.ASCII,
)
SCRATCH = re.compile(r"(?<![\w.~*-])/tmp/\w", re.ASCII)

EXAMPLES_IN = ("dedupstore/__init__.py", "dedupstore/cli/")
"""Where a path below /tmp is an example for a reader, as in documents, not a place that is used."""

TEXT_RULE = """
Nothing committed names a folder of one machine or the host of a package registry: it would be wrong
everywhere else. Tests use tmp_path, tools take an option or an environment variable, pip knows its
index.
"""


def committed_files() -> list[Path]:
    """Return the files under version control, or all source files where there is no git."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        folders = ("dedupstore", "tests", "tools", "docs", "benchmarks", ".ci")
        return [path for folder in folders for path in (ROOT / folder).rglob("*")]
    return [ROOT / name for name in listed.decode().split("\0") if name]


def machine_bound_lines(text: str, path: str = "dedupstore/example.py") -> list[tuple[int, str]]:
    """Return number and text of the lines that hold on one machine only."""
    example = path.endswith(".md") or path.startswith(EXAMPLES_IN)
    return [
        (number, line.strip())
        for number, line in enumerate(text.splitlines(), start=1)
        if MACHINE_BOUND.search(line) or (SCRATCH.search(line) and not example)
    ]


def test_no_text_is_bound_to_a_machine() -> None:
    """No committed text file names a folder of a machine or the host of a registry."""
    found = []
    for path in committed_files():
        if not path.is_file() or path.stat().st_size > FILE_BYTES_MAX or path == Path(__file__):
            continue
        text = path.read_bytes()
        if b"\0" not in text:
            name = path.relative_to(ROOT).as_posix()
            lines = machine_bound_lines(text.decode("utf-8", errors="replace"), name)
            found += [f"{name}:{number}: {line}" for number, line in lines]
    require_none(found, TEXT_RULE)


@pytest.mark.parametrize(
    "line",
    [
        "CORPUS = '/root/logs'",
        "cd /home/alice/dedupstore",
        "see /Users/bob/notes.md",
        "scratch = Path('/tmp/scratch')",
        "pip install --index-url https://packages.example/simple",
        "see https://mirror-of-pypi.example/project",
    ],
)
def test_a_bound_line_is_caught(line: str) -> None:
    """Home folders and registry hosts are found wherever they stand in a line."""
    assert machine_bound_lines(f"first\n{line}\n") == [(2, line)]


@pytest.mark.parametrize(
    "line", ["dedupstore snapshot /var/log", "packs live in a/root/of/it", "~/work/logs"]
)
def test_an_ordinary_path_is_allowed(line: str) -> None:
    """System folders, relative paths and the reader's own home are no violations."""
    assert machine_bound_lines(line) == []


def test_an_example_may_name_the_scratch_folder() -> None:
    """A path below /tmp is allowed in documents and help texts, and only there."""
    line = "dedupstore restore latest --target /tmp/restored"
    assert machine_bound_lines(line, "docs/cli.md") == []
    assert machine_bound_lines(line, "dedupstore/cli/restore.py") == []
    assert machine_bound_lines(line, "tools/demo.py") != []
