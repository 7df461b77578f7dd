"""The index where it cannot be told what is dead: it forgets nothing, and nobody relies on it."""

from __future__ import annotations

from pathlib import Path

import pytest

import dedupstore
from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.generation import current_generation
from dedupstore.engine.keys import generation_key
from dedupstore.engine.monitor import Event, SilentMonitor
from dedupstore.errors import DamageError
from dedupstore.ids import PackId
from small_archive import KEEP_ONE, Archive


class Watched(SilentMonitor):
    """Remembers the kinds of events."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def event(self, event: Event) -> None:
        """See ``Monitor.event``."""
        self.kinds.append(event.kind)


def dead_packs(repository: dedupstore.Repository) -> set[PackId]:
    """Return the packs that the index calls dead."""
    return {pack.id for pack in repository.index.packs() if pack.is_dead}


def spoil_record(archive: Archive) -> None:
    """Make the newest generation record unreadable."""
    with dedupstore.open_repository(archive.folder) as repository:
        key = generation_key(current_generation(repository.store))
    (archive.folder / key).write_bytes(b"torn")


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Return an archive with dead packs, which a reader has kept from being removed."""
    archive = Archive(tmp_path / "archive")
    for number in range(2):
        archive.write("changing.log", number)
        archive.snapshot()
    archive.prune()
    archive.write("changing.log", 2)
    archive.snapshot()
    # What was stored before it began, a reader cannot be storing.
    with archive.open() as reader, reader.session():
        assert not archive.prune().reclaim.swept
    return archive


def test_what_an_index_knows_to_be_dead_stays_dead(archive: Archive) -> None:
    """Without a readable record an index is opened as it is: what is dead in it remains dead."""
    with archive.open() as repository:
        before = repository.index.packs()
        dead = dead_packs(repository)
    assert dead
    spoil_record(archive)
    watched = Watched()
    with archive.open(watched) as repository:
        assert repository.index.packs() == before
        assert dead_packs(repository) == dead
    assert watched.kinds == ["generation-damaged"]


def test_a_new_index_agrees_with_no_generation(archive: Archive) -> None:
    """An index that is built without a readable record is good for reading, and for that alone."""
    spoil_record(archive)
    with archive.open(SilentMonitor()) as repository:
        assert repository.index.generation > 0
        repository.rebuild_index()
        assert repository.index.generation == 0
        newest = dedupstore.find_snapshot(repository, "latest")
        assert not dedupstore.restore(repository, newest, archive.base / "target").failed


def test_nobody_writes_or_removes_without_a_readable_record(archive: Archive) -> None:
    """Snapshots and prunes refuse to begin where it cannot be told what is dead."""
    spoil_record(archive)
    before = archive.packs()
    with archive.open(SilentMonitor()) as repository:
        with pytest.raises(DamageError, match="generation record"):
            dedupstore.snapshot(repository, [archive.logs])
        with pytest.raises(DamageError, match="generation record"):
            dedupstore.prune(repository, KEEP_ONE)
        assert len(dedupstore.list_snapshots(repository)) == 1
    assert archive.packs() == before


def test_nothing_is_committed_by_an_index_that_could_not_learn_what_is_dead(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If record and index are lost while a snapshot is taken, it is refused, not half there."""
    archive.write("changing.log", 1)
    flush = ChunkWriter.flush
    with archive.open(SilentMonitor()) as repository:

        def flush_and_lose(writer: ChunkWriter) -> None:
            flush(writer)
            spoil_record(archive)
            repository.rebuild_index()

        monkeypatch.setattr(ChunkWriter, "flush", flush_and_lose)
        with pytest.raises(DamageError, match="generation record"):
            dedupstore.snapshot(repository, [archive.logs])
        assert len(dedupstore.list_snapshots(repository)) == 1
