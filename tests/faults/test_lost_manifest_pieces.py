"""A manifest of many pieces, some of them lost: the entries of the others are restored."""

from __future__ import annotations

import io
import os
import shutil
import time
from pathlib import Path

import pytest

import dedupstore
from dedupstore.errors import DamageError, PathUnknown
from dedupstore.format.hashing import digest
from dedupstore.format.pack import PackKind
from sample_repository import SampleRepository, read_tree, take_snapshot

FILES = 400


def log_name(number: int) -> str:
    """Return the name of a log, in the order of numbers.

    Pieces are cut by a checksum of paths, which for some folders none of 400 names that differ in
    digits only would give: hence the rest of the name.
    """
    return f"{number:04}-{digest(b'%d' % number).hex()[:8]}.log"


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> SampleRepository:
    """Return a repository with two snapshots of many files, of which few changed in between."""
    folder = tmp_path_factory.mktemp("wide")
    sample = SampleRepository(folder / "repository", folder / "logs")
    sample.logs.mkdir()
    for number in range(FILES):
        (sample.logs / log_name(number)).write_bytes(b"line %d\n" % number)
    # The time of a fresh change proves nothing and is not stored; later it would be, and no entry
    # would stay as it was.
    time.sleep(0.1)
    with dedupstore.init_repository(sample.folder, chunk_bytes_target=4096) as repository:
        take_snapshot(repository, sample)
        for number in (100, 101, 250):
            (sample.logs / log_name(number)).write_bytes(b"changed %d\n" % number)
        take_snapshot(repository, sample)
        level = dedupstore.find_snapshot(repository, "latest").record.manifest_level
    if level == 0:
        raise AssertionError("the manifest should have several pieces")
    return sample


@pytest.fixture
def torn(wide: SampleRepository, tmp_path: Path) -> SampleRepository:
    """Return a copy that lost the first manifest pack: the pieces that both snapshots share."""
    sample = wide.copy_to(tmp_path / "repository")
    sample.packs(PackKind.MANIFEST)[0].unlink()
    return sample


def latest_of(repository: dedupstore.Repository) -> dedupstore.Snapshot:
    """Return the snapshot whose own pieces are left."""
    return dedupstore.find_snapshot(repository, "latest")


def is_between(path: bytes, event: dedupstore.EntriesLost) -> bool:
    """Tell whether a path is among the entries that an event calls lost."""
    return (event.after is None or event.after < path) and (
        event.before is None or path < event.before
    )


@pytest.mark.parametrize("index_is_lost", [False, True])
def test_the_entries_of_other_pieces_are_restored(
    torn: SampleRepository, tmp_path: Path, index_is_lost: bool
) -> None:
    """What the lost pieces listed is exactly what lies between the paths that are named."""
    if index_is_lost:
        shutil.rmtree(torn.folder / "index")
    with torn.open() as repository:
        report = dedupstore.restore(repository, latest_of(repository), tmp_path / "out")
    tree = read_tree(tmp_path / "out" / torn.logs.relative_to("/"))
    whole = torn.trees[-1]
    assert 0 < len(tree) < len(whole)
    assert tree.items() <= whole.items()
    assert {log_name(100), log_name(250)} <= tree.keys()
    gaps = [event for event in report.failed if isinstance(event, dedupstore.EntriesLost)]
    assert len(gaps) == len(report.failed) >= 2
    assert report.damaged
    for name in whole:
        path = bytes(torn.logs / name).lstrip(b"/")
        assert any(is_between(path, gap) for gap in gaps) is (name not in tree)
    assert all("is in no pack" in gap.detail for gap in gaps)


def test_a_file_between_the_lost_ones_can_be_had(torn: SampleRepository, tmp_path: Path) -> None:
    """A file that is chosen is restored and written by cat; one that may be lost is damage."""
    there, lost = (bytes(torn.logs / name) for name in map(log_name, (250, 399)))
    output = io.BytesIO()
    with torn.open() as repository:
        latest = latest_of(repository)
        dedupstore.cat(repository, latest, there, output)
        assert output.getvalue() == b"changed 250\n"
        with pytest.raises(DamageError):
            dedupstore.cat(repository, latest, lost, output)
        with pytest.raises(PathUnknown):
            # Both around it are there, so that it cannot be among the lost ones.
            dedupstore.cat(repository, latest, bytes(torn.logs / (log_name(100) + "-more")), output)
        options = dedupstore.RestoreOptions(paths=(there, lost))
        report = dedupstore.restore(repository, latest, tmp_path / "out", options)
        options = dedupstore.RestoreOptions(paths=(lost,))
        nothing = dedupstore.restore(repository, latest, tmp_path / "none", options)
    assert report.files == 1
    assert [event.path for event in report.failed if event.kind == "not-found"] == [lost]
    assert nothing.files == 0
    assert nothing.damaged


def test_a_tar_holds_the_entries_that_are_left(torn: SampleRepository) -> None:
    """A tar is made of the entries that can be read, and the lost ones are named."""
    output = io.BytesIO()
    with torn.open() as repository:
        report = dedupstore.restore_tar(repository, latest_of(repository), output)
    assert report.files > 0
    assert report.damaged
    assert all(isinstance(event, dedupstore.EntriesLost) for event in report.failed)


def test_without_its_top_a_manifest_is_lost(wide: SampleRepository, tmp_path: Path) -> None:
    """Where the top piece is lost nothing can be restored, and that is an error, as before."""
    sample = wide.copy_to(tmp_path / "repository")
    os.truncate(sample.packs(PackKind.MANIFEST)[1], 0)
    with sample.open() as repository, pytest.raises(DamageError):
        dedupstore.restore(repository, latest_of(repository), tmp_path / "out")
    with sample.open() as repository:
        first = dedupstore.load_snapshot(repository, sample.snapshots[0])
        assert not dedupstore.restore(repository, first, tmp_path / "first").failed


def test_a_log_is_found_in_what_is_left(torn: SampleRepository) -> None:
    """A log whose entry is left is listed and written, and it is said that parts may be missing."""
    with dedupstore.open_repository(torn.folder) as repository:
        snapshot = dedupstore.find_snapshot(repository, "latest")
        path = os.fspath(torn.logs / log_name(100))
        found = dedupstore.log_parts(repository, snapshot, path)
        assert [os.fsdecode(part.entry.path) for part in found.parts] == [path.lstrip("/")]
        output = io.BytesIO()
        report = dedupstore.cat_lineage(repository, snapshot, path, output)
        assert output.getvalue() == b"changed 100\n"
        assert report.damaged
        assert list(found.damaged) == report.shortfalls
        with pytest.raises(DamageError):
            dedupstore.log_parts(repository, snapshot, os.fspath(torn.logs / "none.log"))
