"""Runs dedupstore's commands one after another on one repository and keeps what each cost."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from corpora import footprint
from engines.dedupstore import Dedupstore
from engines.engine import Scratch
from measuring import CommandFailed, Measurement, measure
from options import add_json, add_subject, add_work
from sizes import megabytes

_GENERATOR = Path(__file__).with_name("generated_logs.py")


@dataclass(frozen=True)
class Step:
    """One command: its cost, what it reported, and by how much the repository grew."""

    title: str
    cost: Measurement | None
    reported: dict[str, object]
    repository_growth_bytes: int
    index_growth_bytes: int
    failure: str | None = None

    def as_document(self) -> dict[str, object]:
        """Return the step for a JSON document."""
        return asdict(self)


class Steps:
    """A fresh repository below a scratch folder, and the steps done on it so far.

    With `watch`, private memory is watched: see `measuring.measure`.
    """

    def __init__(self, engine: Dedupstore, work: Path, *, watch: bool = False) -> None:
        self.engine = engine
        self._watch = watch
        self.scratch = Scratch(work / "dedupstore")
        self.scratch.create()
        self.done: list[Step] = []
        self._report = work / "report.json"

    def run(self, title: str, *arguments: str, as_json: bool = True, keep: bool = False) -> Step:
        """Run a command and keep its cost; a failure is kept too, and nothing is raised.

        With `keep`, the numbers of the JSON document that it prints are kept as well.
        """
        before_bytes, index_before_bytes = self._sizes()
        command = self.engine.command(self.scratch, *arguments, as_json=as_json)
        cost, failure = None, None
        reported: dict[str, object] = {}
        try:
            stdout = self._report if keep else None
            environment = self.engine.environment(self.scratch)
            cost = measure(command, environment, stdout, watch=self._watch)
            reported = _numbers(json.loads(self._report.read_bytes())) if keep else {}
        except (CommandFailed, ValueError) as error:
            failure = str(error)
        after_bytes, index_after_bytes = self._sizes()
        step = Step(
            title=title,
            cost=cost,
            reported=reported,
            repository_growth_bytes=after_bytes - before_bytes,
            index_growth_bytes=index_after_bytes - index_before_bytes,
            failure=failure,
        )
        self.done.append(step)
        return step

    def _sizes(self) -> tuple[int, int]:
        repository = self.scratch.repository
        return footprint(repository).apparent_bytes, footprint(repository / "index").apparent_bytes


def _numbers(report: dict[str, object]) -> dict[str, object]:
    """Return what counts, without the names of hosts and folders."""
    return {name: value for name, value in report.items() if isinstance(value, int | float)}


def generate(*arguments: str) -> None:
    """Write logs by a process of their own: what measures must stay small."""
    subprocess.run([sys.executable, str(_GENERATOR), *arguments], check=True)


def grow_log(log: Path, size_bytes: int) -> None:
    """Append lines to a log whose chunks are all new."""
    generate("log", str(log), "--bytes", str(size_bytes), "--first-stamp", str(1 << 40))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that all scripts with steps have."""
    add_json(parser)
    add_work(parser)
    add_subject(parser)


def require_room(parser: argparse.ArgumentParser, work: Path | None, size_bytes: int) -> None:
    """End with wrong usage if there is not that much room where `work_folder` works."""
    free_bytes = shutil.disk_usage(work or tempfile.gettempdir()).free
    if free_bytes < size_bytes:
        wanted = f"{megabytes(size_bytes)} of disk are needed below --work"
        parser.error(f"{wanted}, {megabytes(free_bytes)} are free")


@contextmanager
def work_folder(parent: Path | None) -> Iterator[Path]:
    """Give a new folder below `parent` (None: the system's for temporary files), then delete it."""
    work = Path(tempfile.mkdtemp(prefix="dedupstore-", dir=parent)).resolve()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
