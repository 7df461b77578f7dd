"""What the comparison asks of an engine."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from measuring import Command


class Operation(StrEnum):
    """What is timed, in the order in which it is done."""

    FIRST = "first"
    KNOWN = "known"
    UNCHANGED = "unchanged"
    RESTORE = "restore"

    @property
    def label(self) -> str:
        """The operation as reports call it."""
        return _LABELS[self]


_LABELS = {
    Operation.FIRST: "first snapshot",
    Operation.KNOWN: "re-read, all known",
    Operation.UNCHANGED: "nothing changed",
    Operation.RESTORE: "restore everything",
}


class Role(StrEnum):
    """Why an engine takes part."""

    SUBJECT = "subject"
    PEER = "peer"
    YARDSTICK = "yardstick"


class EngineMissing(Exception):
    """The engine is not installed, or does not say its version."""


@dataclass(frozen=True)
class Scratch:
    """The folders of one run of one engine: everything it writes goes below them."""

    root: Path

    @property
    def repository(self) -> Path:
        """Where the repository goes; the engine makes it."""
        return self.root / "repository"

    @property
    def home(self) -> Path:
        """Home folder: configuration, caches, temporary files."""
        return self.root / "home"

    @property
    def target(self) -> Path:
        """Empty folder that restore fills."""
        return self.root / "restored"

    def create(self) -> None:
        """Make the folders that must exist beforehand."""
        self.home.mkdir(parents=True)
        self.target.mkdir()

    def remove(self) -> None:
        """Delete all of it; some engines leave read-only files, so errors are ignored."""
        shutil.rmtree(self.root, ignore_errors=True)


class Engine(ABC):
    """One engine: its name, its version, and its commands for each operation."""

    name: str
    role: Role = Role.PEER
    settings: str = ""

    @abstractmethod
    def version(self) -> str:
        """Return the engine's version; raise EngineMissing."""

    @abstractmethod
    def initialize(self, scratch: Scratch) -> Sequence[Command]:
        """Return the commands that make an empty repository (not timed)."""

    @abstractmethod
    def commands(
        self, operation: Operation, scratch: Scratch, sources: Sequence[str]
    ) -> Sequence[Command]:
        """Return the commands of a timed operation; none if the engine has no such operation."""

    def environment(self, scratch: Scratch) -> Mapping[str, str]:
        """Return the environment: the caller's, with home and caches below `scratch`."""
        home = str(scratch.home)
        # Installers compile modules of Python once; nobody compiles them at every start.
        inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        return {
            **inherited,
            "HOME": home,
            "XDG_CACHE_HOME": f"{home}/cache",
            "XDG_CONFIG_HOME": f"{home}/config",
            "TMPDIR": home,
            # Packages installed with pip --user must be found although HOME has moved.
            "PYTHONUSERBASE": site.getuserbase(),
        }


class Archiver(Engine):
    """An engine that keeps any number of snapshots in one repository."""

    @abstractmethod
    def snapshot(self, scratch: Scratch, sources: Sequence[str], name: str) -> Sequence[Command]:
        """Return the commands of one more snapshot, called `name` where the engine has names."""

    @abstractmethod
    def upkeep(self, scratch: Scratch) -> Sequence[Command]:
        """Return the commands that tidy the repository up and remove no snapshot."""

    @abstractmethod
    def restore_last(self, scratch: Scratch, name: str) -> Sequence[Command]:
        """Return the commands that restore the last snapshot, which was called `name`."""


def first_line_of(arguments: Sequence[str]) -> str:
    """Return the first line that a version command prints; raise EngineMissing."""
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise EngineMissing("not installed") from error
    except (OSError, subprocess.CalledProcessError) as error:
        raise EngineMissing(f"does not start: {_last_line(error)}") from error
    lines = done.stdout.splitlines()
    if not lines:
        raise EngineMissing("says no version")
    return lines[0].strip()


def _last_line(error: OSError | subprocess.CalledProcessError) -> str:
    stderr = error.stderr if isinstance(error, subprocess.CalledProcessError) else None
    return str(stderr).strip().splitlines()[-1] if stderr and str(stderr).strip() else str(error)
