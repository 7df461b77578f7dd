"""Completion scripts for three shells, and what they complete."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from cli.installed_command import Dedupstore


@pytest.fixture
def command(tmp_path: Path) -> Dedupstore:
    """Return the command without any repository."""
    return Dedupstore(tmp_path / "none", tmp_path)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_printed(command: Dedupstore, shell: str) -> None:
    """Each shell gets a script that names the command; bash, where it is, accepts its own."""
    script = command.run("completion", shell).stdout
    assert b"_DEDUPSTORE_COMPLETE" in script
    if shutil.which(shell) and shell in ("bash", "zsh"):
        subprocess.run([shell, "-n"], input=script, check=True, timeout=30)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("dedupstore sn", "snapshot"),
        ("dedupstore restore --ta", "--target"),
        ("dedupstore --js", "--json"),
    ],
)
def test_words_are_completed(command: Dedupstore, words: str, expected: str) -> None:
    """What the scripts ask the program for completes commands, their options and global ones."""
    asking = {
        "_DEDUPSTORE_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    found = Dedupstore(command.repository, command.folder, asking).run().text
    assert expected in found
