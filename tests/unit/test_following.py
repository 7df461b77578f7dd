"""What is read whole is stored once, however the log that it is a copy of has grown."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import dedupstore
from dedupstore import FileChange
from dedupstore.engine.tree_reader import PieceReader, content_extents
from dedupstore.format.content import Content
from dedupstore.format.pieces import Extent
from dedupstore.operations.snapshot import stored_lists
from dedupstore.operations.snapshot.known_index import KnownIndex
from log_folder import Logs, append, counts
from small_archive import noise

TAIL_BYTES_MIN = 4096 // 8
CHUNK_BYTES_MAX = 4 * 4096


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    """Return a folder with one log, which grew from snapshot to snapshot."""
    with dedupstore.init_repository(tmp_path / "repository", chunk_bytes_target=4096) as repository:
        logs = Logs(tmp_path, repository)
        for number in range(6):
            append(logs.log, noise(number, 70 + 9 * number))
            logs.take()
        yield logs


def contents(logs: Logs) -> dict[str, Content]:
    """Take a snapshot and return the chunk lists of the files by name."""
    return {os.path.basename(os.fsdecode(e.path)): e.content for e in logs.entries(logs.take())}


def test_a_copy_has_the_list_of_its_log(logs: Logs) -> None:
    """A copy with the same modification time, to the second, has the same chunks in a list."""
    known = contents(logs)["app.log"]
    copy = logs.folder / "kept"
    shutil.copyfile(logs.log, copy)
    seconds = int(logs.log.stat().st_mtime)
    os.utime(copy, (seconds, seconds))
    report = logs.take()
    assert report.bytes_new == 0
    assert contents(logs)["kept"] == known


def test_the_text_of_a_packed_log_has_the_list_of_the_log(logs: Logs) -> None:
    """The .gz of a log of many snapshots adds a recipe, and is a part of that log by its text."""
    logs.log.rename(logs.folder / "some name")
    logs.log.write_bytes(b"begun anew\n")
    known = contents(logs)["some name"]
    packed = logs.folder / "other name.gz"
    packed.write_bytes(gzip.compress((logs.folder / "some name").read_bytes(), 6, mtime=0))
    shutil.copystat(logs.folder / "some name", packed)
    (logs.folder / "some name").unlink()
    report = logs.take()
    assert (report.twins, report.bytes_new) == (1, 0)
    assert contents(logs)[packed.name] == known
    assert logs.lineages(report) == {packed.name: "app.log"}


@pytest.mark.parametrize("name", ["app.log.1", "app.log.1.gz", "app.log-20260101.gz"])
def test_a_part_that_is_longer_than_its_log_was(logs: Logs, name: str) -> None:
    """A log that grew, was copied or packed, and truncated, costs what it grew by."""
    append(logs.log, grown := noise(9, 40))
    text = logs.log.read_bytes()
    packed = gzip.compress(text, 6, mtime=0) if name.endswith(".gz") else text
    (logs.folder / name).write_bytes(packed)
    logs.log.write_bytes(b"")
    report = logs.take()
    assert report.bytes_new < len(grown) + TAIL_BYTES_MIN
    assert logs.lineages(report) == {name: "app.log"}


def test_a_change_within_a_log_costs_what_lies_around_it(logs: Logs) -> None:
    """Chunks before a changed byte are found again, and behind it soon, too."""
    data = bytearray(logs.log.read_bytes())
    known = contents(logs)["app.log"]
    data[-9000] ^= 1
    logs.log.write_bytes(data)
    report = logs.take()
    assert counts(report) == {FileChange.CHANGED: 1}
    assert report.bytes_new <= 9000 + CHUNK_BYTES_MAX
    changed = contents(logs)["app.log"]
    assert changed.extents[:4] == known.extents[:4]


def test_a_lost_chunk_is_stored_again_where_it_was_cut(logs: Logs, tmp_path: Path) -> None:
    """If chunks of a log are gone, reading it whole brings them back under their old ids."""
    known = contents(logs)["app.log"]
    packs = sorted((tmp_path / "repository").glob("packs/data/*"))
    packs[2].unlink()
    logs.repository.rebuild_index()
    report = logs.take()
    assert counts(report) == {FileChange.UNCHANGED: 1}
    assert 0 < report.bytes_new < report.bytes_read == report.content_bytes
    assert contents(logs)["app.log"] == known


def test_many_files_of_one_size_and_time_are_no_burden(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among many files that could be what a new one is a copy of, few are looked at."""
    for number in range(40):
        path = logs.folder / f"old{number}"
        path.write_bytes(noise(number, 20))
        os.utime(path, (1, 1))
    logs.rest()
    logs.take()
    looked_at = []

    def count(reader: PieceReader, content: Content) -> Iterator[Extent]:
        looked_at.append(content)
        return content_extents(reader, content)

    monkeypatch.setattr(stored_lists, "content_extents", count)
    new = logs.folder / "new"
    new.write_bytes(noise(1000, 20))
    os.utime(new, (1, 1))
    assert counts(logs.take())[FileChange.NEW] == 1
    assert 2 <= len(set(looked_at)) <= 9


def test_where_nothing_is_known_nothing_is_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first snapshot of a set pays nothing for what the next ones save."""
    logs_folder = tmp_path / "new"
    logs_folder.mkdir()
    for number in range(3):
        (logs_folder / f"{number}.log").write_bytes(noise(number, 20))

    def refuse(*_: object) -> None:
        raise AssertionError("something was looked up")

    for question in ("by_inode", "by_path", "by_size_and_time"):
        monkeypatch.setattr(KnownIndex, question, refuse)
    with dedupstore.init_repository(tmp_path / "repository") as repository:
        assert counts(dedupstore.snapshot(repository, [logs_folder])) == {FileChange.NEW: 3}
