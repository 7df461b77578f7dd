"""Ways to say what a snapshot is to hold: paths, lists, patterns, a pipe, a command."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from cli.installed_command import Dedupstore


@pytest.fixture
def logs(dedupstore: Dedupstore) -> Path:
    """Return a folder of a few logs."""
    folder = dedupstore.folder / "logs"
    (folder / "nginx").mkdir(parents=True)
    for name in ("a.log", "b.tmp", "nginx/access.log", "nginx/c.tmp"):
        (folder / name).write_text(f"{name}\n" * 10)
    return folder


def held(command: Dedupstore, name: str = "latest") -> set[str]:
    """Return the paths of the files of a snapshot, relative to the working folder."""
    entries = command.run("ls", name, "--json").json_lines
    paths = (entry["path"] for entry in entries if entry["type"] == "file")
    return {path.removeprefix(f"{command.folder}/") for path in paths}


def content(command: Dedupstore, path: str | Path) -> bytes:
    """Return what the latest snapshot holds of a file."""
    return command.run("cat", "latest", path).stdout


def test_a_pipe_becomes_a_file(dedupstore: Dedupstore) -> None:
    """What comes from stdin is stored under the given name, byte for byte, empty streams too."""
    for stream in (os.urandom(300_000), b"no newline", b""):
        taken = dedupstore.run("snapshot", "--stdin-name", "dump/all.sql", "--json", stdin=stream)
        assert (taken.json["files"], taken.json["bytes"]) == (1, len(stream))
        assert content(dedupstore, "dump/all.sql") == content(dedupstore, "/dump/all.sql") == stream


def test_compression_trades_time_for_room(dedupstore: Dedupstore) -> None:
    """--compression small stores in less room than auto, auto than fast; all give the same back."""
    source = random.Random(7)
    lines = (b"%d GET /item/%d 200" % (number, source.randrange(9999)) for number in range(30_000))
    log = dedupstore.folder / "access.log"
    log.write_bytes(b"\n".join(lines))
    stored = []
    for effort in ("fast", "auto", "small"):
        own = replace(dedupstore, repository=dedupstore.folder / effort)
        own.run("init")
        taken = own.run("snapshot", "--compression", effort, log, "--json").json
        stored.append(taken["bytes_stored"])
        assert content(own, log) == log.read_bytes()
    assert stored == sorted(stored, reverse=True)
    assert len(set(stored)) == len(stored)


def test_a_command_is_stored_if_it_succeeds(dedupstore: Dedupstore) -> None:
    """--exec stores what a command writes to stdout, and shows what it writes to stderr."""
    outcome = dedupstore.run(
        "snapshot", "--stdin-name", "out.txt", "--exec", "--json", "--",
        "sh", "-c", "echo stored; echo shown >&2; cat",
        stdin=b"not for the command",
    )  # fmt: skip
    assert outcome.json["bytes"] == len("stored\n")
    assert outcome.stderr == "shown\n"
    assert content(dedupstore, "out.txt") == b"stored\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("sh", "-c", "echo half; exit 3"), "exited with 3"),
        (("sh", "-c", "echo half; kill -9 $$"), "signal 9"),
        (("no-such-command-anywhere",), "cannot run"),
        (("",), "cannot run"),
    ],
)
def test_a_command_that_fails_leaves_no_snapshot(
    dedupstore: Dedupstore, command: tuple[str, ...], said: str
) -> None:
    """If the command fails, dies or does not exist, there is no snapshot and the code is 1."""
    outcome = dedupstore.run(
        "snapshot", "--json", "--stdin-name", "out", "--exec", "--", *command, expect=1
    )
    assert outcome.json["error"]["kind"] == "command-failed"
    assert said in outcome.json["error"]["message"]
    assert dedupstore.run("list", "--json").json == []


def test_paths_come_from_files_too(dedupstore: Dedupstore, logs: Path) -> None:
    """--files-from takes the lines of a file or of stdin as paths, beside those on the line."""
    (dedupstore.folder / "list.txt").write_text("logs/a.log\n\nlogs/nginx\n")
    dedupstore.snapshot("--files-from", "list.txt")
    assert held(dedupstore) == {"logs/a.log", "logs/nginx/access.log", "logs/nginx/c.tmp"}
    dedupstore.run("snapshot", "logs/a.log", "--files-from", "-", stdin=b"logs/b.tmp")
    assert held(dedupstore) == {"logs/a.log", "logs/b.tmp"}
    odd = logs / "two words\xe9.log"
    odd.write_text("odd\n")
    dedupstore.run("snapshot", "--files-from", "-", stdin=os.fsencode(odd) + b"\n")
    assert content(dedupstore, odd) == b"odd\n"
    dedupstore.run("snapshot", "--files-from", "-", stdin=b"\n", expect=2)
    dedupstore.run("snapshot", "--files-from", "-", stdin=b"a\0b\n", expect=2)
    dedupstore.run("snapshot", "--files-from", "nowhere.txt", expect=2)


def test_patterns_leave_out(dedupstore: Dedupstore, logs: Path) -> None:
    """--exclude and --exclude-from leave out what they match, and the report counts it."""
    taken = dedupstore.snapshot("logs", "--exclude", "*.tmp")
    assert held(dedupstore) == {"logs/a.log", "logs/nginx/access.log"}
    assert taken["excluded"] == 2
    assert taken["complete"] is True
    (dedupstore.folder / "rules").write_text("# scratch files\n*.tmp\n\nnginx\n")
    dedupstore.snapshot("logs", "--exclude-from", "rules")
    assert held(dedupstore) == {"logs/a.log"}
    dedupstore.snapshot("logs", "--exclude", f"{logs}/nginx/*.tmp", "--exclude", "logs/a.*")
    assert held(dedupstore) == {"logs/b.tmp", "logs/nginx/access.log"}
    outcome = dedupstore.run("snapshot", "logs", "--exclude", "logs", expect=1)
    assert "exclude" in outcome.stderr


def test_what_is_recorded_can_be_told(dedupstore: Dedupstore, logs: Path) -> None:
    """Time, set, host and tags are recorded as given; a time without an offset is in --timezone."""
    taken = dedupstore.snapshot(
        "logs", "--set", "wëb", "--host", "alpha", "--tag", "b", "--tag", "a",
        "--time", "2026-07-01T12:00:00", "--timezone", "Europe/Paris",
    )  # fmt: skip
    assert (taken["set"], taken["time"]) == ("wëb", "2026-07-01T10:00:00Z")
    listed = dedupstore.run("list", "--json").json[0]
    assert (listed["host"], listed["tags"]) == ("alpha", ["a", "b"])


def test_unchanged_files_are_not_read_unless_asked(dedupstore: Dedupstore, logs: Path) -> None:
    """The second snapshot of unchanged logs reads nothing, with --reread everything."""
    old = 1_700_000_000
    for path in logs.rglob("*"):
        os.utime(path, (old, old))
    first = dedupstore.snapshot("logs")
    assert first["files_new"] == first["files"] == 4
    second = dedupstore.snapshot("logs")
    assert (second["bytes_read"], second["bytes_new"]) == (0, 0)
    assert second["files_unchanged"] == 4
    third = dedupstore.snapshot("logs", "--reread")
    assert third["bytes_read"] == third["bytes"]
    assert (third["bytes_new"], third["files_unchanged"]) == (0, 4)


def test_sets_do_not_know_each_other(dedupstore: Dedupstore, logs: Path) -> None:
    """What is new, grown or renamed is counted against the last snapshot of the same set."""
    dedupstore.snapshot("logs", "--set", "one")
    assert dedupstore.snapshot("logs", "--set", "two")["files_new"] == 4
    with (logs / "a.log").open("a") as log:
        log.write("more\n")
    os.rename(logs / "b.tmp", logs / "moved.log")
    (logs / "fresh.log").write_text("fresh\n")
    taken = dedupstore.snapshot("logs", "--set", "one")
    counts = {name: taken[f"files_{name}"] for name in ("grown", "renamed", "new", "unchanged")}
    assert counts == {"grown": 1, "renamed": 1, "new": 1, "unchanged": 2}
    assert taken["bytes_new"] <= len("a.log\n" * 10 + "more\n") + len("fresh\n")


def test_one_file_system_stays_on_it(dedupstore: Dedupstore, logs: Path) -> None:
    """With --one-file-system a folder on another file system is named, and not entered."""
    other = next((Path(path) for path in ("/dev/shm", "/proc") if _is_elsewhere(path, logs)), None)
    if other is None:
        pytest.skip("everything here is one file system")
    inside = "/" + other.parts[1]
    taken = dedupstore.snapshot(
        inside if other.parent != Path("/") else "/",
        "--one-file-system", "--dry-run", "--exclude", "/[!dp]*", "--exclude", "/p[!r]*",
        "--exclude", "/d[!e]*",
    )  # fmt: skip
    named = [event["path"] for event in taken["events"] if event["kind"] == "other-file-system"]
    assert str(other) in named


def _is_elsewhere(path: str, logs: Path) -> bool:
    """Tell whether a path is on another file system than the folder above it."""
    try:
        return os.stat(path).st_dev != os.stat(os.path.dirname(path)).st_dev
    except OSError:
        return False


def test_a_list_of_very_many_paths_is_taken(dedupstore: Dedupstore) -> None:
    """However long a list of files is, its snapshot is readable and names the folder of them all.

    A record that named each would be longer than a reader accepts.
    """
    logs = dedupstore.folder / "logs" / ("long" * 50)
    logs.mkdir(parents=True)
    paths = [logs / f"{number:06}.log" for number in range(6000)]
    for path in paths:
        path.write_text(f"{path.name}\n")
    names = "".join(f"{path}\n" for path in paths)
    taken = dedupstore.run("snapshot", "--files-from", "-", "--json", stdin=names.encode())
    assert taken.json["files"] == 6000
    (listed,) = dedupstore.run("list", "--json").json
    assert listed["paths"] == [str(logs)]
    assert (dedupstore.repository / "snapshots" / listed["snapshot"]).stat().st_size < 2000
    assert content(dedupstore, paths[-1]) == b"005999.log\n"


def test_a_snapshot_dated_before_the_last_is_told(dedupstore: Dedupstore, logs: Path) -> None:
    """Where latest goes on meaning an older snapshot with a later time, a snapshot says so."""
    first = dedupstore.run("snapshot", logs, "--time", "2999-01-01", "--json")
    assert first.json["events"] == []
    second = dedupstore.run("snapshot", logs, "--json")
    assert [event["kind"] for event in second.json["events"]] == ["dated-earlier"]
    assert first.json["snapshot"][:12] in second.stderr
    assert dedupstore.run("snapshot", logs, "--set", "other", "--json").json["events"] == []
