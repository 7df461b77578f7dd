"""Whatever is typed, the answer is an exit code and words, never an exception."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.conftest import Archive
from dedupstore.cli.command_group import COMMANDS
from dedupstore.cli.run import run

SILLY = [
    "",
    " ",
    ".",
    "/",
    "//",
    "-",
    "--",
    "-1",
    "--=",
    "..",
    "~",
    "@",
    "*",
    "[",
    "**/[!",
    "latest~-1",
    "latest~" + "9" * 5000,
    "@9999-12-31T23:59:59.999999-23:59",
    "@0001-01-01T00:00:00+23:59",
    "@" + "1" * 5000,
    "9" * 5000,
    "1e999",
    "nan",
    "\x1b[2J",
    "\n",
    "\u202e",
    "٣٣٣٣",
    os.fsdecode(b"\xff\xfe\xed\xa0\x80"),
    "a" * 5000,
    "/".join("a" * 5000),
]
VALUED = {
    "init": ["--chunk-size", "--encryption", "--parity"],
    "protect": ["--parity"],
    "snapshot": ["--set", "--tag", "--exclude", "--exclude-from", "--files-from", "--time",
                 "--host", "--stdin-name"],
    "list": ["--set", "--tag", "--host"],
    "ls": ["--set"],
    "restore": ["--target", "--overwrite", "--strip-components", "--set"],
    "check": ["--data-subset", "--snapshot", "--set"],
    "prune": ["--keep-last", "--keep-yearly", "--keep-within", "--keep-tag", "--set",
              "--max-unused", "--small-pack", "--merge-packs"],
    "forget": ["--set", "--max-unused", "--small-pack", "--merge-packs"],
}  # fmt: skip
EVERYWHERE = ["--lock-wait", "--timezone"]


def attempt(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """Run a command line in this process and require a code of the contract and no bug."""
    code = run(arguments)
    said = capfd.readouterr()
    assert code in (0, 1, 2, 3, 10, 13), (arguments, code)
    assert "this is a bug" not in said.err, (arguments, said.err)
    assert code == 0 or said.err.strip(), (arguments, code)


@pytest.fixture
def silly_place(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Run in an empty folder, with the archive as the repository and nothing on stdin."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEDUPSTORE_REPO", str(archive.command.repository))
    with open(os.devnull) as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        yield tmp_path


@pytest.mark.usefixtures("silly_place")
@pytest.mark.parametrize("command", COMMANDS)
def test_silly_arguments(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Every command answers every silly argument, alone or beside others, with an exit code."""
    rehearsed = ("snapshot", "restore", "forget", "prune")
    harmless = ["--dry-run"] if command in rehearsed else []
    for text in SILLY:
        if command == "snapshot" and text.strip("/. *") == "" and text.strip():
            continue  # a snapshot of this whole machine is no silly argument
        if command == "init":
            attempt(["--repo", text or " ", "init", text], capfd)
            continue
        attempt([command, *harmless, text], capfd)
        attempt([command, *harmless, "latest", text], capfd)
        attempt([command, *harmless, "latest", "--json", text, text], capfd)


@pytest.mark.usefixtures("silly_place")
@pytest.mark.parametrize("command", COMMANDS)
def test_silly_values(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Every option that takes a value answers every silly one with an exit code."""
    harmless = {
        "snapshot": ["--dry-run", "nowhere"],
        "restore": ["--dry-run", "latest"],
        "forget": ["--dry-run", "latest"],
        "prune": ["--dry-run"],
        "ls": ["latest"],
        "cat": ["latest", "nowhere"],
        "hold": ["nothing"],
        "release": ["nothing"],
        "diff": ["latest", "latest"],
        "completion": ["bash"],
    }
    for option in [*VALUED.get(command, []), *EVERYWHERE]:
        for text in SILLY:
            if command == "init":
                attempt([command, "--repo", "full/of/it", option, text], capfd)
            else:
                attempt([command, *harmless.get(command, []), option, text], capfd)
