"""Every command's JSON holds the promised fields, of the promised types, and nothing beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cli.conftest import Archive
from cli.installed_command import Dedupstore

Check = Callable[[Any], bool]


def is_count(value: Any) -> bool:
    """Tell whether a value is a number of things or bytes."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_number(value: Any) -> bool:
    """Tell whether a value is a ratio or a number of seconds."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def is_id(value: Any) -> bool:
    """Tell whether a value is a whole id."""
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def is_time(value: Any) -> bool:
    """Tell whether a value is ISO 8601 in UTC with Z."""
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def is_text(value: Any) -> bool:
    """Tell whether a value is a text."""
    return isinstance(value, str)


def is_flag(value: Any) -> bool:
    """Tell whether a value is true or false."""
    return isinstance(value, bool)


def list_of(check: Check) -> Check:
    """Return a check for lists whose every item passes."""
    return lambda value: isinstance(value, list) and all(map(check, value))


def is_record(value: Any) -> bool:
    """Tell whether a value is an object."""
    return isinstance(value, dict)


SNAPSHOT = {
    "snapshot": is_id,
    "set": is_text,
    "time": is_time,
    "files": is_count,
    "bytes": is_count,
    "bytes_read": is_count,
    "bytes_new": is_count,
    "bytes_stored": is_count,
    "files_new": is_count,
    "files_grown": is_count,
    "files_renamed": is_count,
    "files_unchanged": is_count,
    "twins": is_count,
    "warnings": list_of(is_record),
    "seconds": is_number,
}
LISTED = {
    "snapshot": is_id,
    "time": is_time,
    "set": is_text,
    "host": is_text,
    "paths": list_of(is_text),
    "tags": list_of(is_text),
    "files": is_count,
    "bytes": is_count,
    "complete": is_flag,
    "held": is_flag,
}
ENTRY = {"path": is_text, "type": is_text, "size": is_count, "mtime": is_time, "mode": is_text}
RESTORED = {
    "snapshot": is_id,
    "files": is_count,
    "bytes": is_count,
    "skipped": is_count,
    "failed": list_of(is_record),
    "seconds": is_number,
}
DIFF = dict.fromkeys(("added", "removed", "changed", "renamed", "grown"), list_of(is_record))
CHECKED = {
    "ok": is_flag,
    "findings": list_of(is_record),
    "packs": is_count,
    "chunks": is_count,
    "bytes_read": is_count,
    "packs_verified": is_count,
    "packs_never_verified": is_count,
    "verified_oldest": lambda value: value is None or is_time(value),
}
STATS = {
    "snapshots": is_count,
    "bytes_original": is_count,
    "bytes_unique": is_count,
    "bytes_stored": is_count,
    "chunks": is_count,
    "packs": is_count,
    "dedup_ratio": is_number,
    "compression_ratio": is_number,
}
VERSION = {"version": is_text, "format": is_count, "kernel": lambda k: k in ("native", "python")}
HELD = {"snapshots": list_of(is_id)}
INIT = {"repository_id": is_id, "location": is_text}

READING: dict[tuple[str, ...], Mapping[str, Check]] = {
    ("diff", "latest~1", "latest", "--set", "web"): DIFF,
    ("check",): CHECKED,
    ("check", "--data"): CHECKED,
    ("check", "--data-subset", "50%"): CHECKED,
    ("check", "--data-subset", "1KiB", "--snapshot", "latest"): CHECKED,
    ("stats",): STATS,
    ("stats", "latest", "latest~1"): STATS,
    ("version",): VERSION,
}


def assert_fields(found: dict[str, Any], promised: Mapping[str, Check]) -> None:
    """Hold an object against the fields it must have."""
    wrong = {
        name: found.get(name, "(missing)")
        for name, check in promised.items()
        if name not in found or not check(found[name])
    }
    assert not wrong


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_reading_commands_print_one_document(archive: Archive, arguments: tuple[str, ...]) -> None:
    """A command that reads prints one JSON object with all promised fields, and says no more."""
    outcome = archive.command.run(*arguments, "--json")
    assert_fields(outcome.json, READING[arguments])
    assert outcome.text.count("\n") == 1
    assert outcome.stderr == ""


def test_list_is_an_array_oldest_first(archive: Archive) -> None:
    """The list of snapshots is one array, oldest first, each item with all promised fields."""
    listed = archive.command.run("list", "--json").json
    for item in listed:
        assert_fields(item, LISTED)
    first, second, third = archive.ids
    assert [item["snapshot"] for item in listed] == [first, second, archive.stream, third]
    assert listed[0]["tags"] == ["nightly"]
    assert listed[0]["paths"] == [str(archive.logs)]
    assert listed[2]["host"] == "beta"


def test_list_is_narrowed(archive: Archive) -> None:
    """--set, --tag and --host each leave only what they name; nothing found is an empty array."""
    run = archive.command.run
    assert len(run("list", "--json", "--set", "web").json) == 3
    assert len(run("list", "--json", "--tag", "nightly").json) == 1
    assert len(run("list", "--json", "--host", "beta").json) == 1
    assert run("list", "--json", "--set", "none").json == []


def test_ls_prints_json_lines(archive: Archive) -> None:
    """Each entry is a line with the promised fields: files, folders and links with their target."""
    entries = archive.command.run("ls", "latest", "--set", "web", "--json").json_lines
    for entry in entries:
        assert_fields(entry, ENTRY)
    types = {entry["path"].removeprefix(str(archive.logs)): entry["type"] for entry in entries}
    assert types == {
        "": "directory",
        "/app.log": "file",
        "/app.log.1": "file",
        "/current": "symlink",
        "/new.log": "file",
        "/nginx": "directory",
        "/nginx/access.log": "file",
        "/nginx/empty": "directory",
    }
    link = next(entry for entry in entries if entry["type"] == "symlink")
    assert link["target"] == "app.log"
    log = next(entry for entry in entries if entry["path"].endswith("app.log.1"))
    assert log["size"] == (archive.logs / "app.log.1").stat().st_size
    assert log["mode"] == "0644"


def test_diff_tells_the_story(archive: Archive) -> None:
    """A diff tells added, removed, grown, renamed and rewritten files apart, by path and size."""
    older, newer, newest = archive.ids
    logs = str(archive.logs)
    found = archive.command.run("diff", older, newer, "--json").json
    assert [item["path"] for item in found["grown"]] == [f"{logs}/app.log"]
    grown = found["grown"][0]
    assert grown["size"] - grown["size_before"] == len("second line\n")
    assert [item["path"] for item in found["added"]] == [f"{logs}/new.log"]
    assert [item["path"] for item in found["removed"]] == [f"{logs}/old.log"]
    found = archive.command.run("diff", newer, newest, "--json").json
    moved = [(item["from"], item["path"]) for item in found["renamed"]]
    assert moved == [(f"{logs}/app.log", f"{logs}/app.log.1")]
    assert [item["path"] for item in found["changed"]] == [f"{logs}/nginx/access.log"]


def test_snapshot_and_restore_report_what_they_did(dedupstore: Dedupstore) -> None:
    """The numbers in the JSON of snapshot and restore are those of the files they worked on."""
    (dedupstore.folder / "logs").mkdir()
    (dedupstore.folder / "logs" / "a.log").write_bytes(b"0123456789" * 1000)
    (dedupstore.folder / "logs" / "b.log").write_bytes(b"b" * 10)
    taken = dedupstore.run("snapshot", "logs", "--set", "web", "--json")
    assert taken.stderr == ""
    assert_fields(taken.json, SNAPSHOT)
    assert taken.json["files"] == taken.json["files_new"] == 2
    assert taken.json["bytes"] == taken.json["bytes_read"] == 10_010
    assert taken.json["set"] == "web"
    outcome = dedupstore.run("restore", "latest", "--target", "out", "--json")
    assert outcome.stderr == ""
    assert_fields(outcome.json, RESTORED)
    assert outcome.json["snapshot"] == taken.json["snapshot"]
    assert (outcome.json["files"], outcome.json["bytes"]) == (2, 10_010)


def test_hold_and_release_name_whole_ids(dedupstore: Dedupstore) -> None:
    """Hold and release print whole ids, the list shows who is held, and doing it twice is fine."""
    (dedupstore.folder / "a.log").write_text("a\n")
    taken = dedupstore.snapshot("a.log")["snapshot"]
    for _ in range(2):
        held = dedupstore.run("hold", taken[:8], "--json").json
        assert_fields(held, HELD)
        assert held["snapshots"] == [taken]
        assert dedupstore.run("list", "--json").json[0]["held"] is True
    for _ in range(2):
        assert dedupstore.run("release", "latest", "--json").json["snapshots"] == [taken]
        assert dedupstore.run("list", "--json").json[0]["held"] is False


def test_init_reports_where_it_is(dedupstore: Dedupstore) -> None:
    """Init gives the new repository's id and absolute location, and makes it private."""
    made = dedupstore.run("init", "--json", "--repo", "another").json
    assert_fields(made, INIT)
    assert made["location"] == str(dedupstore.folder / "another")
    assert (dedupstore.folder / "another").stat().st_mode & 0o777 == 0o700


def test_a_dry_run_has_no_snapshot(dedupstore: Dedupstore) -> None:
    """A dry run reports the same numbers with a null id, and stores nothing."""
    (dedupstore.folder / "a.log").write_text("a\n" * 5000)
    rehearsed = dedupstore.snapshot("a.log", "--dry-run")
    assert rehearsed["snapshot"] is None
    assert rehearsed["bytes_stored"] == 0
    assert dedupstore.run("list", "--json").json == []
    done = dedupstore.snapshot("a.log")
    for name in ("files", "bytes", "bytes_read", "bytes_new", "files_new"):
        assert rehearsed[name] == done[name]
