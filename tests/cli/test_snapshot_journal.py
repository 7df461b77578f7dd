"""``snapshot --journal`` with the real journalctl, on journals made for the test."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from cli.installed_command import Dedupstore
from journal_streams import journal_stream

REMOTE = next(
    (
        path
        for folder in ("/usr/lib/systemd", "/lib/systemd")
        if os.access(path := f"{folder}/systemd-journal-remote", os.X_OK)
    ),
    None,
)

needs_systemd = pytest.mark.skipif(
    REMOTE is None or shutil.which("journalctl") is None,
    reason="journalctl or systemd-journal-remote is not installed",
)


def make_journal(file: Path, stream: bytes) -> None:
    """Make a journal file of a stream; fails unless all of it is accepted."""
    done = subprocess.run(
        [str(REMOTE), "-o", str(file), "-"], input=stream, capture_output=True, check=True
    )
    entries = stream.count(b"\n__REALTIME_TIMESTAMP=")
    assert f"after writing {entries} entries" in done.stderr.decode()


def messages(folder: Path, *matches: str) -> list[str]:
    """Return the messages of the journals in a folder, as journalctl shows them."""
    command = ["journalctl", f"--directory={folder}", "--output=cat", "--no-pager", *matches]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def journal_of(base: Path, numbers: Iterable[int], name: str = "one") -> Path:
    """Return a folder with one more journal file."""
    folder = base / "journal"
    folder.mkdir(exist_ok=True)
    make_journal(folder / f"{name}.journal", journal_stream(numbers))
    return folder


def restored(command: Dedupstore, base: Path, name: str = "latest") -> list[str]:
    """Return the messages of a journal that is made of what a snapshot holds."""
    target = base / f"restored-{name}"
    command.run("restore", name, "--target", target)
    folder = base / f"read-{name}"
    folder.mkdir()
    make_journal(folder / "back.journal", (target / "journal.export").read_bytes())
    return messages(folder)


@needs_systemd
def test_a_real_journal_comes_back(dedupstore: Dedupstore, tmp_path: Path) -> None:
    """What a snapshot restores makes a journal with all entries, also those vacuumed since."""
    folder = journal_of(tmp_path, range(300))
    options = ("--journal", "--journal-directory", folder, "--host", "alpha")
    first = dedupstore.snapshot(*options)
    assert (first["set"], first["files_new"], first["complete"]) == ("alpha-journal", 1, True)
    journal_of(tmp_path, range(300, 340), "two")
    second = dedupstore.snapshot(*options)
    assert (second["files_grown"], second["events"]) == (1, [])
    assert second["bytes_read"] < first["bytes_read"] / 5
    third = dedupstore.snapshot(*options)
    assert (third["files_unchanged"], third["bytes_read"], third["bytes_new"]) == (1, 0, 0)
    before = messages(folder)
    (folder / "one.journal").unlink()
    fourth = dedupstore.snapshot(*options)
    assert (fourth["files_unchanged"], fourth["events"]) == (1, [])
    assert restored(dedupstore, tmp_path) == before
    assert len(restored(dedupstore, tmp_path, "latest~3")) == 300


@needs_systemd
def test_only_matching_entries_are_taken(dedupstore: Dedupstore, tmp_path: Path) -> None:
    """--journal-match takes the entries that journalctl shows for the same match."""
    folder = journal_of(tmp_path, range(40))
    match = "_SYSTEMD_UNIT=nginx.service"
    dedupstore.snapshot(
        "--journal", "--journal-directory", folder, "--journal-match", match, "--set", "nginx"
    )
    assert restored(dedupstore, tmp_path) == messages(folder, match) != messages(folder)


@needs_systemd
def test_a_journal_that_cannot_be_read_is_no_snapshot(
    dedupstore: Dedupstore, tmp_path: Path
) -> None:
    """Without the folder, or with an impossible match, the code is 1 and there is no snapshot."""
    missing = ("--journal", "--journal-directory", tmp_path / "nowhere")
    outcome = dedupstore.run("snapshot", "--json", *missing, expect=1)
    assert outcome.json["error"]["kind"] == "command-failed"
    folder = journal_of(tmp_path, range(3))
    odd = ("--journal", "--journal-directory", folder, "--journal-match", "--no such field")
    dedupstore.run("snapshot", *odd, expect=1)
    assert dedupstore.run("list", "--json").json == []


def test_a_journal_is_taken_alone(dedupstore: Dedupstore) -> None:
    """--journal goes with nothing else to store, and its options do not go without it."""
    for arguments in (
        ("--journal", "/var/log"),
        ("--journal", "--stdin-name", "x"),
        ("--journal", "--files-from", "-"),
        ("--journal-directory", "/var/log/journal"),
        ("--journal-match", "A=b", "/var/log"),
    ):
        outcome = dedupstore.run("snapshot", *arguments, expect=2)
        assert "--journal" in outcome.stderr
