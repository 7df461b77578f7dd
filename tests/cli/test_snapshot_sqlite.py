"""What the command says of SQLite databases, and how it is told to leave them alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from cli.installed_command import Dedupstore


def test_databases_are_copied_unless_told_otherwise(dedupstore: Dedupstore) -> None:
    """A database is one file in the snapshot, with --no-sqlite the files that it is made of."""
    logs = dedupstore.folder / "logs"
    logs.mkdir()
    with closing(sqlite3.connect(logs / "app.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE log (line TEXT)")
        connection.execute("INSERT INTO log VALUES ('only in the write-ahead log')")
        copied = dedupstore.run("snapshot", "--json", "-v", logs)
        raw = dedupstore.snapshot("--no-sqlite", logs)
    assert (copied.json["files"], raw["files"]) == (1, 3)
    assert copied.stderr.count("in-database: ") == 2
    assert {event["kind"] for event in copied.json["events"]} == {"in-database"}
    dedupstore.run("restore", "latest~1", "--target", "back")
    back = dedupstore.folder / "back" / logs.relative_to("/") / "app.db"
    with closing(sqlite3.connect(back)) as connection:
        found = connection.execute("SELECT line FROM log").fetchall()
    assert found == [("only in the write-ahead log",)]
    assert dedupstore.run("snapshot", logs).stderr == ""
