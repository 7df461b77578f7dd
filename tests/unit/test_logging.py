"""``dedupstore.logging``: nothing that is rotated is lost, and no failure reaches the program."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator
from logging.handlers import BaseRotatingHandler, RotatingFileHandler, TimedRotatingFileHandler
from pathlib import Path
from typing import Any

import pytest

import dedupstore
from dedupstore.errors import UsageError
from dedupstore.logging import (
    ArchiveRotation,
    NdjsonFileHandler,
    NdjsonFormatter,
    archive_rotated,
)

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "python-logging.md"


@pytest.fixture
def location(tmp_path: Path) -> Path:
    """Return the folder of an empty repository."""
    dedupstore.init_repository(tmp_path / "repository", chunk_bytes_target=4096).close()
    return tmp_path / "repository"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return the path of a log that does not exist yet."""
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs" / "app.log"


@pytest.fixture
def failures(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets what handlers tell of failures."""
    told: list[str] = []

    def handle_error(handler: logging.Handler, record: logging.LogRecord) -> None:
        told.append(record.msg)

    monkeypatch.setattr(logging.Handler, "handleError", handle_error)
    return told


Rotating = Callable[..., RotatingFileHandler]


@pytest.fixture
def rotating(log: Path, location: Path) -> Iterator[Rotating]:
    """Return a function that makes a handler which rotates at each record and archives."""
    made: list[RotatingFileHandler] = []

    def make(backup_count: int = 2) -> RotatingFileHandler:
        handler = RotatingFileHandler(log, maxBytes=8, backupCount=backup_count)
        handler.setFormatter(logging.Formatter("%(message)s"))
        archive_rotated(handler, location, set_name="app")
        made.append(handler)
        return handler

    yield make
    for handler in made:
        handler.close()


def say(handler: logging.Handler, message: str, **fields: Any) -> None:
    """Log a message."""
    record = logging.LogRecord("app", logging.INFO, "app.py", 1, message, None, None)
    vars(record).update(fields)
    handler.handle(record)


def archived_lines(location: Path) -> set[str]:
    """Return all lines that any snapshot holds."""
    lines: set[str] = set()
    with dedupstore.open_repository(location) as repository:
        for snapshot in dedupstore.list_snapshots(repository):
            for entry in dedupstore.list_entries(repository, snapshot):
                if entry.type is dedupstore.EntryType.FILE:
                    output = io.BytesIO()
                    dedupstore.cat(repository, snapshot, entry.path, output)
                    lines.update(output.getvalue().decode().splitlines())
    return lines


def local_lines(log: Path) -> set[str]:
    """Return all lines in the log and in the files beside it."""
    return {line for path in log.parent.iterdir() for line in path.read_text().splitlines()}


def names(log: Path) -> list[str]:
    """Return the names of the log and the files beside it."""
    return sorted(path.name for path in log.parent.iterdir())


def test_what_is_removed_has_been_archived(
    log: Path, location: Path, rotating: Rotating, failures: list[str]
) -> None:
    """After many rotations the handler keeps its few files, and the archive has every line."""
    handler = rotating()
    for number in range(6):
        say(handler, f"line {number}")
    assert names(log) == ["app.log", "app.log.1", "app.log.2"]
    assert archived_lines(location) == {f"line {number}" for number in range(5)}
    assert failures == []


def test_a_failure_loses_nothing_and_is_told(
    log: Path, location: Path, rotating: Rotating, failures: list[str]
) -> None:
    """While the repository is away, every line stays on disk; then it is archived and removed."""
    handler = rotating()
    away = location.with_name("away")
    os.rename(location, away)
    for number in range(5):
        say(handler, f"line {number}")
    assert local_lines(log) == {f"line {number}" for number in range(5)}
    assert names(log)[1:] == [f"app.log.unarchived-{number}" for number in range(1, 5)]
    assert len(failures) == 4
    assert all("could not be archived" in told for told in failures)
    os.rename(away, location)
    say(handler, "line 5")
    assert names(log) == ["app.log", "app.log.1"]
    assert archived_lines(location) == {f"line {number}" for number in range(5)}
    assert len(failures) == 4


def test_files_from_before_are_not_lost(
    log: Path, location: Path, rotating: Rotating, failures: list[str]
) -> None:
    """What was rotated before the archive was there is archived before it is replaced."""
    for number in range(1, 3):
        log.with_name(f"app.log.{number}").write_text(f"old {number}\n")
    handler = rotating()
    say(handler, "first")
    say(handler, "second")
    assert "old 2" in archived_lines(location)
    assert failures == []


def test_files_from_before_stay_while_the_archive_is_away(
    log: Path, location: Path, rotating: Rotating, failures: list[str]
) -> None:
    """Where they cannot be archived, files from before are set aside instead of replaced."""
    for number in range(1, 3):
        log.with_name(f"app.log.{number}").write_text(f"old {number}\n")
    handler = rotating()
    shutil.rmtree(location)
    say(handler, "first")
    say(handler, "second")
    assert local_lines(log) == {"old 1", "old 2", "first", "second"}
    assert failures


def test_another_process_knows_what_is_archived(
    log: Path, location: Path, rotating: Rotating, failures: list[str]
) -> None:
    """A program that starts anew finds its old files archived, and takes no snapshot of them."""
    handler = rotating()
    for number in range(4):
        say(handler, f"line {number}")
    handler.close()
    with dedupstore.open_repository(location) as repository:
        before = len(dedupstore.list_snapshots(repository))
    again = rotating()
    say(again, "line 4")
    with dedupstore.open_repository(location) as repository:
        assert len(dedupstore.list_snapshots(repository)) == before + 1
    assert failures == []


def test_a_timed_handler_removes_only_what_is_archived(
    log: Path, location: Path, failures: list[str]
) -> None:
    """Old files of a TimedRotatingFileHandler are archived before they are removed, else kept."""
    for day in (1, 2, 3):
        log.with_name(f"app.log.2026-03-0{day}").write_text(f"day {day}\n")
    handler = TimedRotatingFileHandler(log, when="midnight", backupCount=1, utc=True)
    handler.setFormatter(logging.Formatter("%(message)s"))
    archive_rotated(handler, location, set_name="app")
    say(handler, "today")
    away = location.with_name("away")
    os.rename(location, away)
    handler.doRollover()
    assert {"day 1", "day 2", "today"} <= local_lines(log)
    assert failures
    os.rename(away, location)
    say(handler, "later")
    handler.doRollover()
    handler.close()
    assert {"day 1", "day 2", "today", "later"} <= archived_lines(location)
    assert not any("unarchived" in name for name in names(log))


def test_other_namers_and_rotators_are_kept(log: Path, location: Path, failures: list[str]) -> None:
    """A rotator that was there before does its work, and what it makes is archived."""
    handler = RotatingFileHandler(log, maxBytes=8, backupCount=2)
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.namer = lambda name: name + ".old"

    def shout(source: str, dest: str) -> None:
        Path(dest).write_text(Path(source).read_text().upper())
        os.remove(source)

    handler.rotator = shout
    archive_rotated(handler, location)
    for word in ("one", "two", "three"):
        say(handler, word)
    handler.close()
    assert names(log) == ["app.log", "app.log.1.old", "app.log.2.old"]
    assert archived_lines(location) >= {"ONE", "TWO"}
    assert failures == []


def test_names_of_any_form_are_archived(log: Path, location: Path, failures: list[str]) -> None:
    """Rotated files that are not named after the log are archived before they are removed, too."""
    handler = RotatingFileHandler(log, maxBytes=8, backupCount=1)
    handler.setFormatter(logging.Formatter("%(message)s"))
    archive_rotated(handler, location)
    handler.namer = lambda name: str(log.with_name(f"old-{Path(name).suffix[1:]}.log"))
    for number in range(4):
        say(handler, f"line {number}")
    handler.close()
    assert names(log) == ["app.log", "old-1.log"]
    assert archived_lines(location) == {"line 0", "line 1", "line 2"}
    assert failures == []


def test_one_unreadable_file_does_not_keep_the_others(
    log: Path,
    location: Path,
    rotating: Rotating,
    failures: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file beside the log that cannot be archived is told; what was archived is not set aside."""
    bad = log.with_name("app.log.bad")
    bad.write_text("unreadable")
    really_open = os.open

    def refuse(path: Any, *arguments: Any, **named: Any) -> int:
        if os.fspath(path) == os.fsencode(bad):
            raise PermissionError(13, "Permission denied")
        return really_open(path, *arguments, **named)

    monkeypatch.setattr(os, "open", refuse)
    handler = rotating()
    for number in range(4):
        say(handler, f"line {number}")
    assert names(log) == ["app.log", "app.log.1", "app.log.2", "app.log.bad"]
    assert archived_lines(location) == {"line 0", "line 1", "line 2"}
    assert len(failures) == 3


def test_files_of_other_logs_are_left_alone(log: Path, location: Path, failures: list[str]) -> None:
    """A timed handler removes no files of a log whose name begins like its own."""
    others = [f"app.error.log.2026-03-0{day}" for day in (1, 2, 3)]
    for name in others:
        log.with_name(name).write_text(name)
    handler = TimedRotatingFileHandler(log, when="midnight", backupCount=1, utc=True)
    archive_rotated(handler, location)
    say(handler, "today")
    handler.doRollover()
    handler.close()
    assert set(others) < set(names(log))
    assert failures == []


def test_what_a_rotator_puts_elsewhere_is_archived(
    log: Path, location: Path, failures: list[str]
) -> None:
    """A snapshot is taken also where a rotator made no file of the name that it was given."""
    handler = RotatingFileHandler(log, maxBytes=8, backupCount=1)
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.rotator = lambda source, dest: os.rename(source, dest + ".bak")
    archive_rotated(handler, location)
    for number in range(3):
        say(handler, f"line {number}")
    handler.close()
    assert names(log) == ["app.log", "app.log.1.bak"]
    assert archived_lines(location) == {"line 0", "line 1"}
    assert failures == []


def test_a_log_that_cannot_be_renamed_goes_on(
    log: Path, location: Path, failures: list[str]
) -> None:
    """Where the rotation itself fails, records still reach the log, and nothing is raised."""
    handler = RotatingFileHandler(log, maxBytes=8, backupCount=2)
    handler.setFormatter(logging.Formatter("%(message)s"))

    def refuse(source: str, dest: str) -> None:
        raise PermissionError(13, "no")

    handler.rotator = refuse
    archive_rotated(handler, location)
    say(handler, "one")
    say(handler, "two")
    handler.close()
    assert local_lines(log) == {"one", "two"}
    assert any("could not be rotated" in told for told in failures)


def test_the_set_is_named_after_host_and_log(log: Path, location: Path) -> None:
    """Without a name the set is that of the host and the log; an impossible one is refused."""
    handler = RotatingFileHandler(log, maxBytes=8, backupCount=1)
    rotation = archive_rotated(handler, location)
    assert isinstance(rotation, ArchiveRotation)
    say(handler, "one")
    say(handler, "two")
    with dedupstore.open_repository(location) as repository:
        (snapshot,) = dedupstore.list_snapshots(repository)
    assert snapshot.record.set_name == f"{os.uname().nodename}-app.log"
    with pytest.raises(UsageError):
        archive_rotated(handler, location, set_name="\n")
    handler.close()


def formatted(message: str, **fields: Any) -> Any:
    """Return a record as the line that is written of it, read back."""
    record = logging.makeLogRecord(
        {"msg": message, "name": "app", "levelname": "INFO", "created": 1_700_000_000.25, **fields}
    )
    line = NdjsonFormatter().format(record)
    assert line.isascii()
    assert line.isprintable()
    return json.loads(line)


def test_a_record_is_one_line(location: Path) -> None:
    """Whatever a message holds, its record is one line of JSON with the time in UTC."""
    line = formatted('two\nlines \x1b[31m "ü" \udcff', order=4711)
    assert line["time"] == "2023-11-14T22:13:20.250000Z"
    assert line["message"] == 'two\nlines \x1b[31m "ü" \udcff'
    assert (line["level"], line["logger"], line["fields"]) == ("INFO", "app", {"order": 4711})


class Unprintable:
    """Something that is no JSON."""

    def __repr__(self) -> str:
        return "<unprintable>"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Unprintable(), "<unprintable>"),
        (float("nan"), "nan"),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        ([1, [2]], [1, [2]]),
    ],
)
def test_what_is_no_json_is_shown(value: object, shown: object) -> None:
    """Fields that JSON has no form for stand as Python shows them."""
    assert formatted("m", field=value)["fields"] == {"field": shown}


def test_an_exception_is_in_its_record() -> None:
    """The traceback is a part of the record's one line."""
    try:
        raise ValueError("wrong")
    except ValueError as error:
        line = formatted("m", exc_info=(ValueError, error, error.__traceback__))
    assert line["exception"].endswith("ValueError: wrong")


def test_the_file_only_grows_and_is_followed(log: Path, failures: list[str]) -> None:
    """Records are appended to what is there; after a rename by others a new file is begun."""
    log.write_text("before\n")
    handler = NdjsonFileHandler(log)
    say(handler, "one")
    os.rename(log, log.with_name("app.log.1"))
    say(handler, "two")
    handler.close()
    first, second = log.with_name("app.log.1").read_text().splitlines()
    assert (first, json.loads(second)["message"]) == ("before", "one")
    assert json.loads(log.read_text())["message"] == "two"
    assert failures == []


def test_a_record_that_cannot_be_written_is_told(log: Path, failures: list[str]) -> None:
    """A message that does not fit its arguments is told by the handler, and nothing is raised."""
    handler = NdjsonFileHandler(log)
    say(handler, "%d orders", args=("no number",))
    say(handler, "next")
    handler.close()
    assert failures == ["%d orders"]
    assert json.loads(log.read_text())["message"] == "next"


def test_growth_of_such_a_log_is_not_read_again(log: Path, location: Path) -> None:
    """A snapshot of a log that grew by some records reads these, and samples of the rest."""
    handler = NdjsonFileHandler(log)
    for number in range(3000):
        say(handler, f"request {number}", order=number)
    with dedupstore.open_repository(location) as repository:
        dedupstore.snapshot(repository, [log])
        for number in range(10):
            say(handler, f"later {number}")
        report = dedupstore.snapshot(repository, [log])
    handler.close()
    assert report.bytes_read < log.stat().st_size / 10
    assert report.changes[dedupstore.FileChange.GROWN] == 1


def test_the_example_with_flask_works(log: Path, location: Path, failures: list[str]) -> None:
    """The Flask program of the document logs its requests, and archives what it rotates."""
    (code,) = re.findall(r"## With Flask\n\n```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    program: dict[str, Any] = {}
    exec(compile(code, str(DOCUMENT), "exec"), program)
    app = program["create_app"](str(log), str(location), max_bytes=4000)
    client = app.test_client()
    for number in range(60):
        assert client.get(f"/order/{number}").json == {"order": number}
    assert client.get("/nowhere").status_code == 404
    for handler in list(app.logger.handlers):
        app.logger.removeHandler(handler)
        handler.close()
    lines = archived_lines(location) | local_lines(log)
    records = [json.loads(line) for line in lines]
    shown = {r["fields"]["order"] for r in records if r["message"] == "order shown"}
    assert shown == set(range(60))
    statuses = [r["fields"]["status"] for r in records if r["message"] == "request"]
    assert (statuses.count(200), statuses.count(404)) == (60, 1)
    assert len(names(log)) == 4
    assert failures == []
    assert isinstance(handler, BaseRotatingHandler)
