"""Going back to a point in time: --at chooses the snapshot, --trim cuts the logs in it."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from cli.conftest import Archive
from cli.installed_command import Dedupstore

FIRST = "2026-03-01T12:00:00Z"


LINES = "".join(f"2026-03-02T{hour:02}:00:00Z line {hour}\n" for hour in range(24))
TRIM = ("--at", "2026-03-02T10:30:00Z", "--trim", "--snapshot", "latest")


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with logs of which snapshots were taken at noon of two days."""
    folder = tmp_path_factory.mktemp("host") / "logs"
    folder.mkdir()
    command = host(folder)
    command.run("init", "--chunk-size", "4KiB")
    for day in (1, 2):
        with (folder / "iso").open("a") as iso, (folder / "syslog").open("a") as syslog:
            for hour in (9, 10, 11):
                iso.write(f"2026-03-0{day}T{hour:02}:00:00Z up\n  and more\n")
                syslog.write(f"Mar  {day} {hour:02}:00:00 host app: up\n")
        (folder / "notes").write_text(f"day {day}\n")
        for name in ("iso", "syslog", "notes"):
            noon = 1_772_366_400 + (day - 1) * 86_400
            os.utime(folder / name, (noon, noon))
        command.snapshot(folder, "--set", "web", "--time", f"2026-03-0{day}T12:00:00Z")
        (folder / "app.log.1.gz").write_bytes(gzip.compress(LINES.encode(), mtime=0))
    return folder


def host(folder: Path) -> Dedupstore:
    """Return the command, with the repository of a folder of logs."""
    return Dedupstore(folder.with_name("repository"), folder.parent)


def restored(logs: Path, target: Path, *arguments: str | Path) -> dict[str, str]:
    """Return what a restore of the logs gives, by name."""
    host(logs).run("restore", "--target", target, *arguments)
    folder = target / logs.relative_to("/")
    return {path.name: path.read_bytes().decode("latin-1") for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("time", "day"),
    [
        (FIRST, 1),
        ("2026-03-02T11:59:59.999999Z", 1),
        ("2026-03-02T12:00:00Z", 2),
        ("2026-03-02T13:00:00+01:00", 2),
        ("2027-01-01", 2),
        ("1772366400", 1),
    ],
)
def test_a_time_chooses_the_newest_snapshot_before(logs: Path, time: str, day: int) -> None:
    """--at takes the newest snapshot at or before the time."""
    got = host(logs).run("cat", "--at", time, "--set", "web", logs / "notes").stdout
    assert got == b"day %d\n" % day


def test_a_time_is_all_that_restore_needs(logs: Path, tmp_path: Path) -> None:
    """With --at, restore takes all its arguments as paths, and all of the snapshot without any."""
    found = restored(logs, tmp_path / "some", "--at", FIRST, logs / "notes", "**/iso")
    assert sorted(found) == ["iso", "notes"]
    assert found["notes"] == "day 1\n"
    assert sorted(restored(logs, tmp_path / "all", "--at", FIRST)) == ["iso", "notes", "syslog"]


def test_a_snapshot_is_named_by_a_time_as_well(logs: Path) -> None:
    """@TIME as a SNAPSHOT means what --at means, seconds since 1970 included."""
    assert host(logs).run("cat", "@1772366400", logs / "notes").text == "day 1\n"


def test_the_zone_of_a_time_can_be_given(logs: Path) -> None:
    """A time without an offset is in the zone of --timezone."""
    zone = ("--timezone", "America/New_York")
    before = host(logs).run("cat", "--at", "2026-03-02T06:59:59", *zone, logs / "notes")
    after = host(logs).run("cat", "--at", "2026-03-02T07:00:00", *zone, logs / "notes")
    assert (before.stdout, after.stdout) == (b"day 1\n", b"day 2\n")


def test_sets_are_kept_apart(archive: Archive) -> None:
    """Another set's snapshot is taken only where no set is named."""
    time = ("--at", "2026-03-02T20:00:00Z")
    listed = archive.command.run("restore", *time, "--dry-run", "--target", "none", "--json").json
    assert listed["snapshot"] == archive.stream
    web = archive.command.run(
        "restore", *time, "--set", "web", "--dry-run", "--target", "none", "--json"
    ).json
    assert web["snapshot"] == archive.ids[1]


def test_a_time_before_all_snapshots(logs: Path, tmp_path: Path) -> None:
    """Where no snapshot is as old, nothing is restored, and the oldest is named."""
    target = tmp_path / "none"
    outcome = host(logs).run("restore", "--at", "2026-02-01", "--target", target, expect=1)
    assert FIRST in outcome.stderr
    assert not target.exists()


def test_logs_are_cut_at_a_time(logs: Path, tmp_path: Path) -> None:
    """--trim cuts each log after its last record; what cannot be cut is whole and named."""
    report = host(logs).run("restore", *TRIM, "--target", tmp_path, "--json").json
    folder = tmp_path / logs.relative_to("/")
    iso, syslog = (logs / "iso").read_text(), (logs / "syslog").read_text()
    assert (folder / "iso").read_text() == iso[: iso.index("2026-03-02T11")]
    assert (folder / "syslog").read_text() == syslog[: syslog.index("Mar  2 11")]
    for name in ("notes", "app.log.1.gz"):
        assert (folder / name).read_bytes() == (logs / name).read_bytes()
    assert report["trimmed"] == 2
    told = [(event["kind"], os.path.basename(event["path"])) for event in report["events"]]
    assert told == [("not-trimmed", "app.log.1.gz"), ("not-trimmed", "notes")]
    assert report["bytes"] == sum(path.stat().st_size for path in folder.iterdir())
    again = (*TRIM, "--target", tmp_path, "--overwrite", "if-changed", "--json")
    report = host(logs).run("restore", *again).json
    assert (report["files"], report["skipped"]) == (0, 4)


def test_people_are_told_what_was_cut(logs: Path, tmp_path: Path) -> None:
    """The lines for people count the files that were cut, and those that could not be, if any."""
    line = "\ntrimmed  2 files cut; 2 could not be cut and are whole\n"
    assert line in host(logs).run("restore", *TRIM, "--target", tmp_path / "all").text
    line = "\ntrimmed  1 file cut\n"
    assert line in host(logs).run("restore", *TRIM, "--target", tmp_path / "one", "**/iso").text


def test_a_tar_can_be_cut(logs: Path) -> None:
    """A tar holds the cut logs, with their sizes."""
    tar = host(logs).run("restore", *TRIM, "--tar", "**/iso").stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        (member,) = archive.getmembers()
        file = archive.extractfile(member)
        assert file is not None
        text = file.read().decode()
    whole = (logs / "iso").read_text()
    assert text == whole[: whole.index("2026-03-02T11")]


def test_one_log_can_be_cut(logs: Path) -> None:
    """cat --trim writes a log up to the time, and names one that it cannot cut."""
    text = host(logs).run("cat", *TRIM, logs / "iso").text
    assert text.splitlines()[-2:] == ["2026-03-02T10:00:00Z up", "  and more"]
    outcome = host(logs).run("cat", *TRIM, logs / "notes")
    assert outcome.text == "day 2\n"
    assert outcome.stderr.startswith(f"not-trimmed: {logs}/notes: ")


def test_the_snapshot_before_is_cut(logs: Path) -> None:
    """Without --snapshot, what is cut is the newest snapshot at or before the time."""
    for time, day in (("2026-03-02T10:30:00Z", 1), ("2026-03-03T00:00:00Z", 2)):
        text = host(logs).run("cat", "--at", time, "--trim", logs / "syslog").text
        assert text.splitlines()[-1] == f"Mar  {day} 11:00:00 host app: up"


def test_a_compressed_log_is_cut_as_its_text(logs: Path) -> None:
    """A gzip file is written whole and named, and cut where its text is asked for."""
    outcome = host(logs).run("cat", *TRIM, logs / "app.log.1.gz")
    assert gzip.decompress(outcome.stdout).decode() == LINES
    assert "not-trimmed" in outcome.stderr
    for option in ("--plain", "--lineage"):
        plain = host(logs).run("cat", *TRIM, option, logs / "app.log.1.gz").text
        assert plain == LINES[: LINES.index("2026-03-02T11")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("restore", "--target", "x"), "give a SNAPSHOT, or --at TIME"),
        (("cat",), "give a SNAPSHOT, or --at TIME"),
        (("cat", "latest"), "give the PATH"),
        (("cat", "latest", "a", "b"), "give one PATH"),
        (("cat", "--at", FIRST), "give the PATH"),
        (("cat", "--at", FIRST, "latest", "a"), "no SNAPSHOT: --at chooses it"),
        (("restore", "--at", FIRST, "latest~1", "--target", "x"), "no SNAPSHOT: --at chooses it"),
        (("cat", "latest", "a", "--trim"), "give it with --at TIME"),
        (("restore", "latest", "--trim", "--target", "x"), "give it with --at TIME"),
        (("cat", "--at", FIRST, "--snapshot", "latest", "a"), "--snapshot says what --trim"),
        (("restore", "--at", "noon", "--target", "x"), "not a time"),
    ],
)
def test_options_that_do_not_fit_together(
    logs: Path, arguments: tuple[str, ...], words: str
) -> None:
    """Arguments that leave open what is meant are wrong usage; the message says what to give."""
    assert words in host(logs).run(*arguments, expect=2).stderr
