"""Any operations in any order, also within each other and cut short: what is listed restores."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

import dedupstore
from dedupstore import PruneOptions, ReclaimOptions, RetentionPolicy, SnapshotOptions
from dedupstore.engine.monitor import Monitor
from dedupstore.errors import NoSpace, StorageError
from dedupstore.ids import SnapshotId
from dedupstore.storage.local import LocalStore
from faults.fault_files import Fault, FaultFiles, Killed, Strike, Survival
from interleaving import Interleaved, Sober
from small_archive import Tree, noise

MEMORY = Path("/dev/shm")
NAMES = st.sampled_from(["app.log", "app.log.1", "web.log", "cron.log"])
SEEDS = st.integers(0, 5)
SETS = st.sampled_from(["one", "two"])
WHICH = st.integers(0, 50)
KEEP = st.integers(1, 3)
MOMENTS = st.integers(0, 25)
CRASHES = st.sampled_from(
    [
        (Fault(Strike.TEAR), Survival.ALL),
        (Fault(Strike.KILL), Survival.SYNCED),
        (Fault(Strike.TEAR), Survival.TORN),
        (Fault(Strike.TEAR), Survival.MIXED),
        (Fault(Strike.FAIL), None),
        (Fault(Strike.FILL), None),
    ]
)
TIGHT = ReclaimOptions(unused_percent_max=0.0, merge_packs_min=2)


class SetBackClock:
    """A clock whose time of day may be set to anything; durations go on."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, tzinfo=UTC)
        self._seconds = 0.0

    def now(self) -> datetime:
        """Return a later time than before, unless the clock has been set."""
        self.time += timedelta(minutes=37)
        return self.time

    def monotonic_seconds(self) -> float:
        """Return a later time than before."""
        self._seconds += 0.001
        return self._seconds


class RepositoryMachine(RuleBasedStateMachine):
    """Logs that change, a repository that is worked on, and a model of what it holds."""

    def __init__(self) -> None:
        super().__init__()
        place = MEMORY if MEMORY.is_dir() else None
        self.base = Path(tempfile.mkdtemp(prefix="dedupstore-model-", dir=place))
        self.folder = self.base / "repository"
        self.logs = self.base / "logs"
        self.logs.mkdir()
        self.clock = SetBackClock()
        self.patch = pytest.MonkeyPatch()
        # Blocks and packs are closed early, so that a few logs fill several.
        self.patch.setattr("dedupstore.engine.chunk_writer.BLOCK_BYTES_TARGET", 8 * 1024)
        self.patch.setattr("dedupstore.engine.pack_writer.PACK_BYTES_TARGET", 16 * 1024)
        self.trees: dict[SnapshotId, Tree] = {}
        self.held: set[SnapshotId] = set()
        self.may_be_gone: set[SnapshotId] = set()
        self.saved_index: Path | None = None
        self.readers: list[ExitStack] = []

    def teardown(self) -> None:
        for reader in self.readers:
            reader.close()
        self.patch.undo()
        shutil.rmtree(self.base)

    # The logs.

    @initialize()
    def begin(self) -> None:
        dedupstore.init_repository(self.folder, chunk_bytes_target=4096, clock=self.clock).close()
        (self.logs / "app.log").write_bytes(noise(0, 200))

    @rule(name=NAMES, seed=SEEDS, lines=st.integers(0, 500))
    def write(self, name: str, seed: int, lines: int) -> None:
        (self.logs / name).write_bytes(noise(seed, lines))

    @rule(name=NAMES, seed=SEEDS)
    def append(self, name: str, seed: int) -> None:
        with (self.logs / name).open("ab") as log:
            log.write(noise(seed + 100, 150))

    @rule(name=NAMES, new_name=NAMES)
    def rename(self, name: str, new_name: str) -> None:
        if (self.logs / name).exists():
            (self.logs / name).rename(self.logs / new_name)

    # Single operations.

    @rule(set_name=SETS)
    def snapshot(self, set_name: str) -> None:
        self.take(set_name)

    @rule(keep=KEEP)
    def prune(self, keep: int) -> None:
        self.keep_last(keep)

    @rule(which=WHICH)
    def forget(self, which: int) -> None:
        for id_ in self.chosen(which):
            self.forget_one(id_)

    @rule(which=WHICH, hold=st.booleans())
    def hold_or_release(self, which: int, hold: bool) -> None:
        for id_ in self.chosen(which):
            with self.open() as repository:
                if hold:
                    dedupstore.hold_snapshot(repository, id_)
                    self.held.add(id_)
                else:
                    dedupstore.release_snapshot(repository, id_)
                    self.held.discard(id_)

    # Operations within operations.

    @rule(set_name=SETS, keep=KEEP, moment=MOMENTS)
    def prune_within_snapshot(self, set_name: str, keep: int, moment: int) -> None:
        self.take(set_name, Interleaved(lambda: self.keep_last(keep), moment))

    @rule(set_name=SETS, keep=KEEP, moment=MOMENTS)
    def snapshot_within_prune(self, set_name: str, keep: int, moment: int) -> None:
        self.keep_last(keep, Interleaved(lambda: self.take(set_name), moment))

    @rule(moment=MOMENTS)
    def snapshot_within_snapshot(self, moment: int) -> None:
        self.take("one", Interleaved(lambda: self.take("two"), moment))

    @rule(keep=KEEP, moment=MOMENTS)
    def lost_index_within_prune(self, keep: int, moment: int) -> None:
        self.keep_last(keep, Interleaved(self.lose_index, moment))

    @rule()
    def begin_to_read(self) -> None:
        """Be at work for any number of steps, so that dead packs cannot be removed."""
        if len(self.readers) == 3:
            return
        reader = ExitStack()
        repository = reader.enter_context(self.open())
        reader.enter_context(repository.session())
        self.readers.append(reader)

    @rule(which=WHICH)
    def end_reading(self, which: int) -> None:
        if self.readers:
            self.readers.pop(which % len(self.readers)).close()

    # Accidents.

    @rule(crash=CRASHES, at=st.integers(1, 120), keep=KEEP, which=st.sampled_from("sp"))
    def crash(self, crash: tuple[Fault, Survival | None], at: int, keep: int, which: str) -> None:
        fault, survival = crash
        files = FaultFiles(self.folder, fault, at, seed=at)
        before = set(self.trees)
        with pytest.MonkeyPatch.context() as patch:
            store = partial(LocalStore, files=files)
            patch.setattr("dedupstore.engine.repository.LocalStore", store)
            try:
                if which == "s":
                    self.take("one")
                else:
                    self.keep_last(keep)
            except (Killed, NoSpace, StorageError):
                # How far it got is for the listing to say.
                if which == "p":
                    self.may_be_gone |= before - self.held
            if survival is None:
                files.heal()
            else:
                files.crash(survival)
        self.settle()

    @rule()
    def lose_index(self) -> None:
        shutil.rmtree(self.folder / "index", ignore_errors=True)

    @rule()
    def save_index(self) -> None:
        if (self.folder / "index").exists():
            self.saved_index = self.base / "index"
            shutil.rmtree(self.saved_index, ignore_errors=True)
            shutil.copytree(self.folder / "index", self.saved_index)

    @rule()
    def roll_index_back(self) -> None:
        if self.saved_index is None:
            return
        shutil.rmtree(self.folder / "index", ignore_errors=True)
        shutil.copytree(self.saved_index, self.folder / "index")

    @rule(hours=st.integers(-500, 100))
    def set_clock(self, hours: int) -> None:
        self.clock.time += timedelta(hours=hours)

    # What must hold.

    @invariant()
    def all_that_is_listed_restores(self) -> None:
        if not (self.folder / "config").exists():
            return
        with self.open() as repository:
            snapshots = dedupstore.list_snapshots(repository)
            assert {snapshot.id for snapshot in snapshots} == set(self.trees)
            for snapshot in snapshots:
                target = self.base / "restored"
                report = dedupstore.restore(repository, snapshot, target)
                assert report.failed == []
                restored = target / self.logs.relative_to("/")
                found = {path.name: path.read_bytes() for path in restored.iterdir()}
                assert found == self.trees[snapshot.id]
                shutil.rmtree(target)
            checked = dedupstore.check(repository, dedupstore.CheckOptions(data=True))
            assert checked.ok, checked.findings

    # The model.

    def open(self, monitor: Monitor | None = None) -> dedupstore.Repository:
        return dedupstore.open_repository(self.folder, clock=self.clock, monitor=monitor or Sober())

    def tree(self) -> Tree:
        return {path.name: path.read_bytes() for path in self.logs.iterdir()}

    def chosen(self, which: int) -> list[SnapshotId]:
        """Return one of the snapshots, if there are any; rules draw nothing that depends on it."""
        ids = list(self.trees)
        return [ids[which % len(ids)]] if ids else []

    def take(self, set_name: str, monitor: Monitor | None = None) -> None:
        tree = self.tree()
        with self.open(monitor) as repository:
            report = dedupstore.snapshot(
                repository, [self.logs], SnapshotOptions(set_name=set_name)
            )
        assert report.snapshot is not None
        self.trees[report.snapshot] = tree

    def keep_last(self, keep: int, monitor: Monitor | None = None) -> None:
        options = PruneOptions(policy=RetentionPolicy(keep_last=keep), reclaim=TIGHT)
        with self.open(monitor) as repository:
            if not self.trees:
                return
            report = dedupstore.prune(repository, options)
        for decision in report.removed:
            assert decision.snapshot.id not in self.held
            del self.trees[decision.snapshot.id]

    def forget_one(self, id_: SnapshotId) -> None:
        with self.open() as repository:
            if id_ in self.held:
                with pytest.raises(dedupstore.DedupstoreError):
                    dedupstore.forget(repository, [id_])
                return
            report = dedupstore.forget(repository, [id_])
        assert report.removed == [id_]
        del self.trees[id_]

    def settle(self) -> None:
        """Take note of what an operation that was cut short has done; both outcomes are right."""
        with self.open() as repository:
            listed = {snapshot.id for snapshot in dedupstore.list_snapshots(repository)}
        gone = set(self.trees) - listed
        assert gone <= self.may_be_gone
        for id_ in gone:
            del self.trees[id_]
        for id_ in listed - set(self.trees):
            self.trees[id_] = self.tree()
        self.may_be_gone.clear()


def test_what_is_listed_restores_after_any_history() -> None:
    """After any operations, also interleaved and cut short, all that is listed restores."""
    run_state_machine_as_test(
        RepositoryMachine,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
