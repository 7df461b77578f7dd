"""Runs one command and tells what it cost: wall time, CPU time and peak memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from memory_watch import MemoryWatch

_STDERR_TAIL_BYTES = 4096
# Linux counts ru_maxrss in KiB, macOS in bytes.
_MAXRSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


class CommandFailed(Exception):
    """A measured command could not be started or did not exit with 0."""


@dataclass(frozen=True)
class Command:
    """Arguments, and the folder to run in (None: the current one)."""

    arguments: Sequence[str]
    folder: Path | None = None


@dataclass(frozen=True)
class Measurement:
    """What a command cost. Peak memory is that of its largest single process.

    `peak_private_bytes` is that without what is mapped of files, `peak_mapped_bytes` the latter, if
    they were watched: see `memory_watch`.
    """

    wall_seconds: float
    user_seconds: float
    system_seconds: float
    peak_rss_bytes: int
    peak_private_bytes: int | None = None
    peak_mapped_bytes: int | None = None

    @property
    def cpu_seconds(self) -> float:
        """User and system seconds together."""
        return self.user_seconds + self.system_seconds


def peak_rss_floor_bytes() -> int:
    """Return the smallest peak memory that can be seen.

    A child starts as a copy of this process, and the kernel remembers that size for it. So the
    measuring process must stay small: it streams, and never holds a listing or a file.
    """
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT_BYTES


def measure(
    command: Command,
    environment: Mapping[str, str],
    stdout: Path | None = None,
    *,
    watch: bool = False,
) -> Measurement:
    """Run `command` to its end and return its cost.

    Its standard output goes to the file `stdout`, or nowhere. With `watch`, its memory is
    watched, which disturbs it a little.
    Raises CommandFailed with the last line of its standard error if it does not exit with 0.
    """
    with tempfile.TemporaryFile() as stderr, open(stdout or os.devnull, "wb") as output:
        started = time.monotonic()
        try:
            process = subprocess.Popen(
                command.arguments,
                cwd=command.folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=stderr,
            )
        except OSError as error:
            raise CommandFailed(f"{command.arguments[0]}: {error.strerror}") from error
        memory = MemoryWatch(process.pid)
        with memory if watch else nullcontext():
            status, usage = _wait(process)
        wall_seconds = time.monotonic() - started
        if status != 0:
            raise CommandFailed(_failure(command, status, stderr))
    return Measurement(
        wall_seconds=wall_seconds,
        user_seconds=usage.ru_utime,
        system_seconds=usage.ru_stime,
        peak_rss_bytes=usage.ru_maxrss * _MAXRSS_UNIT_BYTES,
        peak_private_bytes=memory.peak_private_bytes,
        peak_mapped_bytes=memory.peak_mapped_bytes,
    )


def measure_all(
    commands: Iterable[Command], environment: Mapping[str, str], stdout: Path | None = None
) -> Measurement:
    """Run `commands` one after another and return their cost together.

    The file `stdout` is left with the output of the last one.
    """
    costs = [measure(command, environment, stdout) for command in commands]
    return Measurement(
        wall_seconds=sum(cost.wall_seconds for cost in costs),
        user_seconds=sum(cost.user_seconds for cost in costs),
        system_seconds=sum(cost.system_seconds for cost in costs),
        peak_rss_bytes=max((cost.peak_rss_bytes for cost in costs), default=0),
    )


def _wait(process: subprocess.Popen[bytes]) -> tuple[int, resource.struct_rusage]:
    try:
        _, wait_status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    process.returncode = os.waitstatus_to_exitcode(wait_status)
    return process.returncode, usage


def _failure(command: Command, status: int, stderr: IO[bytes]) -> str:
    size = stderr.seek(0, os.SEEK_END)
    stderr.seek(max(0, size - _STDERR_TAIL_BYTES))
    lines = stderr.read().decode(errors="replace").strip().splitlines() or [""]
    name = Path(command.arguments[0]).name
    # What follows the error, such as a hint, does not say what went wrong.
    telling = next((line for line in lines if line.startswith("error:")), lines[-1])
    reason = "".join(character for character in telling if character.isprintable())
    return f"{name} exited with {status}" + (f": {reason}" if reason else "")
