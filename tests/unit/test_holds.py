"""Proofs that files are archived, by their bytes alone."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import dedupstore
from dedupstore import HeldFile, Repository, SnapshotOptions
from dedupstore.engine.monitor import Event, SilentMonitor
from dedupstore.errors import UsageError
from dedupstore.format.pieces import Extent
from dedupstore.operations.holds.asked_file import AskedFile
from small_archive import noise


class Hearing(SilentMonitor):
    """Keeps the events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def event(self, event: Event) -> None:
        """See ``Monitor.event``."""
        self.events.append(event)


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """Return an empty repository with small chunks."""
    with dedupstore.init_repository(
        tmp_path / "repository", chunk_bytes_target=4096, monitor=Hearing()
    ) as made:
        yield made


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Return a folder with a log of many chunks, a short one and an empty one."""
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "app.log").write_bytes(noise(1, 2000))
    (folder / "short.log").write_bytes(b"one line\n")
    (folder / "empty.log").write_bytes(b"")
    return folder


def take(repository: Repository, *paths: Path, set_name: str = "logs") -> bytes:
    """Take a snapshot and return its id."""
    report = dedupstore.snapshot(repository, paths, SnapshotOptions(set_name=set_name))
    assert report.snapshot is not None
    return report.snapshot


def ask(repository: Repository, path: Path, *, data: bool = False) -> HeldFile:
    """Ask for one file."""
    (found,) = dedupstore.holds(repository, [path], data=data)
    return found


def packs(repository: Repository, kind: str) -> list[Path]:
    """Return the files of the packs of a kind."""
    folder = Path(repository.location) / "packs" / kind
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("data", [False, True])
def test_files_are_held_under_any_name(repository: Repository, logs: Path, data: bool) -> None:
    """What a snapshot has is held, renamed, copied and linked, too, and it is said where."""
    taken = take(repository, logs)
    os.rename(logs / "app.log", logs / "app.log.1")
    (logs / "copy").write_bytes((logs / "short.log").read_bytes())
    (logs / "link").symlink_to("app.log.1")
    for name, stored in (
        ("app.log.1", "app.log"), ("copy", "short.log"), ("link", "app.log"),
        ("empty.log", "empty.log"),
    ):  # fmt: skip
        found = ask(repository, logs / name, data=data)
        assert (found.snapshot, found.reason, found.as_text) == (taken, "", False)
        assert os.fsdecode(found.stored_path) == str(logs / stored)[1:]


def test_a_log_that_grew_is_held(repository: Repository, logs: Path) -> None:
    """However a log grew, and wherever it was cut, a copy of any of its states is held."""
    states = []
    for number in range(4):
        with (logs / "app.log").open("ab") as log:
            log.write(noise(10 + number, 60))
        states.append((take(repository, logs), (logs / "app.log").read_bytes()))
    copy = logs.with_name("copy")
    for taken, content in states:
        copy.write_bytes(content)
        assert ask(repository, copy, data=True).snapshot == taken
        copy.write_bytes(content[:-1] + b"~")
        assert ask(repository, copy).snapshot is None


def test_a_file_that_changes_meanwhile_is_not_held(
    repository: Repository, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is written to while it is looked for is not held, and the reason is said."""
    take(repository, logs)
    original = AskedFile.has

    def write_and_compare(self: AskedFile, extents: Iterable[Extent]) -> bool:
        with (logs / "app.log").open("ab") as log:
            log.write(b"more\n")
        return original(self, extents)

    monkeypatch.setattr(AskedFile, "has", write_and_compare)
    found = ask(repository, logs / "app.log")
    assert (found.snapshot, found.reason) == (None, "it changed while it was read")


def test_one_other_byte_is_not_held(repository: Repository, logs: Path) -> None:
    """Path, size and times prove nothing: a changed byte, one more or one less is not held."""
    take(repository, logs)
    log = logs / "app.log"
    status, content = log.stat(), log.read_bytes()
    for other in (content[:-1], content + b"\n", content[:5000] + b"~" + content[5001:]):
        log.write_bytes(other)
        os.utime(log, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert ask(repository, log).snapshot is None
        assert ask(repository, log).reason == "no snapshot holds its bytes"
    log.write_bytes(content)
    assert ask(repository, log).snapshot is not None


def test_chunks_without_a_snapshot_prove_nothing(repository: Repository, logs: Path) -> None:
    """What is merely stored, with no snapshot that has it any more, is not held."""
    id_ = take(repository, logs)
    take(repository, logs / "short.log", set_name="other")
    (Path(repository.location) / "snapshots" / id_.hex()).unlink()
    assert ask(repository, logs / "app.log").snapshot is None
    assert ask(repository, logs / "short.log").snapshot is not None


@pytest.mark.parametrize("harm", ["removed", "cut short"])
def test_a_lost_pack_is_noticed(repository: Repository, logs: Path, harm: str) -> None:
    """If a pack is gone or cut short, its files are not held, whatever the snapshot says."""
    take(repository, logs)
    assert ask(repository, logs / "app.log").snapshot is not None
    for pack in packs(repository, "data"):
        if harm == "removed":
            pack.unlink()
        else:
            os.truncate(pack, pack.stat().st_size - 1)
    found = ask(repository, logs / "app.log")
    assert found.snapshot is None
    assert "not all stored" in found.reason


def test_reading_the_data_notices_damage(repository: Repository, logs: Path) -> None:
    """A byte that has rotted in a pack is noticed with ``data``, which reads everything back."""
    take(repository, logs)
    (pack,) = packs(repository, "data")
    damaged = bytearray(pack.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    pack.write_bytes(damaged)
    assert ask(repository, logs / "app.log").snapshot is not None
    found = ask(repository, logs / "app.log", data=True)
    assert (found.snapshot, "not all stored" in found.reason) == (None, True)


def test_the_newest_sound_snapshot_is_named(repository: Repository, logs: Path) -> None:
    """Of several snapshots the newest is named; ``set_name`` looks in one set only."""
    first = take(repository, logs)
    with (logs / "short.log").open("a") as log:
        log.write("more\n")
    second = take(repository, logs)
    assert ask(repository, logs / "app.log").snapshot in (first, second)
    assert ask(repository, logs / "short.log").snapshot == second
    (found,) = dedupstore.holds(repository, [logs / "app.log"], set_name="nothing")
    assert found.snapshot is None


def test_holes_and_zeros_are_the_same_bytes(repository: Repository, logs: Path) -> None:
    """A sparse log is held by its copy without holes, and one without holes by a sparse copy."""
    sparse, full = logs / "sparse.log", logs / "full.log"
    with sparse.open("wb") as file:
        file.truncate(300_000)
        file.seek(0, os.SEEK_END)
        file.write(b"after the hole\n")
    full.write_bytes(sparse.read_bytes())
    take(repository, sparse)
    assert ask(repository, full).snapshot is not None
    full.write_bytes(full.read_bytes()[:-1] + b"!")
    assert ask(repository, full).snapshot is None
    take(repository, full, set_name="full")
    with sparse.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"!")
    assert ask(repository, sparse).snapshot is not None


def test_what_cannot_be_read_is_not_held(repository: Repository, logs: Path) -> None:
    """A missing file, a folder and a FIFO are not held, with the reason; others still are."""
    take(repository, logs)
    os.mkfifo(logs / "fifo")
    asked = [logs / "short.log", logs / "nowhere", logs, logs / "fifo", logs / "short.log"]
    found = dedupstore.holds(repository, asked)
    assert [file.snapshot is not None for file in found] == [True, False, False, False, True]
    assert [file.reason for file in found] == [
        "", "No such file or directory", "it is no regular file", "it is no regular file", "",
    ]  # fmt: skip
    with pytest.raises(UsageError):
        dedupstore.holds(repository, [])


def test_a_damaged_manifest_proves_nothing(repository: Repository, logs: Path) -> None:
    """Where no manifest can be read there is no proof, and an event says why."""
    take(repository, logs)
    for pack in packs(repository, "manifest"):
        pack.unlink()
    assert ask(repository, logs / "app.log").snapshot is None
    assert isinstance(repository.monitor, Hearing)
    assert "damaged" in [event.kind for event in repository.monitor.events]


def test_a_compressed_file_is_held_by_its_twin(repository: Repository, logs: Path) -> None:
    """A .gz that is stored as its text is held byte by byte, and so is the text by itself."""
    text = noise(7, 300)
    packed = logs / "app.log.2.gz"
    with gzip.GzipFile(packed, "wb", mtime=1_700_000_000) as file:
        file.write(text)
    report = dedupstore.snapshot(repository, [packed])
    assert report.twins == 1
    plain, other = logs / "plain.log", logs / "other.gz"
    plain.write_bytes(text)
    for data in (False, True):
        found = ask(repository, packed, data=data)
        assert (found.snapshot, found.as_text) == (report.snapshot, False)
        found = ask(repository, plain, data=data)
        assert (found.snapshot, found.as_text) == (report.snapshot, True)
    with gzip.GzipFile(other, "wb", mtime=1_700_000_001) as file:
        file.write(text)
    assert ask(repository, other).snapshot is None
    plain.write_bytes(text[:-1])
    assert ask(repository, plain).snapshot is None
