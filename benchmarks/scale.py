"""Measures how the cost of each command grows with the repository: 1, 3 and 10 million chunks.

Everything grows alike: chunks, snapshots, files in each snapshot, packs. The largest has 10 million
chunks, 5,000 snapshots of a million files, and 20,000 packs. With ``--chunks-only`` nothing grows
but the chunks. Run it with the Python that dedupstore is installed in: the repositories are
generated with it.

CPU time is judged, since wall time is the machine's as much as the program's. Of memory what is
private is judged: the kernel may drop the pages of the index that are mapped.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from corpora import footprint
from engines.dedupstore import Dedupstore
from engines.engine import EngineMissing, Scratch
from generated_host import FIRST_STATE
from machine import describe_machine, describe_project
from measuring import Command, CommandFailed
from memory_kinds import Cost, measure_memory
from sizes import megabytes
from steps import add_options, generate, work_folder
from tables import align

_SIZES = (1_000_000, 3_000_000, 10_000_000)
_CHUNKS_PER_SNAPSHOT = 2000
_CHUNKS_PER_FILE = 10
_CHUNKS_PER_PACK = 800
_SMALL_FOLDER_FILES = 20
_KEEP_SHARE = 0.09
_KEEP_WEEKLY = 6
_TIME_GROWTH_MAX = 1.15
_PRIVATE_GROWTH_MAX = 1.1
_PRIVATE_BYTES_MAX = 300_000_000
# What is kept of each pack, and of its share of snapshots and pieces of manifests.
_PRIVATE_BYTES_PER_PACK_MAX = 16_000
_NOISE_SECONDS = 0.1
_NOISE_BYTES = 8_000_000
_SET = "--set=log-host"
_START = "version"
_REBUILD = """
import sys
import dedupstore
with dedupstore.open_repository(sys.argv[1]) as repository:
    repository.rebuild_index()
"""


@dataclass(frozen=True)
class Measured:
    """One command on one repository: the medians of its runs, or why it failed."""

    chunks: int
    packs: int
    title: str
    cost: Cost | None
    failure: str = ""


@dataclass(frozen=True)
class Verdict:
    """How a command's cost grew from one repository to a larger one, and how much it may."""

    title: str
    what: str
    chunks_growth: float
    growth: float
    growth_max: float
    met: bool


@dataclass(frozen=True)
class Shape:
    """How large a generated repository is; see ``generated_repository``."""

    chunks: int
    snapshots: int
    files: int
    pack_chunks: int

    @property
    def packs(self) -> int:
        """About how many packs there are."""
        return self.chunks // self.pack_chunks + self.snapshots

    @classmethod
    def of(cls, chunks: int, alike: int) -> Shape:
        """Return the shape for ``chunks``, all else being as for ``alike`` chunks."""
        return cls(
            chunks=chunks,
            snapshots=alike // _CHUNKS_PER_SNAPSHOT,
            files=alike // _CHUNKS_PER_FILE,
            pack_chunks=_CHUNKS_PER_PACK * chunks // alike,
        )


class Repository:
    """A generated repository and the commands that are measured on it."""

    def __init__(self, engine: Dedupstore, work: Path, shape: Shape, runs: int) -> None:
        self._engine = engine
        self._scratch = Scratch(work / "dedupstore")
        self._scratch.create()
        self._logs = work / "small"
        self._shape = shape
        self._runs = runs
        self.measured: list[Measured] = []

    def make(self, ready: Path | None) -> None:
        """Generate the repository, or take a copy of one that is there."""
        if ready is not None:
            shutil.copytree(ready, self._scratch.repository)
        else:
            generator = Path(__file__).with_name("generated_repository.py")
            options = [
                f"--{name.replace('_', '-')}={value}" for name, value in asdict(self._shape).items()
            ]
            command = [sys.executable, str(generator), str(self._scratch.repository), *options]
            subprocess.run(command, check=True)
        generate("files", str(self._logs), "--files", str(_SMALL_FOLDER_FILES))

    @property
    def index_bytes(self) -> int:
        """The size of the index."""
        return footprint(self._scratch.repository / "index").apparent_bytes

    def measure_small(self) -> None:
        """Run what builds the index, and the commands that should hardly depend on the size."""
        state = "/" + FIRST_STATE.decode()
        restore = ("--target", str(self._scratch.target), "--overwrite", "always")
        self._run(_START, self._command("version"))
        rebuild = Command([sys.executable, "-c", _REBUILD, str(self._scratch.repository)])
        self._run("index rebuild", rebuild, runs=1, before=self._lose_index)
        self._run("list", self._command("list"))
        small = ("snapshot", str(self._logs), "--set=small")
        self._run("snapshot, small, first", self._command(*small), runs=1)
        self._run("snapshot, small, unchanged", self._command(*small))
        folder = str(Path(state).parent)
        self._run("ls of one folder", self._command("ls", "latest", folder, _SET))
        self._run("cat of one file", self._command("cat", "latest", state, _SET, as_json=False))
        self._run("restore of one file", self._command("restore", "latest", state, _SET, *restore))

    def measure_whole(self) -> None:
        """Run the commands that go through the whole repository, those that change most last."""
        keep_last = max(1, round(self._shape.snapshots * _KEEP_SHARE))
        policy = (_SET, f"--keep-last={keep_last}", f"--keep-weekly={_KEEP_WEEKLY}")
        self._run("check", self._command("check"), runs=1)
        self._run("prune, dry run", self._command("prune", "--dry-run", *policy), runs=1)
        self._run("prune", self._command("prune", *policy), runs=1)
        self._run("prune, nothing to do", self._command("prune", *policy), runs=1)
        self._run("check after it", self._command("check"), runs=1)

    def _command(self, *arguments: str, as_json: bool = True) -> Command:
        return self._engine.command(self._scratch, *arguments, as_json=as_json)

    def _lose_index(self) -> None:
        shutil.rmtree(self._scratch.repository / "index", ignore_errors=True)

    def _run(
        self,
        title: str,
        command: Command,
        *,
        runs: int | None = None,
        before: Callable[[], None] | None = None,
    ) -> None:
        environment = self._engine.environment(self._scratch)
        costs = []
        try:
            for _ in range(runs or self._runs):
                if before is not None:
                    before()
                costs.append(measure_memory(command, environment))
            measured = Measured(self._shape.chunks, self._shape.packs, title, _median(costs))
        except CommandFailed as error:
            measured = Measured(self._shape.chunks, self._shape.packs, title, None, str(error))
        self.measured.append(measured)
        print("  ".join(_row(measured)), file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 0 if nothing failed and every verdict is met, else 1."""
    parser = _parser()
    options = parser.parse_args(arguments)
    sizes = sorted(options.chunks)
    ready = options.repositories or [None] * len(sizes)
    if len(ready) != len(sizes):
        parser.error("--repositories needs one folder for each size")
    engine = Dedupstore(options.dedupstore)
    measured: list[Measured] = []
    index_bytes: dict[int, int] = {}
    try:
        version = engine.version()
        for chunks, folder in zip(sizes, ready, strict=True):
            shape = Shape.of(chunks, sizes[0] if options.chunks_only else chunks)
            with work_folder(options.work) as work:
                repository = Repository(engine, work, shape, options.runs)
                repository.make(folder)
                repository.measure_small()
                if not options.quick:
                    repository.measure_whole()
                measured += repository.measured
                index_bytes[chunks] = repository.index_bytes
    except (EngineMissing, CommandFailed, subprocess.CalledProcessError) as error:
        print(f"dedupstore: {error}", file=sys.stderr)
        return 1
    verdicts = _verdicts(measured)
    print("\n".join(align([_HEAD, *map(_row, measured)])), end="\n\n")
    print("\n".join(map(_verdict_line, verdicts)))
    if options.json:
        document = {
            "version": version,
            "machine": describe_machine(),
            "project": describe_project(),
            "chunks_only": options.chunks_only,
            "index_bytes": index_bytes,
            "measured": [asdict(one) for one in measured],
            "verdicts": [asdict(verdict) for verdict in verdicts],
        }
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    failed = any(one.cost is None for one in measured)
    return 1 if failed or not all(verdict.met for verdict in verdicts) else 0


def _verdicts(measured: Sequence[Measured]) -> list[Verdict]:
    """Hold each size against the next smaller one, what a start costs subtracted."""
    costs = {(one.title, one.chunks): one.cost for one in measured if one.cost is not None}
    packs = {one.chunks: one.packs for one in measured}
    sizes = sorted({one.chunks for one in measured})
    verdicts = []
    for smaller, larger in pairwise(sizes):
        for title in dict.fromkeys(one.title for one in measured if one.title != _START):
            pair = costs.get((title, smaller)), costs.get((title, larger))
            starts = costs.get((_START, smaller)), costs.get((_START, larger))
            if pair[0] and pair[1] and starts[0] and starts[1]:
                verdicts.append(_time_verdict(title, larger / smaller, pair, starts))
                verdicts.append(
                    _memory_verdict(title, larger / smaller, packs[larger] - packs[smaller], pair)
                )
    return verdicts


def _time_verdict(
    title: str, chunks_growth: float, pair: tuple[Cost, Cost], starts: tuple[Cost, Cost]
) -> Verdict:
    before, after = (
        max(_NOISE_SECONDS, cost.cpu_seconds - start.cpu_seconds)
        for cost, start in zip(pair, starts, strict=True)
    )
    growth_max = chunks_growth * _TIME_GROWTH_MAX
    growth = after / before
    return Verdict(title, "CPU time", chunks_growth, growth, growth_max, growth <= growth_max)


def _memory_verdict(
    title: str, chunks_growth: float, packs_more: int, pair: tuple[Cost, Cost]
) -> Verdict:
    before, after = (cost.private_bytes for cost in pair)
    allowed_bytes = _NOISE_BYTES + packs_more * _PRIVATE_BYTES_PER_PACK_MAX
    growth_max = max(_PRIVATE_GROWTH_MAX, (before + allowed_bytes) / before)
    growth = after / before
    met = growth <= growth_max and after <= _PRIVATE_BYTES_MAX
    return Verdict(title, "private memory", chunks_growth, growth, growth_max, met)


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        wall_seconds=statistics.median(cost.wall_seconds for cost in costs),
        cpu_seconds=statistics.median(cost.cpu_seconds for cost in costs),
        private_bytes=max(cost.private_bytes for cost in costs),
        mapped_bytes=max(cost.mapped_bytes for cost in costs),
    )


_HEAD = ["command", "chunks", "wall", "CPU", "private", "mapped"]


def _row(measured: Measured) -> list[str]:
    head = [measured.title, f"{measured.chunks:,}"]
    cost = measured.cost
    if cost is None:
        return [*head, measured.failure, "", "", ""]
    seconds = [f"{cost.wall_seconds:.2f} s", f"{cost.cpu_seconds:.2f} s"]
    return [*head, *seconds, megabytes(cost.private_bytes), megabytes(cost.mapped_bytes)]


def _verdict_line(verdict: Verdict) -> str:
    passed = "pass" if verdict.met else "MISS"
    return (
        f"[{passed}] {verdict.title}: {verdict.what} {verdict.growth:.2f} times with "
        f"{verdict.chunks_growth:.1f} times the chunks, at most {verdict.growth_max:.2f}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--chunks",
        type=int,
        nargs="+",
        default=_SIZES,
        metavar="N",
        help="sizes of the repositories (default 1000000 3000000 10000000)",
    )
    parser.add_argument(
        "--repositories",
        type=Path,
        nargs="+",
        metavar="DIR",
        help="measure copies of these, one for each size, the smallest first; generate nothing",
    )
    parser.add_argument(
        "--chunks-only",
        action="store_true",
        help="let only the chunks grow, not packs, snapshots and files with them",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="leave out check and prune, which take most of the time",
    )
    parser.add_argument(
        "--runs", type=int, default=3, metavar="N", help="of the quick commands (default 3)"
    )
    add_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
