"""Repositories that earlier versions have written, one for each format: they stay readable."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

import dedupstore
from dedupstore.format.fields import FORMAT_VERSION
from golden.repositories.expected_state import PRUNE, describe_repository, describe_snapshots

Golden = tuple[Path, dict[str, Any]]
"""An unpacked golden repository, and what is expected of it."""

HERE = Path(__file__).resolve().parent
FORMATS = sorted(path.name for path in HERE.glob("format-*"))


@pytest.fixture(params=FORMATS)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Golden:
    """Return an unpacked golden repository and what is expected of it."""
    folder = HERE / request.param
    with tarfile.open(folder / "repository.tar") as tar:
        tar.extractall(tmp_path / "repository", filter="data")
    expected: dict[str, Any] = json.loads((folder / "expected.json").read_bytes())
    return tmp_path / "repository", expected


def test_there_is_one_for_the_current_format() -> None:
    """The format that this version writes has a golden repository."""
    assert f"format-{FORMAT_VERSION}" in FORMATS


def test_all_that_is_stored_is_what_it_always_was(golden: Golden, tmp_path: Path) -> None:
    """Ids, times, tags, restored bytes and metadata, policies and removals are what they were."""
    folder, expected = golden
    with dedupstore.open_repository(folder) as repository:
        assert describe_repository(repository, tmp_path / "restored") == expected
    assert expected["snapshots"]
    assert all(not snapshot["failed"] for snapshot in expected["snapshots"])


def test_there_is_something_of_everything(golden: Golden) -> None:
    """Holds, policies, forgotten snapshots, packs that wait to be removed, parity, lineages and
    twins of both kinds are there."""
    _, expected = golden
    assert {snapshot["held"] for snapshot in expected["snapshots"]} == {False, True}
    assert {policy["set"] for policy in expected["policies"]} == {None, "golden"}
    assert any(snapshot["previous"] in expected["forgotten"] for snapshot in expected["snapshots"])
    assert expected["prune"]["removed"]
    assert any(snapshot["lineages"] for snapshot in expected["snapshots"])
    texts = [text for snapshot in expected["snapshots"] for text in snapshot["texts"].values()]
    assert {text["recipe_in_chunks"] for text in texts} == {False, True}
    for some in ("forgotten", "packs_dead", "generation", "parity"):
        assert expected[some], some


def test_check_finds_no_damage(golden: Golden) -> None:
    """Check reads all data of a golden repository and finds nothing but that it has no index."""
    folder, expected = golden
    with dedupstore.open_repository(folder) as repository:
        report = dedupstore.check(repository, dedupstore.CheckOptions(data=True, twins=True))
        assert [finding.kind for finding in report.findings] == ["index-rebuilt"]
        assert report.snapshots == len(expected["snapshots"])
        assert report.packs_never_verified == 0
        assert report.twins_rebuilt == 2
        assert dedupstore.check(repository).findings == []


def test_a_dry_prune_changes_nothing(golden: Golden) -> None:
    """A dry run of prune says what it would remove, and leaves every byte as it is."""
    folder, _ = golden
    before = objects(folder)
    with dedupstore.open_repository(folder) as repository:
        dedupstore.prune(repository, PRUNE)
    assert objects(folder) == before


def test_what_waited_is_removed_by_the_next_prune(golden: Golden, tmp_path: Path) -> None:
    """Prune removes the dead packs, and every snapshot that is left restores as before."""
    folder, expected = golden
    with dedupstore.open_repository(folder) as repository:
        report = dedupstore.prune(repository)
        assert report.reclaim.swept
        assert not any((folder / key).exists() for key in expected["packs_dead"])
        described = describe_snapshots(repository, tmp_path / "restored")
        assert dedupstore.check(repository, dedupstore.CheckOptions(data=True)).findings == []
    kept = expected["prune"]["kept"]
    assert described == [one for one in expected["snapshots"] if one["snapshot"] in kept]


def objects(folder: Path) -> dict[str, bytes]:
    """Return all that is stored, without locks and index."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in ("index", "locks")
    }


def test_old_logs_are_known_to_new_snapshots(golden: Golden, tmp_path: Path) -> None:
    """A log that the golden repository holds is cut as it was then, and adds no data."""
    folder, _ = golden
    with dedupstore.open_repository(folder) as repository:
        newest = dedupstore.find_snapshot(repository, "latest", set_name="golden")
        dedupstore.restore(repository, newest, tmp_path / "restored")
        report = dedupstore.snapshot(repository, [tmp_path / "restored"])
        assert report.snapshot is not None
        assert report.files == newest.record.counts.files
        assert report.bytes_new == 0


def test_golden_repositories_stay_small() -> None:
    """All golden repositories of one format take less than 120 KB."""
    for name in FORMATS:
        assert sum(path.stat().st_size for path in (HERE / name).iterdir()) < 120_000, name
