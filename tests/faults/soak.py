"""Real processes on one repository, ended by SIGKILL at random moments, round after round.

In each round several commands run at once: snapshots of logs that have lived on, restores, checks,
prunes, forgets, holds, releases, repairs, and what makes or removes parity. Some are killed, and
the index may be lost beneath them. When all have ended, it may be lost or put back to an earlier
state; then check must find nothing wrong, and every snapshot that is listed must restore, byte for
byte, to the files that it was taken of. Then a pack may be damaged, see ``soak_damage``.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dedupstore
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.tree_reader import content_extents
from dedupstore.format.entry import entry_contents
from faults.soak_damage import DamageCounts, Losses, damage_a_pack
from faults.soak_logs import Digests, LivingLogs, digests_of

SETS = ("alpha", "beta", "gamma")
KEEP_LAST = (3, 4, 5)
PARITY_PERCENT = "10"
TYPICAL_SECONDS = 0.5
HANGING_SECONDS = 120.0
POLL_SECONDS = 0.002
HOLE = bytes(512)

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_DAMAGE = 4
EXIT_KILLED = -9


@dataclass
class Counts:
    """What a soak has done, and what it has found."""

    rounds: int = 0
    finished: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    indexes_spoiled: int = 0
    indexes_spoiled_beneath: int = 0
    snapshots_of_killed: int = 0
    snapshots_removed: int = 0
    snapshots_verified: int = 0
    bytes_compared: int = 0
    bytes_lost: int = 0
    damage: DamageCounts = field(default_factory=DamageCounts)
    defects: list[str] = field(default_factory=list)


@dataclass
class Plan:
    """One command of a round: what it works on, and whether what it reads may vanish meanwhile."""

    kind: str
    arguments: list[str]
    set_name: str = ""
    snapshot: str = ""
    target: Path | None = None


@dataclass
class Run:
    """A command at work, or one that has ended."""

    plan: Plan
    process: subprocess.Popen[bytes]
    output: Path
    began_seconds: float
    kill_after_seconds: float | None
    seconds: float = 0.0

    @property
    def code(self) -> int:
        """The exit code, or minus the number of the signal that ended it."""
        return int(self.process.returncode)

    @property
    def said(self) -> str:
        """What it wrote on stderr."""
        return self.output.with_suffix(".err").read_text(errors="replace")

    @property
    def document(self) -> Any:
        """The JSON document that it wrote on stdout."""
        return json.loads(self.output.with_suffix(".out").read_bytes())


class Soak:
    """A repository in ``folder`` under the command ``program``; all chance comes from ``seed``."""

    def __init__(self, program: Sequence[str], folder: Path, seed: int) -> None:
        self.counts = Counts()
        self.repository = folder / "repository"
        self._program = list(program)
        self._folder = folder
        self._random = random.Random(seed)
        self._environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
        self._logs = {name: LivingLogs(folder / name, seed + n) for n, name in enumerate(SETS)}
        self._trees: dict[str, Digests] = {}
        self._by_set: dict[str, list[str]] = {name: [] for name in SETS}
        self._held: set[str] = set()
        self._typical_seconds: dict[str, float] = {}
        self._call("init", "--chunk-size", "4KiB")
        self._call("policy", "set", "--keep-last", str(max(KEEP_LAST)))
        self._has_parity = importlib.util.find_spec("pyeclib") is not None

    def run(self, seconds: float) -> Counts:
        """Run rounds for about ``seconds``; stop after a round that has found a defect."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.counts.defects:
            self.run_round()
        return self.counts

    def run_round(self) -> None:
        """Let the logs live on, run some commands at once, and look at what they leave."""
        self.counts.rounds += 1
        for name, logs in self._logs.items():
            logs.live_on([other for key, other in self._logs.items() if key != name])
        trees = {name: logs.digests() for name, logs in self._logs.items()}
        scratch = self._folder / "round"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        earlier_index = scratch / "index"
        if (self.repository / "index").exists():
            shutil.copytree(self.repository / "index", earlier_index)
        plans = self._plan(scratch)
        self._random.shuffle(plans)
        removable = self._removable(plans)
        runs = self._run_all(plans, scratch)
        for run in runs:
            self._judge(run, removable)
        self._spoil_index(earlier_index)
        self._look(runs, removable, trees, scratch / "out")
        if self._random.random() < 0.3 and not self.counts.defects:
            self._damage(trees, scratch / "out")

    # What is done.

    def _plan(self, scratch: Path) -> list[Plan]:
        chance = self._random.random
        snapshots = list(self._trees)
        plans = [
            Plan("snapshot", ["--set", name, str(self._logs[name].folder)], set_name=name)
            for name in SETS
            if chance() < 0.8
        ]
        for number in range(self._random.randrange(3) if snapshots else 0):
            target = scratch / f"restored-{number}"
            snapshot = self._random.choice(snapshots)
            plans.append(
                Plan(
                    "restore",
                    [snapshot, "--target", str(target)],
                    snapshot=snapshot,
                    target=target,
                )
            )
        if chance() < 0.3:
            plans.append(Plan("check", ["--data"] if chance() < 0.5 else []))
        if chance() < 0.6:
            keep_last = ["--keep-last", str(self._random.choice(KEEP_LAST))]
            plans.append(Plan("prune", keep_last if chance() < 0.5 else []))
        for kind in ("forget", "hold", "release"):
            chosen = [*self._held] if kind == "release" else snapshots
            if chosen and chance() < 0.3:
                snapshot = self._random.choice(sorted(chosen))
                plans.append(Plan(kind, [snapshot], snapshot=snapshot))
        return plans + self._plan_care()

    def _plan_care(self) -> list[Plan]:
        """Plan what finds nothing to do, or changes nothing that snapshots need."""
        chance = self._random.random
        plans = []
        if chance() < 0.2:
            plans.append(Plan("repair", []))
        if chance() < 0.2:
            keep_last = ["--keep-last", str(self._random.choice(KEEP_LAST))]
            plans.append(Plan("policy", ["set", "--set", self._random.choice(SETS), *keep_last]))
        if self._has_parity and chance() < 0.2:
            percent = ["--parity", PARITY_PERCENT]
            plans.append(Plan("protect", percent if chance() < 0.7 else ["--remove"]))
        return plans

    def _removable(self, plans: list[Plan]) -> set[str]:
        """Return the snapshots that the commands of a round may remove."""
        released = {plan.snapshot for plan in plans if plan.kind == "release"}
        held = self._held - released
        found = {plan.snapshot for plan in plans if plan.kind == "forget"}
        if any(plan.kind == "prune" for plan in plans):
            # A snapshot that is made meanwhile may take the place of the oldest that is kept; one
            # that is forgotten meanwhile only ever keeps others.
            for snapshots in self._by_set.values():
                free = [id_ for id_ in snapshots if id_ not in held]
                found.update(free[: max(0, len(free) - (min(KEEP_LAST) - 1))])
        return found - held

    def _run_all(self, plans: list[Plan], scratch: Path) -> list[Run]:
        runs: list[Run] = []
        for number, plan in enumerate(plans):
            runs.append(self._start(plan, scratch / f"{number}-{plan.kind}"))
            time.sleep(self._random.random() * 0.05)
        waiting = list(runs)
        spoils_after_seconds = self._random.random() if self._random.random() < 0.3 else None
        began_seconds = time.monotonic()
        while waiting:
            time.sleep(POLL_SECONDS)
            now = time.monotonic()
            if spoils_after_seconds is not None and now - began_seconds > spoils_after_seconds:
                spoils_after_seconds = None
                self._spoil_index_beneath()
            for run in waiting:
                elapsed_seconds = now - run.began_seconds
                if run.process.poll() is not None:
                    run.seconds = elapsed_seconds
                elif run.kill_after_seconds and elapsed_seconds > run.kill_after_seconds:
                    run.process.kill()
                elif elapsed_seconds > HANGING_SECONDS:
                    run.process.kill()
                    self._defect(f"{run.plan.kind} does not end")
            waiting = [run for run in waiting if run.process.returncode is None]
        return runs

    def _start(self, plan: Plan, output: Path) -> Run:
        kill_after_seconds = None
        if self._random.random() < 0.4:
            typical_seconds = self._typical_seconds.get(plan.kind, TYPICAL_SECONDS)
            kill_after_seconds = typical_seconds * self._random.uniform(0.3, 1.3)
        command = [*self._program, "--repo", str(self.repository), "--json", "--lock-wait", "60s"]
        with (
            output.with_suffix(".out").open("wb") as stdout,
            output.with_suffix(".err").open("wb") as stderr,
        ):
            process = subprocess.Popen(
                [*command, plan.kind, *plan.arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        return Run(plan, process, output, time.monotonic(), kill_after_seconds)

    def _call(self, *arguments: str) -> bytes:
        """Run a command by itself, which must succeed, and return what it wrote on stdout."""
        command = [*self._program, "--repo", str(self.repository), *arguments]
        done = subprocess.run(command, env=self._environment, check=False, capture_output=True)
        if done.returncode != EXIT_DONE:
            self._defect(f"{arguments} ended with {done.returncode}: {done.stderr.decode()}")
        return done.stdout

    def _spoil_index_beneath(self) -> None:
        """Lose the index, or part of it, while commands use it."""
        index = self.repository / "index"
        chance = self._random.random()
        if chance < 0.4:
            (index / "CURRENT").unlink(missing_ok=True)
        elif chance < 0.8:
            for generation in index.glob("generation-*"):
                shutil.rmtree(generation, ignore_errors=True)
        else:
            shutil.rmtree(index, ignore_errors=True)
        self.counts.indexes_spoiled_beneath += 1

    def _spoil_index(self, earlier_index: Path) -> None:
        """Lose the index in one of several ways, sometimes: it may always be lost."""
        index = self.repository / "index"
        chance = self._random.random()
        if chance < 0.1:
            shutil.rmtree(index, ignore_errors=True)
        elif chance < 0.2 and earlier_index.exists():
            shutil.rmtree(index, ignore_errors=True)
            shutil.copytree(earlier_index, index)
        elif chance < 0.25:
            (index / "CURRENT").unlink(missing_ok=True)
        else:
            return
        self.counts.indexes_spoiled += 1

    # What is found.

    def _judge(self, run: Run, removable: set[str]) -> None:
        """Count how a command ended, and what about that must not be."""
        kind = run.plan.kind
        if "Traceback" in run.said:
            self._defect(f"{kind} ended in a traceback: {run.said}")
        if run.code == EXIT_KILLED:
            self.counts.killed[kind] += 1
        elif run.code == EXIT_DONE:
            self.counts.finished[kind] += 1
            known_seconds = self._typical_seconds.get(kind, run.seconds)
            self._typical_seconds[kind] = 0.8 * known_seconds + 0.2 * run.seconds
            if run.plan.target is not None:
                self._compare(run.plan.snapshot, run.plan.target, "a restore beside others")
            if kind == "repair":
                self._require_nothing_repaired(run.document)
        elif run.code == EXIT_FAILED and run.plan.snapshot in (
            removable | self._held if kind == "forget" else removable
        ):
            self.counts.refused[kind] += 1
        else:
            self._defect(f"{kind} ended with {run.code}: {run.said}")

    def _require_nothing_repaired(self, report: Any) -> None:
        actions = [item for item in report["actions"] if item["kind"] != "rebuild-index"]
        if actions or report["remaining"]:
            self._defect(f"repair finds something to do: {actions} {report['remaining']}")

    def _look(
        self, runs: list[Run], removable: set[str], trees: dict[str, Digests], target: Path
    ) -> None:
        with dedupstore.open_repository(self.repository) as repository:
            report = dedupstore.check(repository, dedupstore.CheckOptions(data=True))
            for finding in report.findings:
                if finding.severity is dedupstore.Severity.ERROR:
                    self._defect(f"check: {finding.kind} {finding.object} {finding.detail}")
            listed = dedupstore.list_snapshots(repository)
            held = {id_.hex() for id_ in dedupstore.held_snapshots(repository)}
            self._take_in(listed, runs, removable, trees)
            self._take_in_holds(runs, held)
            for snapshot in listed:
                if snapshot.id.hex() not in self._trees:
                    continue
                shutil.rmtree(target, ignore_errors=True)
                restored = dedupstore.restore(repository, snapshot, target)
                if restored.failed:
                    self._defect(f"{snapshot.id.hex()} restores only in part: {restored.failed}")
                self._compare(snapshot.id.hex(), target, "a restore afterwards")
                self.counts.snapshots_verified += 1

    def _take_in(
        self,
        listed: list[dedupstore.Snapshot],
        runs: list[Run],
        removable: set[str],
        trees: dict[str, Digests],
    ) -> None:
        """Compare what is listed with what must be, and learn of new snapshots."""
        by_set: dict[str, list[str]] = {name: [] for name in SETS}
        for snapshot in listed:
            by_set[snapshot.record.set_name].append(snapshot.id.hex())
        present = {id_ for snapshots in by_set.values() for id_ in snapshots}
        for id_ in self._trees.keys() - present:
            if id_ not in removable:
                self.counts.bytes_lost += sum(size for size, _ in self._trees[id_].values())
                self._defect(f"snapshot {id_} has vanished")
            del self._trees[id_]
            self.counts.snapshots_removed += 1
        for run in runs:
            if run.plan.kind == "snapshot":
                self._take_in_new(run, by_set[run.plan.set_name], trees)
            elif run.code == EXIT_DONE and run.plan.kind in ("prune", "forget"):
                for removed in run.document["removed"]:
                    id_ = removed["snapshot"] if isinstance(removed, dict) else removed
                    if id_ in present:
                        self._defect(f"{run.plan.kind} said {id_} was removed, and it is there")
        for id_ in present - self._trees.keys():
            self._defect(f"snapshot {id_} was made by nobody")
        self._by_set = by_set

    def _take_in_holds(self, runs: list[Run], held: set[str]) -> None:
        """Compare what is held with what must be."""
        released = {run.plan.snapshot for run in runs if run.plan.kind == "release"}
        changed = {
            kind: {
                run.plan.snapshot for run in runs if run.plan.kind == kind and run.code == EXIT_DONE
            }
            for kind in ("hold", "release")
        }
        there = held & self._trees.keys()
        for id_ in ((changed["hold"] | self._held) - released) - there:
            self._defect(f"{id_} was held, and is not held or is gone")
        for id_ in changed["release"] & held:
            if not any(run.plan.kind == "hold" and run.plan.snapshot == id_ for run in runs):
                self._defect(f"{id_} was released, and is held")
        self._held = there

    def _take_in_new(self, run: Run, of_set: list[str], trees: dict[str, Digests]) -> None:
        new = [id_ for id_ in of_set if id_ not in self._trees]
        if run.code == EXIT_DONE and new != [run.document["snapshot"]]:
            self._defect(f"a snapshot was made, but new in its set are {new}")
        if run.code == EXIT_KILLED:
            self.counts.snapshots_of_killed += len(new)
        for id_ in new[:1]:
            self._trees[id_] = trees[run.plan.set_name]

    # Damage.

    def _damage(self, trees: dict[str, Digests], target: Path) -> None:
        """Damage a pack and repair; then store what the logs still have, and give up the rest."""
        counts = self.counts.damage
        how = damage_a_pack(self.repository, self._random)
        if how is None:
            return
        counts.packs[how] += 1
        self._repair()
        before = self._losses(target)
        if not before:
            counts.repaired_whole += 1
        else:
            healable = self._healable(before, trees)
            for name, logs in self._logs.items():
                document = json.loads(
                    self._call("--json", "snapshot", "--set", name, str(logs.folder))
                )
                self._trees[document["snapshot"]] = trees[name]
                self._by_set[name].append(document["snapshot"])
            after = self._losses(target)
            self._require_healed(before, after, healable)
            counts.files_lost += sum(map(len, before.values()))
            counts.files_healed += sum(len(before[id_] - after.get(id_, set())) for id_ in before)
            self._give_up(after)
        with dedupstore.open_repository(self.repository) as repository:
            for finding in dedupstore.check(repository).findings:
                if finding.severity is dedupstore.Severity.ERROR:
                    self._defect(f"check after a repair: {finding.kind} {finding.detail}")
        shutil.rmtree(self.repository / "quarantine", ignore_errors=True)

    def _repair(self) -> None:
        command = [*self._program, "--repo", str(self.repository), "--json", "repair"]
        for number in range(2):
            done = subprocess.run(command, env=self._environment, check=False, capture_output=True)
            if done.returncode not in (EXIT_DONE, EXIT_DAMAGE) or b"Traceback" in done.stderr:
                self._defect(f"repair ended with {done.returncode}: {done.stderr.decode()}")
            elif number and json.loads(done.stdout)["actions"]:
                self._defect(f"a second repair finds something to do: {done.stdout.decode()}")

    def _losses(self, target: Path) -> dict[str, set[str]]:
        losses = Losses(self._trees, target, self._defect)
        with dedupstore.open_repository(self.repository) as repository:
            losses.find(repository)
        return losses.files

    def _require_healed(
        self,
        before: dict[str, set[str]],
        after: dict[str, set[str]],
        healable: set[tuple[str, str]],
    ) -> None:
        """Fail where something is lost that must be healed, or that was not lost before."""
        for id_, names in after.items():
            for name in names:
                if name not in before.get(id_, ()):
                    self._defect(f"{name} of {id_} is lost, and was not before a snapshot")
                elif (id_, name) in healable:
                    self._defect(f"{name} of {id_} is lost, though it was stored again")

    def _healable(
        self, lost: dict[str, set[str]], trees: dict[str, Digests]
    ) -> set[tuple[str, str]]:
        """Return the files, by snapshot and name, that the next snapshots must heal.

        They are stored as the newest snapshot of a set has a file that is there unchanged, so that
        its chunk list is followed. Equal bytes that were cut otherwise heal nothing; nor does what
        is a hole in one snapshot and zeros in another.
        """
        followed = set()
        for set_name, ids in self._by_set.items():
            newest = self._stored_lists(ids[-1]) if ids else {}
            for name, stored in newest.items():
                there = trees[set_name].get(name)
                if there is None or there != self._trees[ids[-1]].get(name):
                    continue
                if HOLE not in (Path("/") / name).read_bytes():
                    followed.add(stored)
        return {
            (id_, name)
            for id_, names in lost.items()
            for name, stored in self._stored_lists(id_).items()
            if name in names and stored in followed
        }

    def _stored_lists(self, id_: str) -> dict[str, object]:
        """Return how each file of a snapshot is stored, as far as its lists can be read."""
        stored: dict[str, object] = {}
        with (
            dedupstore.open_repository(self.repository) as repository,
            ChunkReader(repository) as reader,
            suppress(dedupstore.DedupstoreError),
        ):
            snapshot = dedupstore.load_snapshot(repository, bytes.fromhex(id_))
            for entry in dedupstore.list_entries(repository, snapshot):
                with suppress(dedupstore.DedupstoreError):
                    for content in entry_contents(entry):
                        deque(content_extents(reader, content), maxlen=0)
                    stored[os.fsdecode(entry.path)] = (entry.content, entry.twin)
        return stored

    def _give_up(self, lost: dict[str, set[str]]) -> None:
        counts = self.counts.damage
        for id_ in lost.keys() & self._held:
            self._call("release", id_)
        if lost:
            self._call("forget", *sorted(lost))
        for id_, names in lost.items():
            counts.snapshots_given_up += 1
            counts.files_given_up += len(names)
            tree = self._trees.pop(id_)
            counts.bytes_given_up += sum(tree[name][0] for name in names)
        self._held -= lost.keys()
        for snapshots in self._by_set.values():
            snapshots[:] = [id_ for id_ in snapshots if id_ not in lost]

    def _compare(self, snapshot: str, target: Path, what: str) -> None:
        expected, found = self._trees[snapshot], digests_of(target, target)
        wrong = {name for name, value in expected.items() if found.get(name) != value}
        self.counts.bytes_compared += sum(size for size, _ in expected.values())
        self.counts.bytes_lost += sum(expected[name][0] for name in wrong)
        if wrong or found.keys() != expected.keys():
            others = sorted(wrong | (found.keys() - expected.keys()))
            self._defect(f"{what} of {snapshot} brings other files: {others}")

    def _defect(self, text: str) -> None:
        self.counts.defects.append(f"round {self.counts.rounds}: {text}")


def make_scratch_folder(seed: int) -> Path:
    """Return a new folder for a soak, in memory where there is room: syncing is free there."""
    memory = "/dev/shm"
    usable = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 << 30
    place = memory if usable else None
    return Path(tempfile.mkdtemp(prefix=f"dedupstore-soak-{seed}-", dir=place))
