"""Lets engines take snapshots of a replayed month in turn, then proves what they stored."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from corpora import Corpus, RestoreDiffers, footprint, restored_root
from documents import Head
from engines.dedupstore import Dedupstore
from engines.engine import Archiver, EngineMissing, Scratch
from log_host import LogHost, require_state, state_of
from measuring import Command, CommandFailed, measure, measure_all
from month_results import EngineMonth, Month, Step
from results import Status
from rotated_logs import daily_logs

_REPORTED = (
    "bytes_read", "bytes_new", "bytes_stored", "files_grown", "files_renamed",
)  # fmt: skip
_REST_SECONDS = 0.05


class NoLogs(Exception):
    """There is nothing to replay."""


@dataclass(frozen=True)
class Plan:
    """What to replay, for whom (the subject first), and the folder `work` for all that is made."""

    engines: Sequence[Archiver]
    sources: Sequence[Corpus]
    days: int
    snapshots_a_day: int
    keep_days: int
    upkeep_days: int
    seed: int
    work: Path


def replay_month(plan: Plan) -> Month:
    """Replay the days; after each step every engine takes a snapshot of the same state.

    Each step begins with another engine. An engine that fails is left out of what follows.
    Afterwards every snapshot of the subject is restored and compared, and the last of each peer.
    Raises NoLogs if the sources hold none.
    """
    head = Head.now()
    source = random.Random(plan.seed)
    logs = daily_logs(plan.sources, plan.work / "texts", plan.days, source)
    if not logs:
        raise NoLogs("there is nothing in these folders that can be replayed")
    host = LogHost(
        plan.work / "host",
        logs,
        days=plan.days,
        steps_a_day=plan.snapshots_a_day,
        keep_days=plan.keep_days,
        source=source,
    )
    runs = [_Run(engine, plan.work) for engine in plan.engines]
    states = plan.work / "states"
    states.mkdir()
    steps = []
    new_gz_bytes = 0
    for day in range(plan.days):
        print(f"day {day + 1} of {plan.days}", file=sys.stderr)
        for number in range(plan.snapshots_a_day):
            new_text_bytes = host.grow(day, number)
            there = footprint(host.root)
            steps.append(
                Step(
                    day=day,
                    step=number,
                    files=there.files,
                    bytes=there.apparent_bytes,
                    new_text_bytes=new_text_bytes,
                    new_gz_bytes=new_gz_bytes,
                )
            )
            new_gz_bytes = 0
            # Kept on disk: the process that measures must stay small.
            _state_file(states, len(steps)).write_text(json.dumps(state_of(host.root)))
            # Hours lie between a change and the next snapshot on a host; within the same tick of
            # the clock, engines rightly distrust the times of a file.
            time.sleep(_REST_SECONDS)
            for place in range(len(runs)):
                runs[(place + len(steps)) % len(runs)].take(host.root, f"{len(steps):05}")
        if plan.upkeep_days and (day + 1) % plan.upkeep_days == 0:
            for run in runs:
                run.tidy_up()
        new_gz_bytes = host.midnight(day)
    for run in runs:
        run.prove(host.root, states, len(steps))
    return Month(
        head=head,
        sources=plan.sources,
        logs=len(logs),
        days=plan.days,
        snapshots_a_day=plan.snapshots_a_day,
        keep_days=plan.keep_days,
        upkeep_days=plan.upkeep_days,
        seed=plan.seed,
        steps=steps,
        engines=[run.result for run in runs],
    )


def _state_file(states: Path, number: int) -> Path:
    return states / f"{number:05}.json"


class _Run:
    """One engine with its repository and caches, which live through the whole replay."""

    def __init__(self, engine: Archiver, work: Path) -> None:
        self.engine = engine
        self.result = EngineMonth(engine.name, engine.role, engine.settings)
        self._scratch = Scratch(work / engine.name)
        self._environment = engine.environment(self._scratch)
        self._report = work / "report.json"
        try:
            self.result.version = engine.version()
            self._scratch.create()
            for command in engine.initialize(self._scratch):
                measure(command, self._environment)
        except EngineMissing as error:
            self.result.status, self.result.reason = Status.MISSING, str(error)
        except CommandFailed as error:
            self._fail(error)

    def take(self, root: Path, name: str) -> None:
        """Take the snapshot called `name` and keep what it cost."""
        if not self.result.sound:
            return
        # What another engine has left to be written must not be this one's burden.
        os.sync()
        commands = self.engine.snapshot(self._scratch, [str(root)], name)
        try:
            self.result.costs.append(measure_all(commands, self._environment, self._report))
            self.result.snapshots.append(self._heed_report() or name)
        except (CommandFailed, ValueError, KeyError) as error:
            self._fail(error)

    def tidy_up(self) -> None:
        """Let the engine do what it does once in a while, and keep what that cost."""
        commands = self.engine.upkeep(self._scratch)
        if not self.result.sound or not commands:
            return
        os.sync()
        try:
            self.result.upkeep_costs.append(measure_all(commands, self._environment))
        except CommandFailed as error:
            self._fail(error)

    def prove(self, root: Path, states: Path, last: int) -> None:
        """Restore and compare: every snapshot of the subject, the last of a peer."""
        if not self.result.sound:
            return
        self.result.repository = footprint(self._scratch.repository)
        self.result.home = footprint(self._scratch.home)
        print(f"restoring: {self.engine.name}", file=sys.stderr)
        try:
            if isinstance(self.engine, Dedupstore):
                for number, snapshot in enumerate(self.result.snapshots, start=1):
                    commands = [self.engine.restore(self._scratch, snapshot)]
                    self._prove_one(commands, root, _state_file(states, number))
            else:
                commands = list(self.engine.restore_last(self._scratch, self.result.snapshots[-1]))
                self._prove_one(commands, root, _state_file(states, last))
        except (CommandFailed, RestoreDiffers, OSError) as error:
            self._fail(error)

    def _prove_one(self, commands: Sequence[Command], root: Path, state: Path) -> None:
        target = self._scratch.target
        shutil.rmtree(target)
        target.mkdir()
        measure_all(commands, self._environment)
        expected = {name: tuple(values) for name, values in json.loads(state.read_text()).items()}
        try:
            require_state(restored_root(target, root), expected)
        except RestoreDiffers as error:
            raise RestoreDiffers(f"snapshot {int(state.stem)}: {error}") from error
        self.result.snapshots_restored_equal += 1

    def _heed_report(self) -> str | None:
        """Sum up what the subject said of its snapshot; return the snapshot's id."""
        if not isinstance(self.engine, Dedupstore):
            return None
        said = json.loads(self._report.read_bytes())
        for name in _REPORTED:
            self.result.reported[name] = self.result.reported.get(name, 0) + said[name]
        self.result.reported["twins in the last"] = said["twins"]
        return str(said["snapshot"])

    def _fail(self, error: Exception) -> None:
        self.result.status, self.result.reason = Status.FAILED, str(error)
        print(f"  {self.engine.name} failed: {error}", file=sys.stderr)
