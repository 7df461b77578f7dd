"""Prune in a repository with parity: it goes with its packs, and is counted with them."""

from __future__ import annotations

from pathlib import Path

import pytest

import dedupstore
from dedupstore import PruneOptions, ReclaimOptions, RetentionPolicy, SnapshotOptions
from dedupstore.engine.generation import read_generation
from dedupstore.engine.keys import pack_key
from dedupstore.engine.monitor import Event, SilentMonitor
from dedupstore.engine.parity import stored_parity
from dedupstore.errors import UsageError
from small_archive import noise

POLICY = RetentionPolicy(keep_last=1)
OPTIONS = PruneOptions(policy=POLICY, reclaim=ReclaimOptions(0.0, merge_packs_min=2))


class Remembering(SilentMonitor):
    """Remembers the events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def event(self, event: Event) -> None:
        """See ``Monitor.event``."""
        self.events.append(event)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a repository with parity, of which a whole pack and parts of others can go."""
    logs = tmp_path / "logs"
    logs.mkdir()
    with dedupstore.init_repository(
        tmp_path / "repository", chunk_bytes_target=4096, parity_percent=20
    ) as repository:
        (logs / "steady.log").write_bytes(noise(1, 2000))
        for number in range(3):
            (logs / "changing.log").write_bytes(noise(100 + number, 1000))
            dedupstore.snapshot(repository, [logs], SnapshotOptions(set_name="logs"))
    return tmp_path / "repository"


def stored_bytes(folder: Path) -> int:
    """Return what all packs and their parity take."""
    return sum(
        path.stat().st_size
        for part in ("packs", "parity")
        for path in (folder / part).rglob("*")
        if path.is_file()
    )


def test_parity_counts_among_what_is_freed(folder: Path) -> None:
    """What is freed, foretold or done, is what packs and parity together shrink by."""
    before = stored_bytes(folder)
    with dedupstore.open_repository(folder) as repository:
        rehearsal = PruneOptions(policy=POLICY, reclaim=OPTIONS.reclaim, dry_run=True)
        foretold = dedupstore.prune(repository, rehearsal).reclaim
        done = dedupstore.prune(repository, OPTIONS).reclaim
        assert dedupstore.check(repository, dedupstore.CheckOptions(data=True)).findings == []
    assert done.packs_repacked > 0
    assert done.packs_dead > done.packs_repacked
    assert done.bytes_freed == before - stored_bytes(folder)
    assert foretold.bytes_freed == pytest.approx(done.bytes_freed, rel=0.1)


def test_without_the_library_dead_packs_go_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no parity can be made nothing is repacked, which is told with the way out."""

    def missing(percent: int) -> None:
        raise UsageError("making parity needs a library", hint="pip install it")

    monitor = Remembering()
    with dedupstore.open_repository(folder, monitor=monitor) as repository:
        with monkeypatch.context() as patch:
            patch.setattr("dedupstore.engine.chunk_writer.parity_maker", missing)
            report = dedupstore.prune(repository, OPTIONS)
        assert len(report.removed) == 2
        assert report.reclaim.packs_dead > 0
        assert report.reclaim.packs_repacked == 0
        [event] = monitor.events
        assert event.kind == "repack-postponed"
        assert "pip install it" in event.detail
        assert dedupstore.prune(repository, OPTIONS).reclaim.packs_repacked > 0
        assert dedupstore.check(repository, dedupstore.CheckOptions(data=True)).findings == []


def test_dead_packs_need_no_parity(folder: Path) -> None:
    """Protect passes over packs that wait to be removed, be they damaged."""
    with (
        dedupstore.open_repository(folder) as reader,
        dedupstore.open_repository(folder) as repository,
    ):
        with reader.session():
            assert not dedupstore.prune(repository, OPTIONS).reclaim.swept
            dead = read_generation(repository.store).tombstones
            for id_, stone in dead.items():
                (folder / pack_key(stone.kind, id_)).write_bytes(b"damaged")
            dedupstore.unprotect(repository)
            report = dedupstore.protect(repository)
        assert report.packs_damaged == 0
        assert report.packs > 0
        assert (
            stored_parity(repository.store)
            .keys()
            .isdisjoint((stone.kind, id_) for id_, stone in dead.items())
        )
