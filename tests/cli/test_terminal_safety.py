"""Names chosen by others never act on the terminal, and are never lost in JSON."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from cli.installed_command import Argument, Dedupstore

HOSTILE = [
    b"\x1b[2J\x1b]0;owned\x07.log",
    b"two\nlines.log",
    b"back\rspace\x08.log",
    b"\xc2\x9b31mc1.log",
    "right\u202eto left.log".encode(),
    b"latin-\xe9\xff.log",
    b"tab\t.log",
]


@pytest.fixture
def logs(dedupstore: Dedupstore) -> Path:
    """Return a folder of files with hostile names, and a link with a hostile target."""
    folder = dedupstore.folder / "logs"
    folder.mkdir()
    for name in HOSTILE:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(name)
    os.symlink(b"\x1b[31mtarget\xff", folder / "link")
    return folder


def assert_harmless(text: bytes) -> None:
    """Require that a terminal would act on nothing but the ends of lines."""
    shown = text.decode("utf-8")
    assert {character for character in shown if not character.isprintable()} <= {"\n"}


def test_names_are_shown_escaped(dedupstore: Dedupstore, logs: Path) -> None:
    """No command for people prints a control character that came from a name."""
    first = dedupstore.run("-v", "snapshot", "logs", b"missing\x1b[7m\xff.log", expect=3)
    for name in HOSTILE[:3]:
        os.rename(os.fsencode(logs) + b"/" + name, os.fsencode(logs) + b"/new " + name)
    os.mkfifo(logs / "pipe\x1b[5m")
    dedupstore.run("snapshot", "logs")
    outputs = [first]
    asked: list[tuple[int, tuple[Argument, ...]]] = [
        (0, ("ls", "latest")),
        (0, ("list",)),
        (0, ("diff", "latest~1", "latest")),
        (3, ("restore", "latest", "**", b"no\x1bthing\xff", "--target", "out\x1b[1m")),
        (1, ("cat", "latest", b"/no\x1bthing\n\xff")),
        (1, ("ls", "latest\x1b[2J")),
        (1, ("ls", b"\xff\xfe")),
        (2, (b"comm\x1band\n",)),
        (2, ("list", b"--op\x1btion\xff")),
        (2, ("snapshot", "logs", "--set", "a\x1b[2J")),
        (10, ("-r", b"re\x1bpo\n\xff", "list")),
        (1, ("snapshot", b"mis\x1bsing\n\xff")),
    ]
    outputs += [dedupstore.run("-v", *arguments, expect=code) for code, arguments in asked]
    for outcome in outputs:
        assert_harmless(outcome.stdout)
        assert_harmless(outcome.stderr.encode())


def test_events_of_logs_are_shown_escaped(dedupstore: Dedupstore, logs: Path) -> None:
    """What is told of logs that were rewritten or cut short names them without acting."""
    paths = [Path(os.fsdecode(os.fsencode(logs) + b"/" + name)) for name in HOSTILE]
    dedupstore.run("snapshot", "logs")
    for path in paths[::2]:
        path.write_bytes(b"\x1b[2J something else, and longer than it was\n")
    for path in paths[1::2]:
        path.write_bytes(b"\x1b")
    outcome = dedupstore.run("-v", "snapshot", "logs")
    assert outcome.stderr.count("so it was read whole") == len(paths[::2])
    assert outcome.stderr.count("cut short") == len(paths[1::2])
    assert_harmless(outcome.stdout)
    assert_harmless(outcome.stderr.encode())


def test_names_that_are_not_utf8_are_whole_in_json(dedupstore: Dedupstore, logs: Path) -> None:
    """JSON is ASCII, gives such a name readably, and its exact bytes in base64 beside it."""
    odd = os.fsencode(logs) + b"/" + HOSTILE[5]
    dedupstore.run("snapshot", odd, b"missing\xff", "--set", "odd", "--json", expect=3)
    dedupstore.snapshot("logs", "--set", "all")
    outcome = dedupstore.run("ls", "latest", "--json")
    assert outcome.stdout.isascii()
    entries = outcome.json_lines
    exact = {
        base64.b64decode(entry["path_b64"]) if "path_b64" in entry else entry["path"].encode()
        for entry in entries
    }
    assert exact >= {os.fsencode(logs) + b"/" + name for name in HOSTILE}
    assert sum("path_b64" in entry for entry in entries) == 1
    assert "\ufffd" in next(entry["path"] for entry in entries if "path_b64" in entry)
    link = next(entry for entry in entries if entry["type"] == "symlink")
    assert base64.b64decode(link["target_b64"]) == b"\x1b[31mtarget\xff"
    listed = dedupstore.run("list", "--set", "odd", "--json").json[0]
    assert base64.b64decode(listed["paths_b64"][0]) == odd
    os.rename(odd, odd + b".1")
    dedupstore.snapshot("logs", "--set", "all")
    moved = dedupstore.run("diff", "latest~1", "latest", "--set", "all", "--json").json["renamed"]
    assert base64.b64decode(moved[0]["from_b64"]) == odd
    assert base64.b64decode(moved[0]["path_b64"]) == odd + b".1"


def test_such_names_can_be_asked_for(dedupstore: Dedupstore, logs: Path) -> None:
    """Every hostile name, given as it is, is found by cat and restored under exactly that name."""
    dedupstore.snapshot("logs")
    for name in HOSTILE:
        path = os.fsencode(logs) + b"/" + name
        assert dedupstore.run("cat", "latest", path).stdout == name
    dedupstore.run("restore", "latest", "--target", "out")
    restored = os.listdir(os.fsencode(dedupstore.folder / "out") + os.fsencode(logs))
    assert set(restored) == {*HOSTILE, b"link"}


def test_a_repository_may_have_any_name(dedupstore: Dedupstore) -> None:
    """A repository whose folder is not UTF-8 works, and init gives its exact location."""
    odd = os.fsencode(dedupstore.folder) + b"/r\xe9po\n"
    made = dedupstore.run("-r", odd, "init", "--json").json
    assert base64.b64decode(made["location_b64"]) == odd
    (dedupstore.folder / "a.log").write_text("a\n")
    dedupstore.run("snapshot", "a.log", "-r", odd)
    assert dedupstore.run("check", "-r", odd, "--json").json["ok"]
