"""Repositories for the tests of the command line."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.installed_command import Dedupstore


@pytest.fixture
def dedupstore(tmp_path: Path) -> Dedupstore:
    """Return the command with an empty repository, run in a folder of its own."""
    folder = tmp_path / "work"
    folder.mkdir()
    command = Dedupstore(tmp_path / "repository", folder)
    command.run("init", "--chunk-size", "4KiB")
    return command


@dataclass(frozen=True)
class Archive:
    """A repository with three snapshots of a set ``web`` and one of ``db``, for reading only.

    ``logs`` is the folder that was snapshotted, as it was left; ``ids`` are the snapshots of
    ``web``, oldest first, ``stream`` that of ``db``.
    """

    command: Dedupstore
    logs: Path
    ids: tuple[str, ...]
    stream: str


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Return a repository that tests read and never change."""
    base = tmp_path_factory.mktemp("archive")
    logs = base / "logs"
    logs.mkdir()
    command = Dedupstore(base / "repository", base)
    command.run("init", "--chunk-size", "4KiB")

    def take(day: int, *more: str) -> str:
        time = f"2026-03-0{day}T12:00:00Z"
        given = ("--set", "web", "--host", "alpha", "--time", time, *more)
        return str(command.snapshot(logs, *given)["snapshot"])

    (logs / "app.log").write_text("first line\n" * 2000)
    (logs / "old.log").write_text("to be removed\n")
    (logs / "nginx").mkdir()
    (logs / "nginx" / "access.log").write_text("GET / 200\n" * 50)
    (logs / "nginx" / "empty").mkdir()
    os.symlink("app.log", logs / "current")
    first = take(1, "--tag", "nightly")
    with (logs / "app.log").open("a") as log:
        log.write("second line\n")
    (logs / "old.log").unlink()
    (logs / "new.log").write_text("new\n")
    second = take(2)
    os.rename(logs / "app.log", logs / "app.log.1")
    (logs / "app.log").write_text("after rotation\n")
    (logs / "nginx" / "access.log").write_text("rewritten\n")
    third = take(3)
    stream = command.run(
        "snapshot", "--json", "--stdin-name", "dump.sql", "--set", "db", "--host", "beta",
        "--time", "2026-03-02T18:00:00Z", stdin=b"select 1;\n",
    ).json["snapshot"]  # fmt: skip
    return Archive(command, logs, (first, second, third), stream)
