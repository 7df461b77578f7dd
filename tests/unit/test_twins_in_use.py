"""What looks after chunks also looks after those of recipes, and check rebuilds twins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import dedupstore
from dedupstore import CheckOptions, PruneOptions, ReclaimOptions, Repository, RetentionPolicy
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.reclaim.marker import Marker
from dedupstore.engine.revalidation import revalidate
from dedupstore.engine.tree_reader import manifest_entries
from dedupstore.format.entry import (
    EMPTY_CONTENT,
    Content,
    Entry,
    EntryType,
    Twin,
    entry_contents,
)
from dedupstore.format.hashing import digest
from dedupstore.format.pieces import Extent
from dedupstore.ids import ChunkId
from sample_repository import log_lines, read_tree
from stored_snapshots import store_content, store_snapshot
from twin_files import gzip_of, twin_entry

TEXT = log_lines(200, seed=1)
NOWHERE = digest(b"a chunk that was never stored")
LEAVE_NOTHING = PruneOptions(
    policy=RetentionPolicy(keep_last=1), reclaim=ReclaimOptions(0.0, merge_packs_min=2)
)


def twin_with_recipe_in_chunks(writer: ChunkWriter) -> list[Entry]:
    """Store one twin, with its recipe in chunks."""
    return [twin_entry(writer, b"app.log.2.gz", TEXT, long_recipe=True)]


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """Return an empty repository."""
    with dedupstore.init_repository(tmp_path / "repository") as made:
        yield made


def chunks_needed(repository: Repository, snapshot: dedupstore.Snapshot) -> set[ChunkId]:
    """Return the chunks of the texts and recipes of a snapshot without trees."""
    record = snapshot.record
    with ChunkReader(repository) as reader:
        entries = list(manifest_entries(reader, record.manifest, record.manifest_level))
    lists = [content for entry in entries for content in entry_contents(entry)]
    return {extent.id for content in lists for extent in content.extents}


def entry_without(entry: Entry, *, recipe: bool) -> Entry:
    """Return an entry of which a chunk of the text, or of the recipe, is nowhere."""
    assert entry.twin is not None
    listed = entry.twin.recipe_content if recipe else entry.content
    first, *others = listed.extents
    hit = Content(0, (Extent(first.extent_bytes, NOWHERE), *others))
    if recipe:
        return replace(entry, twin=replace(entry.twin, recipe_content=hit))
    return replace(entry, content=hit)


def test_an_entry_names_all_its_lists() -> None:
    """The lists that an entry needs are those of its content and of its recipe, empty ones not."""
    text = Content(0, (Extent(5, digest(b"text")),))
    recipe = Content(1, (Extent(7, digest(b"recipe")),))
    plain = Entry(b"a", EntryType.FILE, size=5, content=text)
    assert entry_contents(plain) == (text,)
    assert entry_contents(replace(plain, twin=Twin(5, NOWHERE, b"R"))) == (text,)
    assert entry_contents(replace(plain, twin=Twin(5, NOWHERE, b"", recipe))) == (text, recipe)
    of_nothing = Entry(b"a", EntryType.FILE, size=20, twin=Twin(0, NOWHERE, b"", recipe))
    assert entry_contents(of_nothing) == (recipe,)


def test_prune_keeps_recipes(repository: Repository, tmp_path: Path) -> None:
    """Prune marks the chunks of a recipe as needed, and a twin restores after it."""

    def with_garbage(writer: ChunkWriter) -> list[Entry]:
        garbage = log_lines(300, seed=9)
        content = store_content(writer, garbage)
        other = Entry(b"b", EntryType.FILE, size=len(garbage), content=content)
        return [*twin_with_recipe_in_chunks(writer), other]

    store_snapshot(repository, with_garbage)
    kept = store_snapshot(repository, twin_with_recipe_in_chunks)
    needed = chunks_needed(repository, kept)
    with ChunkReader(repository) as reader:
        marker = Marker(repository, reader)
        marker.mark_listed()
    for place in repository.index.find(sorted(needed)).values():
        assert marker.usage.is_needed(place.pack, place.ordinal)
    report = dedupstore.prune(repository, LEAVE_NOTHING)
    assert len(report.removed) == 1
    assert repository.index.known(sorted(needed)) == needed
    dedupstore.restore(repository, kept, tmp_path / "target")
    assert read_tree(tmp_path / "target") == {"app.log.2.gz": gzip_of(TEXT)}


def test_revalidation_stores_recipes_again(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a snapshot needs of packs that have been declared dead is looked for in recipes, too."""
    snapshot = store_snapshot(repository, twin_with_recipe_in_chunks)
    needed = chunks_needed(repository, snapshot)
    asked: set[ChunkId] = set()
    missing = ChunkWriter.missing

    def recorded(self: ChunkWriter, ids: list[ChunkId]) -> set[ChunkId]:
        asked.update(ids)
        return missing(self, ids)

    monkeypatch.setattr(ChunkWriter, "missing", recorded)
    with repository.session() as session, ChunkWriter(repository, session) as writer:
        revalidate(repository, writer, snapshot.record.manifest, snapshot.record.manifest_level)
    assert needed <= asked


@pytest.mark.parametrize("recipe", [False, True])
@pytest.mark.parametrize("narrowed", [False, True])
def test_check_names_the_file_of_a_lost_recipe(
    repository: Repository, recipe: bool, narrowed: bool
) -> None:
    """A chunk of a recipe that is nowhere hits its file as one of the text does."""

    def hit(writer: ChunkWriter) -> list[Entry]:
        [entry] = twin_with_recipe_in_chunks(writer)
        return [entry_without(entry, recipe=recipe)]

    snapshot = store_snapshot(repository, hit)
    options = CheckOptions(twins=True, snapshots=(snapshot,) if narrowed else ())
    report = dedupstore.check(repository, options)
    [finding] = report.findings
    assert (finding.kind, finding.files) == ("chunks-missing", [b"app.log.2.gz"])
    assert finding.chunks == {NOWHERE}
    assert report.twins_rebuilt == 0


def test_check_looks_at_the_packs_of_recipes(repository: Repository) -> None:
    """A check of one snapshot reads a pack of which only a recipe is needed."""

    def of_nothing(writer: ChunkWriter) -> list[Entry]:
        [entry] = twin_with_recipe_in_chunks(writer)
        assert entry.twin is not None
        return [replace(entry, content=EMPTY_CONTENT, twin=replace(entry.twin, plain_bytes=0))]

    snapshot = store_snapshot(repository, of_nothing)
    report = dedupstore.check(repository, CheckOptions(data=True, snapshots=(snapshot,)))
    assert (report.ok, report.packs) == (True, 1)


def test_check_rebuilds_each_twin_once(repository: Repository) -> None:
    """With --twins each file is rebuilt once, in however many snapshots it is."""
    for _ in range(3):
        store_snapshot(
            repository,
            lambda writer: [
                twin_entry(writer, b"a.gz", TEXT),
                twin_entry(writer, b"b.gz", TEXT[:9000], long_recipe=True),
                twin_entry(writer, b"the-same.gz", TEXT),
            ],
        )
    report = dedupstore.check(repository, CheckOptions(twins=True))
    assert report.ok
    assert report.twins_rebuilt == 2
    assert dedupstore.check(repository).twins_rebuilt == 0


def test_check_finds_a_twin_that_is_not_rebuilt(repository: Repository) -> None:
    """A twin of which all chunks are sound, but whose file does not come out, is found, once."""

    def wrong(writer: ChunkWriter) -> list[Entry]:
        entry = twin_entry(writer, b"wrong.gz", TEXT)
        assert entry.twin is not None
        sound = twin_entry(writer, b"sound.gz", TEXT)
        return [replace(entry, twin=replace(entry.twin, file_id=NOWHERE)), sound]

    snapshots = {store_snapshot(repository, wrong).id for _ in range(2)}
    assert dedupstore.check(repository, CheckOptions(data=True)).ok
    report = dedupstore.check(repository, CheckOptions(twins=True))
    assert not report.ok
    [finding] = report.findings
    assert (finding.kind, finding.snapshots) == ("twin-damaged", snapshots)
    assert (finding.files, finding.files_hit) == ([b"wrong.gz"], 2)
    assert report.twins_rebuilt == 2


def test_stats_count_recipes(repository: Repository) -> None:
    """Of a twin, the file is what is original, and text and recipe what is unique."""
    snapshot = store_snapshot(repository, twin_with_recipe_in_chunks)
    record = snapshot.record
    with ChunkReader(repository) as reader:
        [entry] = manifest_entries(reader, record.manifest, record.manifest_level)
    assert entry.twin is not None
    recipe_bytes = entry.twin.recipe_content.content_bytes
    for found in (dedupstore.stats(repository), dedupstore.stats(repository, [snapshot])):
        assert found.bytes_original == len(gzip_of(TEXT))
        assert found.bytes_unique == len(TEXT) + recipe_bytes
