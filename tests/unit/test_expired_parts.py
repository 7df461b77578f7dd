"""What a host has removed of a log, and earlier snapshots still hold."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import dedupstore
from dedupstore import Repository, Snapshot

Pack = Callable[[bytes], bytes]
DAYS = 7
KEPT = 3


class Rotation:
    """A log that is rotated every night, of which two snapshots are taken on each day."""

    def __init__(self, repository: Repository, folder: Path, suffix: str, pack: Pack) -> None:
        self._repository = repository
        self._suffix = suffix
        self._pack = pack
        self._seconds = 1_772_366_400
        self.log = folder / "app.log"
        self.text = b""

    def append(self, text: bytes) -> None:
        """Write to the log, an hour later."""
        self._seconds += 3600
        with self.log.open("ab") as log:
            log.write(text)
        os.utime(self.log, (self._seconds, self._seconds))
        self.text += text

    def rotate(self, copies: bool) -> None:
        """Rotate by rename, or by copy and truncation; compress what was rotated a day before."""
        for number in range(KEPT - 1, 1, -1):
            older = self.log.with_name(f"app.log.{number}{self._suffix}")
            if older.exists():
                os.replace(older, self.log.with_name(f"app.log.{number + 1}{self._suffix}"))
        newest = self.log.with_name("app.log.1")
        if newest.exists():
            packed = self.log.with_name(f"app.log.2{self._suffix}")
            packed.write_bytes(self._pack(newest.read_bytes()))
            shutil.copystat(newest, packed)
            newest.unlink()
        if copies:
            shutil.copy(self.log, newest)
            os.utime(newest, (self._seconds + 60, self._seconds + 60))
            os.truncate(self.log, 0)
        else:
            os.rename(self.log, newest)
            self.log.touch()

    def take(self) -> Snapshot:
        """Take a snapshot."""
        report = dedupstore.snapshot(self._repository, [self.log.parent])
        assert report.snapshot is not None
        return dedupstore.load_snapshot(self._repository, report.snapshot)

    def whole(self, snapshot: Snapshot) -> bytes:
        """Return all that there is of the log in a snapshot and those before it."""
        output = io.BytesIO()
        path = os.fspath(self.log)
        dedupstore.cat_lineage(self._repository, snapshot, path, output, expired=True)
        return output.getvalue()

    def parts(self, snapshot: Snapshot) -> list[tuple[str, Snapshot]]:
        """Return the names of all parts, oldest first, and where they were last found."""
        found = dedupstore.log_parts(
            self._repository, snapshot, os.fspath(self.log), expired=True
        ).parts
        return [(os.path.basename(os.fsdecode(part.entry.path)), part.snapshot) for part in found]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder of logs."""
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("line", [b"up\n", b"a line of day %d\n" * 200], ids=["short", "long"])
@pytest.mark.parametrize("copies", [False, True], ids=["rename", "copytruncate"])
@pytest.mark.parametrize(
    ("suffix", "pack"), [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress)]
)
def test_every_day_is_there_once(
    repository: Repository, folder: Path, suffix: str, pack: Pack, copies: bool, line: bytes
) -> None:
    """Of a log that was rotated, compressed and removed, each day is written once, in order."""
    rotation = Rotation(repository, folder, suffix, pack)
    snapshots = []
    for day in range(DAYS):
        rotation.append(line.replace(b"%d", b"%d" % day))
        rotation.take()
        rotation.append(line.replace(b"%d", b"the evening of %d" % day))
        snapshots.append(rotation.take())
        if day < DAYS - 1:
            rotation.rotate(copies)
    assert rotation.whole(snapshots[-1]) == rotation.text
    parts = rotation.parts(snapshots[-1])
    assert len(parts) == DAYS
    present = len(list(folder.iterdir()))
    assert [holder for _, holder in parts[-present:]] == [snapshots[-1]] * present
    gone = parts[:-present]
    assert [holder for _, holder in gone] == snapshots[KEPT : KEPT + len(gone)]


def test_equal_days_stay_apart(repository: Repository, folder: Path) -> None:
    """Days on which the very same was logged, at length, are not taken for one."""
    rotation = Rotation(repository, folder, ".gz", gzip.compress)
    for _ in range(DAYS):
        rotation.append(b"the same as every day\n" * 200)
        rotation.take()
        rotation.rotate(copies=False)
        rotation.take()
    rotation.append(b"now\n")
    snapshot = rotation.take()
    assert rotation.whole(snapshot) == rotation.text
    assert len({part.name for part in folder.iterdir()}) < DAYS


def test_later_snapshots_have_no_part(repository: Repository, folder: Path) -> None:
    """Only snapshots that are older than the one that is asked for are looked at."""
    rotation = Rotation(repository, folder, "", bytes)
    rotation.append(b"one\n")
    first = rotation.take()
    rotation.append(b"two\n")
    rotation.take()
    assert rotation.whole(first) == b"one\n"


def test_a_part_that_was_removed_early_keeps_its_place(
    repository: Repository, folder: Path
) -> None:
    """A part of which older ones are still there is put between them and the younger ones."""
    rotation = Rotation(repository, folder, "", bytes)
    for day in range(KEPT):
        rotation.append(b"day %d\n" % day)
        rotation.rotate(copies=False)
    rotation.append(b"now\n")
    rotation.take()
    (folder / "app.log.2").unlink()
    assert rotation.whole(rotation.take()) == rotation.text
