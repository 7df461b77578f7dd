"""How a snapshot is named on the command line."""

from __future__ import annotations

import re

import pytest

from cli.conftest import Archive
from cli.installed_command import Dedupstore


def named(archive: Archive, *arguments: str) -> str:
    """Return the id of the snapshot that the arguments mean, as hold would; nothing is changed."""
    result = archive.command.run("restore", *arguments, "--target", "t", "--dry-run", "--json")
    return str(result.json["snapshot"])


def test_a_prefix_means_the_one_it_begins(archive: Archive) -> None:
    """Any unique prefix of an id from 4 digits on means that snapshot, in either case."""
    for id_ in archive.ids:
        for digits in (12, 64):
            assert named(archive, id_[:digits]) == id_
        assert named(archive, id_.upper()) == id_


def test_latest_counts_back(archive: Archive) -> None:
    """latest, latest~1, latest~2 count back in time over all sets, or within --set."""
    first, second, third = archive.ids
    everywhere = [third, archive.stream, second, first]
    for steps, id_ in enumerate(everywhere):
        assert named(archive, f"latest~{steps}") == id_
    assert named(archive, "latest") == third
    assert named(archive, "latest~1", "--set", "web") == second
    assert named(archive, "latest", "--set", "db") == archive.stream


@pytest.mark.parametrize(
    ("time", "at"),
    [
        ("@2026-03-02T12:00:00Z", 1),
        ("@2026-03-02T11:59:59Z", 0),
        ("@2026-03-02", 0),
        ("@2026-03-03T00:00:00", 1),
        ("@2026-03-02T13:00:00+01:00", 1),
        ("@2026-03-02T12:59:59+01:00", 0),
        ("@2099-01-01", 2),
    ],
)
def test_a_time_means_the_newest_until_then(archive: Archive, time: str, at: int) -> None:
    """@TIME means the newest snapshot at or before it; without an offset, in UTC."""
    assert named(archive, time, "--set", "web") == archive.ids[at]


def test_the_zone_of_times_can_be_chosen(archive: Archive) -> None:
    """--timezone says where times without an offset are meant, before or after the command."""
    run = archive.command.run
    zone = ("--timezone", "America/New_York")
    given = ("restore", "@2026-03-02T07:00:00", "--set", "web", "--target", "t", "--dry-run")
    assert run(*given, "--json", *zone).json["snapshot"] == archive.ids[1]
    assert run(*zone, *given, "--json").json["snapshot"] == archive.ids[1]
    assert run(*given, "--json", expect=0).json["snapshot"] == archive.ids[0]


@pytest.mark.parametrize(
    "name",
    ["latest~4", "latest~999999999999999999999", "@2020-01-01", "0000", "ffffffff", "@0001-01-01"],
)
def test_an_unknown_snapshot_is_1_with_candidates(archive: Archive, name: str) -> None:
    """A name that means no snapshot exits with 1 and names those that there are."""
    outcome = archive.command.run("ls", name, "--json", expect=1)
    error = outcome.json["error"]
    assert (error["code"], error["kind"]) == (1, "snapshot-unknown")
    assert set(error["candidates"]) == {*archive.ids, archive.stream}
    assert len(outcome.error_lines) == 1


@pytest.mark.parametrize("name", ["", "abc", "xyzw", "latest~", "latest~x", "Latest", "0x12", "~1"])
def test_what_cannot_be_a_name_is_1(archive: Archive, name: str) -> None:
    """A text that cannot name a snapshot exits with 1 and a hint that says what can."""
    outcome = archive.command.run("ls", name, expect=1)
    assert re.search(r"^hint: .*latest~N", outcome.stderr, re.MULTILINE)


def test_an_ambiguous_prefix_is_1_with_candidates(dedupstore: Dedupstore) -> None:
    """A prefix that begins several ids exits with 1 and exactly these as candidates."""
    folder = dedupstore.repository / "snapshots"
    ids = ["abcd1" + "0" * 59, "abcd2" + "0" * 59, "abce" + "0" * 60]
    for id_ in ids:
        (folder / id_).write_bytes(b"{}")
    outcome = dedupstore.run("ls", "abcd", "--json", expect=1)
    error = outcome.json["error"]
    assert sorted(error["candidates"]) == ids[:2]
    assert "2 snapshots" in error["message"]
    assert all(id_[:12] in error["hint"] for id_ in ids[:2])


def test_sets_that_do_not_exist_have_no_latest(archive: Archive) -> None:
    """latest of a set without snapshots is unknown, and the error names the set."""
    outcome = archive.command.run("ls", "latest", "--set", "none", expect=1)
    assert "'none'" in outcome.error_lines[0]
