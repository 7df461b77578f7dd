"""Starts of the command whose cost counts: those of scripts and of people who wait."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dedupstore
from guards.grown_logs import write_small_logs
from guards.loaded_modules import Loaded, loaded_by

RECORDS = Path(__file__).with_name("modules")
"""For each start the modules of the package that it loads; see ``record_modules``."""


def _version(folder: Path) -> list[str | Path]:
    return ["version"]


def _help(folder: Path) -> list[str | Path]:
    return ["--help"]


def _list(folder: Path) -> list[str | Path]:
    _archive(folder)
    return ["--repo", folder / "repository", "list"]


def _snapshot(folder: Path) -> list[str | Path]:
    _archive(folder)
    (folder / "logs" / "app.log").write_bytes(b"not seen before\n")
    return ["--repo", folder / "repository", "snapshot", folder / "logs"]


def _unchanged(folder: Path) -> list[str | Path]:
    _archive(folder)
    return ["--repo", folder / "repository", "snapshot", folder / "logs"]


def _restore(folder: Path) -> list[str | Path]:
    _archive(folder)
    target = folder / "restored"
    return ["--repo", folder / "repository", "restore", "latest", "--target", target]


STARTS: dict[str, Callable[[Path], list[str | Path]]] = {
    "version": _version,
    "help": _help,
    "list": _list,
    "snapshot": _snapshot,
    "unchanged": _unchanged,
    "restore": _restore,
}
"""Name → what makes all that is needed in a folder and returns the arguments."""


def loaded_by_start(name: str, folder: Path) -> Loaded:
    """Start the command in an empty folder as ``name`` says, and return what it loaded."""
    return loaded_by(STARTS[name](folder))


def recorded_modules(name: str) -> list[str]:
    """Return the modules that a start was last recorded to load."""
    return (RECORDS / f"{name}.txt").read_text(encoding="ascii").split()


def _archive(folder: Path) -> None:
    write_small_logs(folder / "logs", 2)
    with dedupstore.init_repository(folder / "repository") as repository:
        dedupstore.snapshot(repository, [folder / "logs"])
