"""Marking: each piece of a manifest is read once, and all that is needed is found."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest

import dedupstore
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.reclaim.marker import Marker
from dedupstore.engine.tree_reader import content_extents, manifest_entries
from dedupstore.errors import DamageError
from dedupstore.format.entry import entry_contents
from dedupstore.format.pack import PackKind
from dedupstore.format.pieces import HOLE_ID
from dedupstore.ids import ChunkId
from sample_repository import (
    SampleRepository,
    TickingClock,
    log_lines,
    make_sample_repository,
    take_snapshot,
)


class CountingReader(ChunkReader):
    """Counts how often each chunk is read."""

    def __init__(self, repository: dedupstore.Repository) -> None:
        super().__init__(repository)
        self.reads: Counter[ChunkId] = Counter()

    def read(self, id_: ChunkId) -> memoryview:
        """See ``ChunkReader.read``."""
        self.reads[id_] += 1
        return super().read(id_)


def mark(folder: Path, *, but: tuple[bytes, ...] = ()) -> tuple[Marker, Counter[ChunkId]]:
    """Mark what the snapshots of a repository need; return the marker and what it read."""
    with dedupstore.open_repository(folder) as repository, CountingReader(repository) as reader:
        marker = Marker(repository, reader)
        marker.mark_listed(but=but)
        return marker, reader.reads


def needs(folder: Path, *, but: tuple[bytes, ...] = ()) -> tuple[set[ChunkId], set[ChunkId]]:
    """Follow each snapshot by itself: return the pieces and the chunks of logs that it needs."""
    pieces: set[ChunkId] = set()
    chunks: set[ChunkId] = set()
    with dedupstore.open_repository(folder) as repository:
        for snapshot in dedupstore.list_snapshots(repository):
            if snapshot.id in but:
                continue
            with CountingReader(repository) as reader:
                record = snapshot.record
                for entry in manifest_entries(reader, record.manifest, record.manifest_level):
                    for content in entry_contents(entry):
                        extents = content_extents(reader, content)
                        chunks |= {extent.id for extent in extents if extent.id != HOLE_ID}
                pieces |= reader.reads.keys()
    return pieces, chunks


def marked(folder: Path, marker: Marker, ids: set[ChunkId]) -> set[ChunkId]:
    """Return those of ``ids`` that are marked where the index finds them."""
    with dedupstore.open_repository(folder) as repository:
        found = repository.index.find(sorted(ids))
    return {
        id_ for id_, place in found.items() if marker.usage.is_needed(place.pack, place.ordinal)
    }


def require_exact(
    folder: Path, marker: Marker, reads: Counter[ChunkId], but: tuple[bytes, ...] = ()
) -> None:
    """Fail unless each needed piece was read once, and exactly the needed chunks are marked."""
    pieces, chunks = needs(folder, but=but)
    assert reads.keys() == pieces
    assert set(reads.values()) <= {1}
    assert marker.pieces_read == len(pieces)
    assert marked(folder, marker, pieces | chunks) == pieces | chunks
    with dedupstore.open_repository(folder) as repository:
        packs = repository.index.packs()
    total = sum(marker.usage.needed_chunks(pack.id) for pack in packs)
    assert total == len(pieces | chunks)
    assert (marker.lost, marker.wrongly_dead) == (0, set())


@pytest.fixture
def sample(tmp_path: Path) -> SampleRepository:
    """Return a repository of three snapshots."""
    return make_sample_repository(tmp_path / "repository", tmp_path / "logs")


def test_a_shared_piece_is_read_once(sample: SampleRepository) -> None:
    """Snapshots that share pieces, lists and chunks cost the distinct pieces, each read once."""
    with sample.open() as repository:
        for _ in range(6):
            take_snapshot(repository, sample)
    marker, reads = mark(sample.folder)
    require_exact(sample.folder, marker, reads)
    assert len(reads) < 2 * len(sample.snapshots)


def test_what_is_to_go_is_not_followed(sample: SampleRepository) -> None:
    """Snapshots that are left out are not read, and what only they need is not marked."""
    but = (sample.snapshots[0], sample.snapshots[2])
    marker, reads = mark(sample.folder, but=but)
    require_exact(sample.folder, marker, reads, but)
    everything, chunks = needs(sample.folder)
    assert marked(sample.folder, marker, everything | chunks) < everything | chunks


def test_many_files_share_all_but_a_few_pieces(tmp_path: Path) -> None:
    """A manifest of many pieces, of which a snapshot changes few, costs these few more."""
    sample = SampleRepository(tmp_path / "repository", tmp_path / "logs")
    sample.logs.mkdir()
    for number in range(400):
        (sample.logs / f"{number:04}.log").write_bytes(b"line %d\n" % number)
    time.sleep(0.1)  # a change just before a snapshot would be recorded without its time
    with dedupstore.init_repository(sample.folder, chunk_bytes_target=4096) as repository:
        take_snapshot(repository, sample)
        before = mark(sample.folder)[0].pieces_read
        assert before > 4
        for number in range(4):
            (sample.logs / "0100.log").write_bytes(b"changed %d\n" % number)
            time.sleep(0.1)
            take_snapshot(repository, sample)
    marker, reads = mark(sample.folder)
    require_exact(sample.folder, marker, reads)
    assert marker.pieces_read <= before + 4 * 4


def test_a_repository_without_snapshots_needs_nothing(tmp_path: Path) -> None:
    """Where there is no snapshot nothing is read, and nothing is marked."""
    dedupstore.init_repository(tmp_path / "repository").close()
    marker, reads = mark(tmp_path / "repository")
    assert (marker.pieces_read, len(reads), len(marker.packs)) == (0, 0, 0)


def test_holes_empty_files_links_and_lists_of_lists(tmp_path: Path) -> None:
    """Holes need no chunk, empty files and links none either, and long lists are followed down."""
    sample = SampleRepository(tmp_path / "repository", tmp_path / "logs")
    sample.logs.mkdir()
    (sample.logs / "long.log").write_bytes(log_lines(40_000, seed=1))
    with (sample.logs / "holes.log").open("wb") as log:
        for number in range(60):
            log.seek(number * 256 * 1024)
            log.write(b"line %d\n" % number)
        log.truncate(100 * 256 * 1024)
    (sample.logs / "only-a-hole.log").touch()
    os.truncate(sample.logs / "only-a-hole.log", 1 << 20)
    (sample.logs / "empty.log").touch()
    (sample.logs / "link.log").symlink_to("long.log")
    (sample.logs / "folder").mkdir()
    with dedupstore.init_repository(
        sample.folder, chunk_bytes_target=4096, clock=TickingClock()
    ) as repository:
        take_snapshot(repository, sample)
        take_snapshot(repository, sample)
        entries = list(
            dedupstore.list_entries(repository, dedupstore.find_snapshot(repository, "latest"))
        )
    assert max(entry.content.level for entry in entries) >= 1
    marker, reads = mark(sample.folder)
    require_exact(sample.folder, marker, reads)
    assert marker.usage.needed_bytes(bytes(32)) == 0


def test_what_came_later_is_marked_without_reading_again(sample: SampleRepository) -> None:
    """Marking again reads only what a new snapshot adds."""
    with sample.open() as repository, CountingReader(repository) as reader:
        marker = Marker(repository, reader)
        marker.mark_listed()
        first = reader.reads.total()
        marker.mark_listed()
        assert reader.reads.total() == first
        (sample.logs / "new.log").write_bytes(log_lines(500, seed=77))
        take_snapshot(repository, sample)
        marker.mark_listed(quietly=True)
        require_exact(sample.folder, marker, reader.reads)


def test_lost_chunks_of_logs_are_counted(sample: SampleRepository) -> None:
    """Chunks that are in no pack are lost, once each; the marking goes on."""
    whole, _ = mark(sample.folder)
    gone = sample.packs(PackKind.DATA)[0]
    expected = whole.usage.needed_chunks(bytes.fromhex(gone.name))
    gone.unlink()
    marker, _ = mark(sample.folder)
    assert marker.lost == expected > 0


def test_a_lost_piece_names_the_snapshot(sample: SampleRepository) -> None:
    """A manifest that cannot be followed is an error that names its snapshot and a way out."""
    sample.packs(PackKind.MANIFEST)[1].unlink()
    with pytest.raises(DamageError, match=sample.snapshots[1].hex()[:12]) as caught:
        mark(sample.folder)
    assert "repair" in str(caught.value.hint)
