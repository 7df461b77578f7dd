"""Repositories that earlier versions have written, one for each format: they stay readable."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

import dedupstore
from dedupstore.format.fields import FORMAT_VERSION
from golden.repositories.expected_trees import describe_snapshots

HERE = Path(__file__).resolve().parent
FORMATS = sorted(path.name for path in HERE.glob("format-*"))


@pytest.fixture(params=FORMATS)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, list[dict[str, Any]]]:
    """Return an unpacked golden repository and what is expected of it."""
    folder = HERE / request.param
    with tarfile.open(folder / "repository.tar") as tar:
        tar.extractall(tmp_path / "repository", filter="data")
    expected: list[dict[str, Any]] = json.loads((folder / "expected.json").read_bytes())
    return tmp_path / "repository", expected


def test_there_is_one_for_the_current_format() -> None:
    """The format that this version writes has a golden repository."""
    assert f"format-{FORMAT_VERSION}" in FORMATS


def test_every_snapshot_is_listed_and_restores_exactly(
    golden: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    """Ids, times, tags, listings and restored bytes and metadata are what they always were."""
    folder, expected = golden
    with dedupstore.open_repository(folder) as repository:
        assert describe_snapshots(repository, tmp_path / "restored") == expected
    assert expected
    assert all(not snapshot["failed"] for snapshot in expected)


def test_check_finds_no_damage(golden: tuple[Path, list[dict[str, Any]]]) -> None:
    """Check reads all data of a golden repository and finds nothing but that it has no index."""
    with dedupstore.open_repository(golden[0]) as repository:
        report = dedupstore.check(repository, dedupstore.CheckOptions(data=True))
        assert [finding.kind for finding in report.findings] == ["index-rebuilt"]
        assert report.snapshots == len(golden[1])
        assert dedupstore.check(repository).findings == []


def test_old_logs_are_known_to_new_snapshots(
    golden: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
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
    """All golden repositories of one format take less than 60 KB."""
    for name in FORMATS:
        assert sum(path.stat().st_size for path in (HERE / name).iterdir()) < 60_000, name
