"""Runs one command and tells what it cost, private memory and mapped files apart.

What a process has mapped of files, such as the pages of an index that it has looked at, counts
into its resident size, but the kernel may drop it at any time. What is private it cannot. Linux
tells them apart, but keeps no peak of either: both are looked at every few milliseconds.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from measuring import Command, CommandFailed

_EVERY_SECONDS = 0.005
_STDERR_TAIL_BYTES = 2048


@dataclass(frozen=True)
class Cost:
    """Seconds and peak bytes of one command."""

    wall_seconds: float
    cpu_seconds: float
    private_bytes: int
    mapped_bytes: int


class MemoryWatch:
    """Looks at the memory of a process in a thread until it is stopped."""

    def __init__(self, process_id: int) -> None:
        self.private_bytes = 0
        self.mapped_bytes = 0
        self._path = f"/proc/{process_id}/status"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """End looking."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_SECONDS):
            try:
                with open(self._path, "rb") as file:
                    fields = dict(line.split(b":", 1) for line in file if line.startswith(b"Rss"))
            except (OSError, ValueError):
                return
            self.private_bytes = max(self.private_bytes, _bytes(fields.get(b"RssAnon")))
            self.mapped_bytes = max(self.mapped_bytes, _bytes(fields.get(b"RssFile")))


def measure_memory(command: Command, environment: Mapping[str, str]) -> Cost:
    """Run `command` to its end, its output going nowhere, and return its cost.

    Raises CommandFailed with what it wrote to standard error if it does not exit with 0.
    """
    with tempfile.TemporaryFile() as stderr:
        started = time.monotonic()
        try:
            process = subprocess.Popen(
                command.arguments,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        except OSError as error:
            raise CommandFailed(f"cannot run {command.arguments[0]}: {error.strerror}") from error
        watch = MemoryWatch(process.pid)
        try:
            _, wait_status, usage = os.wait4(process.pid, 0)
            wall_seconds = time.monotonic() - started
        finally:
            watch.stop()
        process.returncode = os.waitstatus_to_exitcode(wait_status)
        if process.returncode != 0:
            size = stderr.seek(0, os.SEEK_END)
            stderr.seek(max(0, size - _STDERR_TAIL_BYTES))
            message = stderr.read().decode(errors="replace").strip()
            raise CommandFailed(f"exited with {process.returncode}: {message}")
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return Cost(wall_seconds, cpu_seconds, watch.private_bytes, watch.mapped_bytes)


def _bytes(value: bytes | None) -> int:
    return int(value.split()[0]) * 1024 if value else 0
