"""Prune, and all that may go on beside it: nothing that is listed ever lacks anything."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import dedupstore
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.epochs import EPOCHS_FOLDER
from dedupstore.engine.monitor import Monitor
from dedupstore.engine.reclaim.marker import Marker
from dedupstore.engine.tree_reader import content_extents, manifest_entries
from dedupstore.errors import LockTimeout, SnapshotUnknown
from interleaving import Interleaved
from small_archive import Archive, a_few_snapshots


def interleave(
    first: Callable[[Archive, Monitor | None], object],
    second: Callable[[Archive], object],
    base: Path,
) -> int:
    """Run ``second`` at every moment of ``first``, each time in a new archive; return how many."""
    moments = 0
    while True:
        archive = a_few_snapshots(base / f"moment-{moments}")
        monitor = Interleaved(partial(second, archive), moments)
        first(archive, monitor)
        archive.require_all_restore()
        archive.prune()
        archive.require_all_restore()
        shutil.rmtree(archive.base)
        if not monitor.has_run:
            return moments
        moments += 1


def snapshot_of_new_logs(archive: Archive, monitor: Monitor | None = None) -> None:
    """Take a snapshot that needs new chunks, live ones, and ones that a prune calls garbage."""
    archive.write("new.log", 500)
    archive.write("changing.log", 100)
    archive.snapshot(monitor=monitor)


def prune(archive: Archive, monitor: Monitor | None = None) -> None:
    """Prune, keeping one snapshot."""
    archive.prune(monitor)


def test_a_prune_at_any_moment_of_a_snapshot_harms_neither(quick_path: Path) -> None:
    """Whenever a prune runs within a snapshot, both succeed, and all that is listed restores."""
    assert interleave(snapshot_of_new_logs, prune, quick_path) >= 4


def test_a_snapshot_at_any_moment_of_a_prune_harms_neither(quick_path: Path) -> None:
    """Whenever a snapshot runs within a prune, both succeed, and all that is listed restores."""
    assert interleave(prune, snapshot_of_new_logs, quick_path) >= 8


def test_two_prunes_within_a_snapshot_harm_nothing(quick_path: Path) -> None:
    """A snapshot that two prunes overtake commits what it needs, and it restores."""

    def twice(archive: Archive) -> None:
        archive.prune()
        archive.prune()

    assert interleave(snapshot_of_new_logs, twice, quick_path)


def test_a_lost_index_within_a_prune_harms_nothing(quick_path: Path) -> None:
    """An index that is lost and rebuilt by another at any moment of a prune changes nothing."""

    def lose_index(archive: Archive) -> None:
        shutil.rmtree(archive.folder / "index")
        with archive.open() as repository:
            assert dedupstore.check(repository).ok

    assert interleave(prune, lose_index, quick_path)


def test_a_restore_goes_on_while_its_snapshot_is_removed(quick_path: Path) -> None:
    """A restore that has begun ends well though its snapshot is forgotten and pruned meanwhile."""
    archive = a_few_snapshots(quick_path / "archive")
    oldest = next(iter(archive.trees))

    def forget_it() -> None:
        report = archive.prune()
        assert oldest in report.reclaim.snapshots_removed
        assert not report.reclaim.swept

    monitor = Interleaved(forget_it, 1)
    target = quick_path / "target"
    with archive.open(monitor) as repository:
        found = dedupstore.load_snapshot(repository, oldest)
        report = dedupstore.restore(repository, found, target)
    assert monitor.has_run
    assert report.failed == []
    restored = target / archive.logs.relative_to("/")
    assert {path.name: path.read_bytes() for path in restored.iterdir()} == archive.trees[oldest]
    before = archive.packs()
    assert archive.prune().reclaim.swept
    assert before - archive.packs()
    archive.require_all_restore()


def test_a_check_beside_a_prune_finds_nothing(quick_path: Path) -> None:
    """A check at any moment of which a prune runs reports no damage."""

    def check(archive: Archive, monitor: Monitor | None) -> None:
        with archive.open(monitor) as repository:
            report = dedupstore.check(repository, dedupstore.CheckOptions(data=True))
        assert report.findings == []

    assert interleave(check, prune, quick_path)


def test_packs_of_a_snapshot_under_way_are_not_garbage(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a snapshot has stored and not yet committed is neither removed nor stored twice."""
    archive = a_few_snapshots(quick_path / "archive")
    monkeypatch.setattr("dedupstore.engine.chunk_writer.BLOCK_BYTES_TARGET", 8 * 1024)
    monkeypatch.setattr("dedupstore.engine.pack_writer.PACK_BYTES_TARGET", 16 * 1024)
    before = archive.packs()
    for number in range(10):
        archive.write(f"new-{number}.log", 1000 + number, lines=1000)
    seen: list[set[str]] = []

    def prune_twice() -> None:
        seen.append(archive.packs() - before)
        archive.prune()
        archive.prune()

    monitor = Interleaved(prune_twice, 8)
    archive.snapshot(monitor=monitor)
    assert len(seen[0]) > 3
    assert seen[0] < archive.packs()
    archive.require_all_restore()


def test_what_only_dead_packs_hold_is_stored_anew(quick_path: Path) -> None:
    """A snapshot that begins while dead packs are still there does not rely on them."""
    archive = a_few_snapshots(quick_path / "archive")
    with archive.open() as reader, reader.session():
        assert not archive.prune().reclaim.swept
        archive.write("changing.log", 100)
        archive.snapshot()
    archive.prune()
    archive.require_all_restore()


def test_a_removed_snapshot_cannot_be_restored(quick_path: Path) -> None:
    """A snapshot that was found and then removed is refused as unknown, not as damaged."""
    archive = a_few_snapshots(quick_path / "archive")
    with archive.open() as repository:
        found = dedupstore.load_snapshot(repository, next(iter(archive.trees)))
        archive.prune()
        with pytest.raises(SnapshotUnknown):
            dedupstore.restore(repository, found, quick_path / "target")


def test_a_hold_that_comes_in_time_is_kept(quick_path: Path) -> None:
    """A snapshot that is held before its record is removed stays, and all it needs."""
    archive = a_few_snapshots(quick_path / "archive")
    oldest = next(iter(archive.trees))

    def hold() -> None:
        with archive.open() as repository:
            dedupstore.hold_snapshot(repository, oldest)

    report = archive.prune(Interleaved(hold, 1))
    assert [decision.snapshot.id for decision in report.still_listed] == [oldest]
    assert oldest in archive.require_all_restore()


def test_one_removal_at_a_time(quick_path: Path) -> None:
    """A prune within a prune is refused as locked, and the first one goes on."""
    archive = a_few_snapshots(quick_path / "archive")
    refused = []

    def second() -> None:
        with pytest.raises(LockTimeout):
            archive.prune()
        refused.append(True)

    archive.prune(Interleaved(second, 2))
    assert refused
    archive.require_all_restore()


def test_nothing_is_left_behind(quick_path: Path) -> None:
    """After a prune nothing stays but what is needed, and a second prune changes nothing."""
    archive = a_few_snapshots(quick_path / "archive")
    archive.prune()
    fresh = Archive(quick_path / "fresh")
    for name, content in archive.tree().items():
        (fresh.logs / name).write_bytes(content)
    fresh.snapshot()
    stored = {
        name: sum(path.stat().st_size for path in (place.folder / "packs").rglob("*"))
        for name, place in (("pruned", archive), ("fresh", fresh))
    }
    assert stored["pruned"] <= stored["fresh"] + 2048
    assert list((archive.folder / EPOCHS_FOLDER).iterdir()) == []
    again = archive.prune()
    assert again.reclaim.packs_dead == 0
    assert again.reclaim.bytes_written == 0


def test_a_log_that_looks_like_a_manifest_hides_nothing(quick_path: Path) -> None:
    """A log that holds the very bytes of a manifest's piece keeps nothing from being marked."""
    archive = Archive(quick_path / "archive")
    archive.write("app.log", 1, lines=3000)
    first = archive.snapshot()
    with archive.open() as repository, ChunkReader(repository) as reader:
        record = dedupstore.load_snapshot(repository, first).record
        piece = bytes(reader.read(record.manifest))
        pieces = [piece]
        for entry in manifest_entries(reader, record.manifest, record.manifest_level):
            if entry.content.level:
                pieces += [bytes(reader.read(extent.id)) for extent in entry.content.extents]
    assert len(pieces) > 1
    for number, content in enumerate(pieces):
        (archive.logs / f"copy-{number}.log").write_bytes(content)
    (archive.logs / "app.log").unlink()
    archive.snapshot("copies")
    with archive.open() as repository, ChunkReader(repository) as reader:
        entries = list(manifest_entries(reader, record.manifest, record.manifest_level))
        needed = {
            extent.id for entry in entries for extent in content_extents(reader, entry.content)
        }
        marker = Marker(repository, reader)
        # The copies are marked as logs, before the same chunks are met as pieces.
        marker.mark_listed(but=[first])
        marker.mark_listed()
        marks = repository.index.marks(list(needed))
        assert len(marks) == len(needed) > 30
        assert all(marker.usage.is_needed(mark.pack, mark.ordinal) for mark in marks.values())
