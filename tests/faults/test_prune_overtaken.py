"""Prune where others change what it has looked at: it neither hangs nor loses nor misleads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

import dedupstore
from dedupstore import PruneOptions, RetentionPolicy
from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.generation import read_generation
from dedupstore.engine.monitor import Event, SilentMonitor
from dedupstore.engine.reclaim.marker import Marker
from dedupstore.engine.reclaim.sweep import Sweep, sweep
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import list_snapshot_ids
from dedupstore.errors import DamageError
from dedupstore.ids import SnapshotId
from faults.damage import truncate
from interleaving import Interleaved
from small_archive import KEEP_ONE, Archive, a_few_snapshots

MOMENTS_MAX = 100


class Watched(SilentMonitor):
    """Remembers the kinds of events."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def event(self, event: Event) -> None:
        """See ``Monitor.event``."""
        self.kinds.append(event.kind)


@contextmanager
def before_commit(action: Callable[[], object]) -> Iterator[None]:
    """Let ``action`` run once, when the next snapshot has stored its packs, and commits next."""
    flush = ChunkWriter.flush
    waiting = [action]

    def flush_and_act(writer: ChunkWriter) -> None:
        flush(writer)
        if waiting:
            waiting.pop()()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ChunkWriter, "flush", flush_and_act)
        yield


def forget_without_sweep(archive: Archive, snapshot: SnapshotId) -> Marker:
    """Forget a snapshot, up to the moment when dead packs would go; return what it marked."""
    markers = []

    def postpone(_: Repository, marker: Marker) -> Sweep:
        markers.append(marker)
        return Sweep(packs_left=1)

    with pytest.MonkeyPatch.context() as patch, archive.open() as repository:
        patch.setattr("dedupstore.engine.reclaim.run.sweep", postpone)
        dedupstore.forget(repository, [snapshot], KEEP_ONE.reclaim)
    del archive.trees[snapshot]
    return markers[-1]


def test_a_pack_that_was_declared_dead_is_not_stored_under_its_name_again(quick_path: Path) -> None:
    """What a snapshot must store once more goes into packs that a sweep under way does not take."""
    archive = a_few_snapshots(quick_path / "archive")
    for path in archive.logs.iterdir():
        path.unlink()
    archive.write("new.log", 900, lines=1500)
    markers: list[Marker] = []

    def let_go_of_it() -> None:
        # Another snapshot needs the same packs, which are then merged; and then none needs them.
        other = archive.snapshot("another set")
        assert archive.prune().reclaim.packs_repacked
        markers.append(forget_without_sweep(archive, other))

    with before_commit(let_go_of_it):
        snapshot = archive.snapshot("new set")
    with archive.open() as repository:
        assert read_generation(repository.store).tombstones
        assert sweep(repository, markers[0]).packs
    assert snapshot in archive.require_all_restore()
    archive.prune()
    assert snapshot in archive.require_all_restore()


def test_a_switch_that_finds_damage_neither_hangs_nor_hides_what_was_done(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot that proves damaged within a switch ends the prune, which says how far it came."""
    archive = a_few_snapshots(quick_path / "archive")
    monkeypatch.setattr("dedupstore.engine.index_home._WAIT_SECONDS", 1.0)
    pinned_index = Repository.pinned_index
    pieces = archive.folder / "packs" / "manifest"
    lost: list[tuple[Path, bytes]] = []

    def lose_a_snapshot_first(repository: Repository, openings: int) -> object:
        if not lost:
            before = set(pieces.iterdir())
            archive.write("new.log", 500)
            archive.snapshot("another set")
            (pack,) = set(pieces.iterdir()) - before
            lost.append((pack, pack.read_bytes()))
            truncate(pack, 60)
        return pinned_index(repository, openings)

    monkeypatch.setattr(Repository, "pinned_index", lose_a_snapshot_first)
    with pytest.raises(DamageError, match=r"^2 snapshots have been removed, but not ") as caught:
        archive.prune(SilentMonitor())
    assert "cannot be followed" in caught.value.message
    assert "repair" in str(caught.value.hint)
    lost[0][0].write_bytes(lost[0][1])
    assert archive.prune(SilentMonitor()).reclaim.packs_dead
    assert len(archive.require_all_restore()) == 2


def test_a_snapshot_that_writes_into_an_index_of_the_past_is_not_taken_for_damaged(
    quick_path: Path,
) -> None:
    """At any moment of a prune a snapshot may use an index that others have built anew since."""
    for moment in range(0, MOMENTS_MAX, 2):
        archive = a_few_snapshots(quick_path / str(moment))
        archive.write("new.log", 900)
        with archive.open() as writer:
            assert writer.index.packs()
            with archive.open() as other:
                other.rebuild_index()
            monitor = Interleaved(partial(snapshot_through, writer, archive), moment)
            archive.prune(monitor)
        archive.require_all_restore()
        if not monitor.has_run:
            break
    assert moment >= 8


def snapshot_through(repository: Repository, archive: Archive) -> None:
    """Take a snapshot through a repository that was opened before."""
    report = dedupstore.snapshot(repository, [archive.logs])
    assert report.snapshot is not None
    archive.trees[report.snapshot] = archive.tree()


def test_a_dry_run_beside_a_forget_finds_no_damage(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot that is forgotten after a dry run has listed it is passed over without a word."""
    archive = a_few_snapshots(quick_path / "archive")
    waiting = list(archive.trees)[-1:]

    def list_and_forget(repository: Repository) -> list[SnapshotId]:
        found = list_snapshot_ids(repository)
        if waiting:
            newest = waiting.pop()
            with archive.open() as other:
                dedupstore.forget(other, [newest])
        return found

    monkeypatch.setattr("dedupstore.engine.reclaim.marker.list_snapshot_ids", list_and_forget)
    watched = Watched()
    options = PruneOptions(RetentionPolicy(keep_last=1), dry_run=True)
    with archive.open(watched) as repository:
        assert len(dedupstore.prune(repository, options).removed) == 2
    assert watched.kinds == []
    assert len(archive.require_all_restore()) == 2


@pytest.mark.parametrize("forgets", [1, 2, 3])
def test_a_check_that_a_forget_overtakes_misses_no_snapshot(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch, forgets: int
) -> None:
    """Snapshots that are forgotten while a check loads the records are not called missing."""
    archive = a_few_snapshots(quick_path / "archive")
    archive.write("changing.log", 103)
    archive.snapshot()
    oldest_first = list(archive.trees)

    def forget_and_list(repository: Repository) -> list[SnapshotId]:
        listed_before = list_snapshot_ids(repository)
        for number in range(forgets):
            # The second and the third name the one before them.
            with archive.open() as other:
                dedupstore.forget(other, [oldest_first[number]])
        # What a listing shows of removals that happen meanwhile is a matter of luck.
        return [id_ for id_ in listed_before if id_ != oldest_first[0]]

    monkeypatch.setattr("dedupstore.engine.audit.records.list_snapshot_ids", forget_and_list)
    with archive.open() as repository:
        assert dedupstore.check(repository).findings == []
