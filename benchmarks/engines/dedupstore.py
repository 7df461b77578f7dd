"""The engine under test."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Sequence

from engines.engine import Archiver, EngineMissing, Operation, Role, Scratch, first_line_of
from machine import PROJECT
from measuring import Command


class Dedupstore(Archiver):
    """dedupstore with its defaults."""

    name = "dedupstore"
    role = Role.SUBJECT
    settings = "defaults"

    def __init__(self, command: str | None = None) -> None:
        """Take `command` (split as a shell does), else that of PATH, else the quickstart's.

        The checkout itself is never measured: its kernel is not compiled.
        """
        if command is not None:
            self.program = shlex.split(command)
        else:
            self.program = [shutil.which("dedupstore") or str(PROJECT / ".venv/bin/dedupstore")]

    def version(self) -> str:
        line = first_line_of([*self.program, "version", "--json"])
        try:
            fields = json.loads(line)
            kernel = f"{fields['kernel']} kernel ({fields['kernel_detail']})"
            libraries = (f"{name} {version}" for name, version in fields["libraries"].items())
            return ", ".join((f"{fields['version']}, {kernel}", *libraries))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise EngineMissing(f"does not say its version: {error}") from error

    def initialize(self, scratch: Scratch) -> Sequence[Command]:
        return [self.command(scratch, "init")]

    def commands(
        self, operation: Operation, scratch: Scratch, sources: Sequence[str]
    ) -> Sequence[Command]:
        match operation:
            case Operation.FIRST | Operation.UNCHANGED:
                return [self.command(scratch, "snapshot", *sources)]
            case Operation.KNOWN:
                return [self.command(scratch, "snapshot", "--reread", *sources)]
            case Operation.RESTORE:
                return self.restore_last(scratch, operation)

    def snapshot(self, scratch: Scratch, sources: Sequence[str], name: str) -> Sequence[Command]:
        return self.commands(Operation.UNCHANGED, scratch, sources)

    def upkeep(self, scratch: Scratch) -> Sequence[Command]:
        return [self.command(scratch, "prune", "--keep-within", "10y")]

    def restore_last(self, scratch: Scratch, name: str) -> Sequence[Command]:
        return [self.restore(scratch, "latest")]

    def restore(self, scratch: Scratch, snapshot: str) -> Command:
        """Return the command that restores one snapshot."""
        return self.command(scratch, "restore", snapshot, "--target", str(scratch.target))

    def command(self, scratch: Scratch, *arguments: str, as_json: bool = True) -> Command:
        """Return the command for this repository, without a progress bar."""
        output = ["--json"] if as_json else []
        repository = ["--repo", str(scratch.repository)]
        return Command([*self.program, *repository, *output, "--no-progress", *arguments])
