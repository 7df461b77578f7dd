"""The installed command, run as scripts run it: in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Argument = str | bytes | Path
TIMEOUT_SECONDS = 60


def command_path() -> str:
    """Return where ``dedupstore`` is installed: beside the interpreter, or on PATH."""
    beside = Path(sys.executable).with_name("dedupstore")
    found = str(beside) if beside.exists() else shutil.which("dedupstore")
    if found is None:
        raise FileNotFoundError("dedupstore is not installed beside python, nor on PATH")
    return found


@dataclass(frozen=True)
class Outcome:
    """How a run of the command ended."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """Stdout as text."""
        return self.stdout.decode("utf-8")

    @property
    def json(self) -> Any:
        """The one JSON document that is all of stdout."""
        return json.loads(self.text)

    @property
    def json_lines(self) -> list[Any]:
        """Stdout as JSON Lines."""
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def error_lines(self) -> list[str]:
        """The lines on stderr that tell of a failure."""
        return [line for line in self.stderr.splitlines() if line.startswith("error: ")]


@dataclass(frozen=True)
class Dedupstore:
    """Runs the command on one repository, in one working folder."""

    repository: Path
    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Return the environment of the command: ours, and the repository."""
        return {**os.environ, "DEDUPSTORE_REPO": str(self.repository), **self.variables}

    def line(self, arguments: Sequence[Argument]) -> list[bytes]:
        """Return the whole command line."""
        return [os.fsencode(part) for part in (command_path(), *arguments)]

    def run(self, *arguments: Argument, expect: int = 0, stdin: bytes = b"") -> Outcome:
        """Run the command to its end; it must exit with ``expect`` and never show a traceback."""
        outcome = self.attempt(*arguments, stdin=stdin)
        assert outcome.code == expect, outcome
        return outcome

    def run_after(self, code: str, *arguments: Argument) -> Outcome:
        """Run the command in a process that runs ``code`` first, which sets limits for it."""
        starting = f"import os, sys\n{code}\nos.execv(sys.argv[1], sys.argv[1:])"
        return self._finish([sys.executable, "-I", "-c", starting, *self.line(arguments)], b"")

    def attempt(self, *arguments: Argument, stdin: bytes = b"") -> Outcome:
        """Run the command to its end, however it exits, and never with a traceback."""
        return self._finish(self.line(arguments), stdin)

    def _finish(self, line: Sequence[str | bytes], stdin: bytes) -> Outcome:
        done = subprocess.run(
            line,
            input=stdin,
            capture_output=True,
            cwd=self.folder,
            env=self.environment(),
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        stderr = done.stderr.decode("utf-8", "backslashreplace")
        assert "Traceback" not in stderr, stderr
        assert "this is a bug" not in stderr, stderr
        return Outcome(done.returncode, done.stdout, stderr)

    def start(self, *arguments: Argument, **settings: Any) -> subprocess.Popen[bytes]:
        """Start the command and return its process."""
        return subprocess.Popen(
            self.line(arguments), cwd=self.folder, env=self.environment(), **settings
        )

    def snapshot(self, *arguments: Argument) -> dict[str, Any]:
        """Take a snapshot and return its JSON."""
        result: dict[str, Any] = self.run("snapshot", "--json", *arguments).json
        return result
