"""What list prints for people."""

from __future__ import annotations

from cli.conftest import Archive
from cli.installed_command import Dedupstore


def head(text: str) -> list[str]:
    """Return the names of a table's columns."""
    return text.splitlines()[0].split()


def test_columns_that_say_nothing_are_left_out(dedupstore: Dedupstore) -> None:
    """Without tags, and where each set is named for its host, neither tags nor hosts are shown."""
    dedupstore.run("snapshot", "--stdin-name", "a.log", stdin=b"a\n")
    assert head(dedupstore.run("list").text) == ["snapshot", "time", "set", "files", "size"]


def test_columns_that_differ_are_shown(archive: Archive) -> None:
    """Hosts that are not the sets' names are shown, and so are tags."""
    listed = archive.command.run("list").text
    assert head(listed) == ["snapshot", "time", "set", "host", "files", "size", "tags"]
    assert listed.splitlines()[1].endswith("nightly")


def test_the_time_that_is_shown_finds_the_snapshot(dedupstore: Dedupstore) -> None:
    """A time copied from what snapshot or list prints names that snapshot, not the one before."""
    log = dedupstore.folder / "app.log"
    log.write_text("up\n")
    first = dedupstore.run("snapshot", log).text
    log.write_text("up and running\n")
    second = dedupstore.run("snapshot", log).text
    listed = [line.split()[1] for line in dedupstore.run("list").text.splitlines()[1:]]
    assert listed == [text.splitlines()[0].rpartition(", ")[2] for text in (first, second)]
    assert dedupstore.run("cat", f"@{listed[0]}", log).text == "up\n"
    assert dedupstore.run("cat", "--at", listed[1], log).text == "up and running\n"
