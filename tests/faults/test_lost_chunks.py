"""Files of which chunks are lost: the rest is kept aside, and exactly what is missing is named."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dedupstore
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.keys import pack_key
from dedupstore.engine.tree_reader import manifest_entries
from dedupstore.errors import DamageError
from dedupstore.format.entry import Content, Entry
from dedupstore.format.pack import PackKind
from dedupstore.format.pieces import HOLE_ID, Extent, decode_extents, piece_body
from partial_files import take_partial_files, with_holes
from sample_repository import SampleRepository, Tree, log_lines, read_tree, take_snapshot

STEPS = 5
Ranges = tuple[tuple[int, int], ...]


@dataclass
class Grown:
    """A repository whose last snapshot needs packs of all that came before.

    ``packs`` are the packs that may be lost without losing its manifest; ``entries`` what the
    snapshot holds, by name, and ``needs`` the pack of each chunk and piece of a chunk list.
    """

    sample: SampleRepository
    packs: list[str]
    entries: dict[str, Entry]
    needs: dict[bytes, str]
    lists: dict[bytes, list[Extent]]

    def missing(self, name: str, lost: set[str]) -> Ranges:
        """Return which bytes of a file are missing without the packs ``lost``."""
        ranges: list[tuple[int, int]] = []
        for begin, end in self._lost_runs(self.entries[name].content, lost):
            if ranges and ranges[-1][1] == begin:
                begin = ranges.pop()[0]
            ranges.append((begin, end))
        return tuple(ranges)

    def _lost_runs(self, content: Content, lost: set[str]) -> Iterator[tuple[int, int]]:
        position = 0
        for extent in content.extents:
            yield from self._lost_in(extent, content.level, position, lost)
            position += extent.extent_bytes

    def _lost_in(
        self, extent: Extent, level: int, begin: int, lost: set[str]
    ) -> Iterator[tuple[int, int]]:
        if extent.id == HOLE_ID:
            return
        if self.needs[extent.id] in lost:
            yield begin, begin + extent.extent_bytes
        elif level:
            for below in self.lists[extent.id]:
                yield from self._lost_in(below, level - 1, begin, lost)
                begin += below.extent_bytes


def write_step(logs: Path, step: int) -> None:
    """Let the logs grow: one by much, one little by little, one with a hole, one not at all."""
    with (logs / "large.log").open("ab") as log:
        log.write(log_lines(6000, seed=step))
    with (logs / "small.log").open("ab") as log:
        log.write(log_lines(60, seed=step + 100))
    if step == 1:
        with (logs / "hole.log").open("wb") as log:
            log.write(log_lines(200, seed=1000))
            log.truncate(300_000)
        with (logs / "hole.log").open("ab") as log:
            log.write(log_lines(200, seed=1001))
    (logs / f"step-{step}.log").write_bytes(log_lines(80, seed=step + 200))


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Grown:
    """Return a repository that tests copy and never change."""
    folder = tmp_path_factory.mktemp("grown")
    sample = SampleRepository(folder / "repository", folder / "logs")
    sample.logs.mkdir()
    with dedupstore.init_repository(sample.folder, chunk_bytes_target=4096) as repository:
        for step in range(STEPS):
            write_step(sample.logs, step)
            take_snapshot(repository, sample)
        return follow(repository, sample)


def follow(repository: dedupstore.Repository, sample: SampleRepository) -> Grown:
    """Find out what the last snapshot needs."""
    record = dedupstore.find_snapshot(repository, "latest").record
    kinds = {pack.id: PackKind(pack.kind) for pack in repository.index.packs()}
    needs: dict[bytes, str] = {}
    lists: dict[bytes, list[Extent]] = {}

    def pack_of(id_: bytes) -> str:
        place = repository.index.find([id_])[id_]
        return pack_key(kinds[place.pack], place.pack)

    def go_down(reader: ChunkReader, extent: Extent, level: int) -> None:
        if extent.id == HOLE_ID:
            return
        needs[extent.id] = pack_of(extent.id)
        if level:
            lists[extent.id] = decode_extents(piece_body(reader.read(extent.id), level))
            for below in lists[extent.id]:
                go_down(reader, below, level - 1)

    entries: dict[str, Entry] = {}
    with ChunkReader(repository) as reader:
        manifest = {record.manifest}
        if record.manifest_level:
            go_down(reader, Extent(1, record.manifest), record.manifest_level)
            manifest |= set(needs)
            needs.clear()
            lists.clear()
        for entry in manifest_entries(reader, record.manifest, record.manifest_level):
            path = Path("/") / entry.path.decode()
            if path.is_relative_to(sample.logs) and path != sample.logs:
                entries[path.relative_to(sample.logs).as_posix()] = entry
            for extent in entry.content.extents:
                go_down(reader, extent, entry.content.level)
    packs = sorted(set(needs.values()) - set(map(pack_of, manifest)))
    return Grown(sample, packs, entries, needs, lists)


def lose(sample: SampleRepository, packs: set[str], *, by_damage: bool) -> None:
    """Remove packs, or write rubbish over all that is in them."""
    for key in packs:
        path = sample.folder / key
        if by_damage:
            path.write_bytes(bytes(path.stat().st_size))
        else:
            path.unlink()


def test_the_sample_has_lists_and_packs_to_lose(grown: Grown) -> None:
    """The large log has a list of pieces in several packs, and both kinds of packs can be lost."""
    kinds = {key.rpartition("/")[0] for key in grown.packs}
    assert kinds == {"packs/data", "packs/manifest"}
    assert grown.entries["large.log"].content.level > 0
    assert len(grown.packs) > STEPS


def test_what_is_left_is_exact_and_what_is_missing_is_named(grown: Grown, quick_path: Path) -> None:
    """Whatever packs are lost, files are exact outside the named ranges: those of lost chunks."""

    # The fixtures are not arguments of what is drawn for: a failure would print all they hold.
    @settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
    @given(st.sets(st.integers(0, 2 * STEPS), min_size=1), st.booleans())
    def restores_what_is_left(numbers: set[int], by_damage: bool) -> None:
        lost = {pack for number, pack in enumerate(grown.packs) if number in numbers}
        require_exactly_the_rest(grown, quick_path, lost, by_damage=by_damage)

    restores_what_is_left()


def require_exactly_the_rest(
    grown: Grown, quick_path: Path, lost: set[str], *, by_damage: bool
) -> None:
    """Fail unless a restore without some packs makes and names exactly what it should."""
    shutil.rmtree(quick_path, ignore_errors=True)
    sample = grown.sample.copy_to(quick_path / "repository")
    lose(sample, lost, by_damage=by_damage)
    whole = sample.trees[-1]
    with sample.open() as repository:
        latest = dedupstore.find_snapshot(repository, "latest")
        report = dedupstore.restore(repository, latest, quick_path / "out")
    expected = {name: grown.missing(name, lost) for name in whole}
    hit = {name: ranges for name, ranges in expected.items() if ranges}
    named = {
        Path("/" + event.path.decode()).relative_to(sample.logs).as_posix(): event.missing
        for event in report.failed
        if isinstance(event, dedupstore.FileDamaged)
    }
    assert named == hit
    assert len(report.failed) == len(hit)
    assert report.damaged is bool(hit)
    tree = read_tree(quick_path / "out" / sample.logs.relative_to("/"))
    tree = take_partial_files(tree, report, whole, sample.logs)
    assert tree == {name: content for name, content in whole.items() if name not in hit}


@pytest.fixture
def damaged(grown: Grown, tmp_path: Path) -> tuple[SampleRepository, dict[str, Ranges]]:
    """Return a repository that lost a data pack of the middle, and what that tore from files."""
    sample = grown.sample.copy_to(tmp_path / "repository")
    lost = {grown.needs[extent.id] for extent in grown.entries["step-2.log"].content.extents}
    lose(sample, lost, by_damage=False)
    hit = {name: grown.missing(name, lost) for name in sample.trees[-1]}
    return sample, {name: ranges for name, ranges in hit.items() if ranges}


def restored(
    sample: SampleRepository, target: Path, overwrite: dedupstore.Overwrite
) -> tuple[Tree, dict[str, dedupstore.FileDamaged]]:
    """Restore the latest snapshot; return what is in the target now, and the files that failed."""
    with sample.open() as repository:
        latest = dedupstore.find_snapshot(repository, "latest")
        options = dedupstore.RestoreOptions(overwrite=overwrite)
        report = dedupstore.restore(repository, latest, target, options)
    events = {
        event.path.rpartition(b"/")[2].decode(): event
        for event in report.failed
        if isinstance(event, dedupstore.FileDamaged)
    }
    return read_tree(target / sample.logs.relative_to("/")), events


@pytest.mark.parametrize("overwrite", list(dedupstore.Overwrite))
def test_what_exists_is_kept_as_overwrite_says(
    damaged: tuple[SampleRepository, dict[str, Ranges]],
    tmp_path: Path,
    overwrite: dedupstore.Overwrite,
) -> None:
    """The file under its own name stays; one in place of what is left only if nothing may go."""
    sample, hit = damaged
    folder = tmp_path / "out" / sample.logs.relative_to("/")
    folder.mkdir(parents=True)
    (folder / "small.log.partial").write_bytes(b"mine")
    tree, events = restored(sample, tmp_path / "out", overwrite)
    expected = with_holes(sample.trees[-1]["small.log"], hit["small.log"])
    if overwrite is dedupstore.Overwrite.NEVER:
        assert tree["small.log.partial"] == b"mine"
        assert events["small.log"].partial is None
        assert "exists" in events["small.log"].detail
    else:
        assert tree["small.log.partial"] == expected
    assert events["small.log"].missing == hit["small.log"]
    (folder / "small.log").write_bytes(b"a copy from elsewhere")
    tree, _ = restored(sample, tmp_path / "out", dedupstore.Overwrite.ALWAYS)
    assert tree["small.log"] == b"a copy from elsewhere"
    assert tree["small.log.partial"] == expected


def test_a_folder_in_the_way_does_not_hide_the_damage(
    damaged: tuple[SampleRepository, dict[str, Ranges]], tmp_path: Path
) -> None:
    """Where what is left cannot be written, the file is still called damaged, and no file stays."""
    sample, hit = damaged
    folder = tmp_path / "out" / sample.logs.relative_to("/")
    (folder / "small.log.partial").mkdir(parents=True)
    tree, events = restored(sample, tmp_path / "out", dedupstore.Overwrite.ALWAYS)
    assert events["small.log"].missing == hit["small.log"]
    assert events["small.log"].partial is None
    assert not [name for name in tree if name.rpartition("/")[2].startswith(".dedupstore")]


def test_a_file_of_the_snapshot_keeps_its_name(grown: Grown, tmp_path: Path) -> None:
    """Where the snapshot itself holds NAME.partial, what is left of NAME gets another name."""
    sample = grown.sample.copy_to(tmp_path / "repository")
    logs = tmp_path / "logs"
    (logs / "a.log.partial-2").mkdir(parents=True)
    (logs / "a.log").write_bytes(log_lines(200, seed=7))
    with sample.open() as repository:
        dedupstore.snapshot(repository, [logs])
        old = set((sample.folder / "packs" / "data").iterdir())
        with (logs / "a.log").open("ab") as log:
            log.write(log_lines(200, seed=8))
        (logs / "a.log.partial").write_bytes(b"not what is left\n")
        (logs / "a.log.partial-2" / "b.log").write_bytes(b"nor this\n")
        taken = dedupstore.snapshot(repository, [logs])
        assert taken.snapshot is not None
    first = sample.trees[-1]
    assert first
    (newest,) = set((sample.folder / "packs" / "data").iterdir()) - old
    lost = [
        pack for pack in old if pack.stat().st_mtime_ns == max(p.stat().st_mtime_ns for p in old)
    ]
    assert newest not in lost
    for pack in lost:
        pack.unlink()
    with sample.open() as repository:
        latest = dedupstore.load_snapshot(repository, taken.snapshot)
        report = dedupstore.restore(repository, latest, tmp_path / "out")
    folder = tmp_path / "out" / logs.relative_to("/")
    (event,) = report.failed
    assert isinstance(event, dedupstore.FileDamaged)
    assert event.partial == bytes(folder.relative_to(tmp_path / "out") / "a.log.partial-3")
    assert (folder / "a.log.partial").read_bytes() == b"not what is left\n"
    assert (folder / "a.log.partial-2" / "b.log").read_bytes() == b"nor this\n"
    original = (logs / "a.log").read_bytes()
    assert (folder / "a.log.partial-3").read_bytes() == with_holes(original, event.missing)


def test_a_tar_leaves_damaged_files_out(
    damaged: tuple[SampleRepository, dict[str, Ranges]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tar is whole and holds all sound files, and names the others, short or long."""
    sample, hit = damaged
    for held_bytes in (None, 1000):
        if held_bytes is not None:
            monkeypatch.setattr(
                "dedupstore.operations.restore.tar_stream._HELD_BYTES_MAX", held_bytes
            )
        output = io.BytesIO()
        with sample.open() as repository:
            latest = dedupstore.find_snapshot(repository, "latest")
            report = dedupstore.restore_tar(repository, latest, output)
        output.seek(0)
        found: Tree = {}
        with tarfile.open(fileobj=output) as tar:
            for member in tar.getmembers():
                content = tar.extractfile(member) if member.isfile() else None
                if content is not None:
                    name = Path("/" + member.name).relative_to(sample.logs).as_posix()
                    found[name] = content.read()
        whole = sample.trees[-1]
        assert found == {name: data for name, data in whole.items() if name not in hit}
        assert {event.path.rpartition(b"/")[2].decode() for event in report.failed} == hit.keys()
        assert report.damaged


def test_cat_stops_at_the_first_missing_byte(
    damaged: tuple[SampleRepository, dict[str, Ranges]],
) -> None:
    """Cat writes what comes before the first gap, and names all gaps of the file."""
    sample, hit = damaged
    for name in ("large.log", "small.log", "step-2.log"):
        output = io.BytesIO()
        with sample.open() as repository:
            latest = dedupstore.find_snapshot(repository, "latest")
            with pytest.raises(DamageError) as failure:
                dedupstore.cat(repository, latest, bytes(sample.logs / name), output)
        content = sample.trees[-1][name]
        assert output.getvalue() == content[: hit[name][0][0]]
        if hit[name] == ((0, len(content)),):
            assert f"all of its {len(content)} bytes" in failure.value.message
        else:
            for begin, end in hit[name]:
                assert f"{begin}-{end - 1}" in failure.value.message
