"""``holds`` as logrotate's preremove uses it: the exit code is the answer."""

from __future__ import annotations

import os

from cli.conftest import Archive
from cli.installed_command import Dedupstore


def test_the_exit_code_is_the_answer(archive: Archive) -> None:
    """0 only if every file is held; what is not is named on stderr, with -q, too."""
    log = archive.logs / "app.log.1"
    held = archive.command.run("holds", log)
    assert held.stdout.startswith(f"held: {log}: in ".encode())
    assert archive.command.run("-q", "holds", log).stdout == b""
    missing = archive.command.run("-q", "holds", log, archive.logs / "nowhere", expect=1)
    assert (missing.stdout, missing.stderr.count("\n")) == (b"", 1)
    assert "nowhere" in missing.stderr
    archive.command.run("holds", expect=2)
    archive.command.run("holds", log, "--set", "db", expect=1)
    archive.command.run("holds", log, "--data", "--set", "web")


def test_the_json_says_where(archive: Archive) -> None:
    """The JSON says of each file whether it is held, and by which snapshot at which path."""
    log = archive.logs / "app.log.1"
    outcome = archive.command.run("holds", "--json", log, "/nowhere", expect=1)
    assert outcome.json["held"] is False
    first, second = outcome.json["files"]
    assert first["held"] is True
    assert first["snapshot"] in archive.ids
    assert first["stored_path"] in (str(log), str(archive.logs / "app.log"))
    assert (second["held"], second["snapshot"]) == (False, None)
    assert second["reason"] == "No such file or directory"


def test_hostile_names_do_not_reach_the_terminal(dedupstore: Dedupstore) -> None:
    """Names with escape codes are printed escaped, and lossless in JSON."""
    name = b"evil\x1b[2J\xff.log"
    path = os.fsencode(dedupstore.folder) + b"/" + name
    with open(path, "wb") as log:
        log.write(b"line\n")
    outcome = dedupstore.run("holds", path, expect=1)
    assert "\x1b" not in outcome.stderr
    dedupstore.run("snapshot", path)
    assert b"\x1b" not in dedupstore.run("holds", path).stdout
    (file,) = dedupstore.run("holds", "--json", path).json["files"]
    assert (file["held"], "stored_path_b64" in file) == (True, True)
