"""The engine under test."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence

from engines.engine import Engine, EngineMissing, Operation, Role, Scratch, first_line_of
from machine import PROJECT
from measuring import Command


class Dedupstore(Engine):
    """dedupstore with its defaults."""

    name = "dedupstore"
    role = Role.SUBJECT
    settings = "defaults"

    def __init__(self, command: str | None = None) -> None:
        """Take `command` (split as a shell does), else the one of PATH, else the checkout."""
        if command is not None:
            self.program = shlex.split(command)
        elif shutil.which("dedupstore"):
            self.program = ["dedupstore"]
        else:
            self.program = [sys.executable, "-m", "dedupstore"]

    def version(self) -> str:
        environment = {**os.environ, "PYTHONPATH": _python_path()}
        line = first_line_of([*self.program, "version", "--json"], environment)
        try:
            fields = json.loads(line)
            return f"{fields['version']} ({fields['kernel']} kernel, format {fields['format']})"
        except (ValueError, KeyError, TypeError) as error:
            raise EngineMissing(f"does not say its version: {error}") from error

    def environment(self, scratch: Scratch) -> Mapping[str, str]:
        return {**super().environment(scratch), "PYTHONPATH": _python_path()}

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
                return [self.command(scratch, "restore", "latest", "--target", str(scratch.target))]

    def command(self, scratch: Scratch, *arguments: str, as_json: bool = True) -> Command:
        """Return the command for this repository, without a progress bar."""
        output = ["--json"] if as_json else []
        repository = ["--repo", str(scratch.repository)]
        return Command([*self.program, *repository, *output, "--no-progress", *arguments])


def _python_path() -> str:
    """Let `python -m dedupstore` find the checkout; what is installed does not need it."""
    return os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(PROJECT)]))
