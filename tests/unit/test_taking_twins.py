"""Which gzip files a snapshot keeps as twins, and what it does while they change.

The recipes here are made up: what makes true ones has its own tests.
"""

from __future__ import annotations

import errno
import gzip
import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import dedupstore
from dedupstore import FileChange, SnapshotOptions, SnapshotReport
from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.errors import NoSpace
from dedupstore.format.entry import Entry
from dedupstore.limits import RECIPE_INLINE_BYTES_MAX
from dedupstore.operations.snapshot import lineage, regular_files, twin_content, twin_proofs
from dedupstore.operations.snapshot.file_content import ContentReader
from dedupstore.operations.snapshot.followed_list import FollowedList
from dedupstore.operations.snapshot.source_file import SourceFile
from dedupstore.operations.snapshot.twin_content import TwinContent, store_twin
from dedupstore.operations.snapshot.twin_proofs import TwinProof
from dedupstore.twins import inflate
from log_folder import Logs, WrongClock, append, counts
from small_archive import noise

REST_SECONDS = 61


@dataclass
class _Proof:
    recipe: bytes
    plain_bytes: int


class _Prover:
    """Takes every sound gzip file, with garbage behind it too, for one that can be rebuilt."""

    recipe = b"a recipe"
    refused = False

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._data += data

    def finish(self) -> _Proof | None:
        """Return a proof, unless the file breaks off."""
        text = b""
        try:
            for piece in inflate([self._data]):
                text += piece
        except EOFError:
            return None
        except ValueError:
            return _Proof(self.recipe, len(text)) if text else None
        return _Proof(self.recipe, len(text))


@pytest.fixture(autouse=True)
def made_up_proofs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every gzip file have a recipe, however long it is."""
    monkeypatch.setattr(twin_proofs, "Prover", _Prover)
    monkeypatch.setattr(twin_proofs, "kernel_name", lambda: "native")


@pytest.fixture
def clock() -> WrongClock:
    """Return the clock of the repository."""
    return WrongClock()


@pytest.fixture
def logs(tmp_path: Path, clock: WrongClock) -> Iterator[Logs]:
    """Return an empty folder of logs and a repository."""
    with dedupstore.init_repository(
        tmp_path / "repository", chunk_bytes_target=4096, clock=clock
    ) as repository:
        yield Logs(tmp_path, repository)


def take(logs: Logs, *, reread: bool = False) -> SnapshotReport:
    """Take a snapshot."""
    options = SnapshotOptions(set_name="s", reread=reread)
    return dedupstore.snapshot(logs.repository, [logs.folder], options)


def entry_of(logs: Logs, report: SnapshotReport, name: str) -> Entry:
    """Return the entry of a file."""
    [entry] = [e for e in logs.entries(report) if e.path.endswith(b"/" + os.fsencode(name))]
    return entry


def packed(seed: int, lines: int = 300) -> bytes:
    """Return a gzip file of a log."""
    return gzip.compress(noise(seed, lines), mtime=0)


def kept_raw(logs: Logs, report: SnapshotReport, name: str) -> bytes:
    """Return the bytes of a file, of which no twin may be stored."""
    assert entry_of(logs, report, name).twin is None
    return logs.restored(report, logs.folder / name)


def test_a_compressed_log_costs_next_to_nothing(logs: Logs) -> None:
    """The text of a log that was compressed is known, and so is the log that it is a part of."""
    logs.log.write_bytes(noise(1, 3000))
    logs.rest()
    take(logs)
    os.rename(logs.log, logs.folder / "app.log.1")
    take(logs)
    text = (logs.folder / "app.log.1").read_bytes()
    (logs.folder / "app.log.1").unlink()
    (logs.folder / "whatever").write_bytes(gzip.compress(text))
    report = take(logs)
    entry = entry_of(logs, report, "whatever")
    assert (report.twins, report.bytes_new) == (1, 0)
    assert report.bytes_read == report.content_bytes == entry.size
    assert entry.twin is not None
    assert (entry.twin.recipe, entry.twin.plain_bytes) == (b"a recipe", len(text))
    assert logs.lineages(report) == {"whatever": "app.log"}


def test_equal_texts_do_not_mix_logs_up(logs: Logs) -> None:
    """Of several logs with one text, that is taken which the name of the compressed file says."""
    for name in ("a.log", "b.log", "c.log"):
        (logs.folder / name).write_bytes(b"started\n" * 100)
    take(logs)
    (logs.folder / "b.log.1.gz").write_bytes(gzip.compress(b"started\n" * 100))
    assert logs.lineages(take(logs)) == {"b.log.1.gz": "b.log"}


def test_a_text_of_very_many_files_says_nothing(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many files with one text few are looked at; what is made of one is what its name says."""
    monkeypatch.setattr(lineage, "_ALIKE_MAX", 3)
    for number in range(3):
        (logs.folder / f"{number}.log").write_bytes(noise(1, 300))
    take(logs)
    (logs.folder / "a").write_bytes(packed(1))
    assert logs.lineages(take(logs)) == {"a": "0.log"}
    # These are one too many: three logs, and what was made of one of them.
    (logs.folder / "b").write_bytes(packed(1))
    assert logs.lineages(take(logs)) == {"a": "0.log"}


def test_a_short_text_makes_no_file_a_part_of_a_log(logs: Logs) -> None:
    """A new file whose few bytes some log happens to have, too, is what its name says."""
    (logs.folder / "b.log").write_bytes(b"{}\n")
    take(logs)
    for name in ("a.log.1.gz", "config.gz"):
        (logs.folder / name).write_bytes(gzip.compress(b"{}\n"))
    assert logs.lineages(take(logs)) == {"a.log.1.gz": "a.log"}


def test_a_twin_that_was_moved_or_touched_stays_one(logs: Logs) -> None:
    """A twin is taken over unread under another name, and found to be the same when read again."""
    (logs.folder / "app.log.2.gz").write_bytes(packed(1))
    logs.rest()
    first = take(logs)
    os.rename(logs.folder / "app.log.2.gz", logs.folder / "app.log.3.gz")
    moved = take(logs)
    assert counts(moved) == {FileChange.RENAMED: 1}
    assert (moved.bytes_read, moved.twins) == (0, 1)
    again = take(logs, reread=True)
    assert counts(again) == {FileChange.UNCHANGED: 1}
    assert (again.bytes_new, again.twins) == (0, 1)
    for report in (moved, again):
        entry = entry_of(logs, report, "app.log.3.gz")
        known = entry_of(logs, first, "app.log.2.gz")
        assert (entry.twin, entry.content, entry.lineage) == (
            known.twin, known.content, known.lineage,
        )  # fmt: skip


def test_it_is_the_content_that_counts(logs: Logs) -> None:
    """A gzip file needs no suffix, and what has the suffix need not be a gzip file."""
    (logs.folder / "old").write_bytes(packed(1))
    (logs.folder / "app.log.gz").write_bytes(noise(1, 10))
    report = take(logs)
    assert entry_of(logs, report, "old").twin is not None
    assert kept_raw(logs, report, "app.log.gz") == noise(1, 10)


def test_garbage_behind_the_last_member_is_no_text(logs: Logs) -> None:
    """Of a file with something behind its members the text is that of the members."""
    (logs.folder / "app.log.gz").write_bytes(packed(1) + packed(2) + b"garbage" * 50)
    report = take(logs)
    twin = entry_of(logs, report, "app.log.gz").twin
    assert twin is not None
    assert twin.plain_bytes == len(noise(1, 300) + noise(2, 300))


@pytest.mark.parametrize("recipe_bytes", [RECIPE_INLINE_BYTES_MAX, RECIPE_INLINE_BYTES_MAX + 1])
def test_a_long_recipe_is_stored_as_chunks(
    logs: Logs, monkeypatch: pytest.MonkeyPatch, recipe_bytes: int
) -> None:
    """A recipe of up to 1 KiB stands in the entry, a longer one in the repository."""
    monkeypatch.setattr(_Prover, "recipe", bytes(recipe_bytes))
    (logs.folder / "app.log.gz").write_bytes(packed(1, 900))
    twin = entry_of(logs, take(logs), "app.log.gz").twin
    assert twin is not None
    assert len(twin.recipe) + twin.recipe_content.content_bytes == recipe_bytes
    assert bool(twin.recipe) is (recipe_bytes <= RECIPE_INLINE_BYTES_MAX)


def test_a_recipe_must_pay(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe that takes more than 15 % of its file, compressed, is no gain."""
    (logs.folder / "app.log.gz").write_bytes(data := packed(1, 900))
    for share, pays in ((0.14, True), (0.16, False)):
        monkeypatch.setattr(_Prover, "recipe", random.Random(1).randbytes(int(len(data) * share)))
        report = take(logs, reread=True)
        assert (report.twins == 1) is pays
    assert kept_raw(logs, report, "app.log.gz") == data


def test_a_short_recipe_always_pays(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe of up to 128 bytes is no loss, even for a log of a few lines."""
    (logs.folder / "app.log.gz").write_bytes(gzip.compress(b"started\n"))
    for recipe_bytes, pays in ((128, True), (129, False)):
        monkeypatch.setattr(_Prover, "recipe", bytes(recipe_bytes))
        assert (take(logs, reread=True).twins == 1) is pays


def test_what_is_refused_is_kept_as_it_is(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without a proof is stored as it is and counted once; it is no error."""
    monkeypatch.setattr(_Prover, "refused", True)
    (logs.folder / "app.log.gz").write_bytes(data := packed(1))
    report = take(logs)
    assert (report.twins, report.bytes_read) == (0, len(data))
    assert (report.events, report.warnings) == ([], [])
    assert kept_raw(logs, report, "app.log.gz") == data


@pytest.mark.parametrize(("kernel", "twins"), [("python", 1), ("native", 2)])
def test_the_slow_kernel_is_not_given_long_files(
    logs: Logs, monkeypatch: pytest.MonkeyPatch, kernel: str, twins: int
) -> None:
    """Without the native kernel only files of up to 64 KiB become twins."""
    monkeypatch.setattr(twin_proofs, "kernel_name", lambda: kernel)
    longest = twin_proofs.SLOW_KERNEL_FILE_BYTES_MAX
    for more in (0, 1):
        data = packed(more)
        garbage = bytes(longest + more - len(data))
        (logs.folder / str(more)).write_bytes(data + garbage)
    assert take(logs).twins == twins


def test_half_a_file_is_kept_as_it_is(logs: Logs, clock: WrongClock) -> None:
    """A file that is being written is continued like a log; once it rests it becomes a twin."""
    path = logs.folder / "app.log.1.gz"
    data = packed(1, 900)
    path.write_bytes(data[:20_000])
    assert kept_raw(logs, take(logs), path.name) == data[:20_000]
    append(path, data[20_000:])
    growing = take(logs)
    assert counts(growing) == {FileChange.GROWN: 1}
    assert growing.bytes_read < len(data) - 18_000
    assert kept_raw(logs, growing, path.name) == data
    append(path, packed(2))
    clock.seconds = REST_SECONDS
    report = take(logs)
    assert (report.twins, report.bytes_read) == (1, path.stat().st_size)


def test_a_file_that_was_empty_is_looked_at(logs: Logs) -> None:
    """A compressed file of which only the name was there becomes a twin as soon as it is whole."""
    path = logs.folder / "app.log.1.gz"
    path.touch()
    take(logs)
    path.write_bytes(packed(1))
    assert take(logs).twins == 1


def between_the_passes(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something after a file has been proved, before its text is stored."""

    def act_and_store(
        reader: ContentReader, file: SourceFile, proof: TwinProof, followed: FollowedList
    ) -> TwinContent | None:
        act()
        return store_twin(reader, file, proof, followed)

    monkeypatch.setattr(regular_files, "store_twin", act_and_store)


@pytest.mark.parametrize("place", [20, 1000, -1])
def test_a_file_that_changes_between_the_passes(
    logs: Logs, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    """A file of which any byte has changed since it was proved is kept as it is now."""
    path = logs.folder / "app.log.gz"
    data = bytearray(packed(1) + b"garbage")
    path.write_bytes(data)
    data[place] ^= 1
    between_the_passes(monkeypatch, lambda: path.write_bytes(data))
    assert kept_raw(logs, take(logs), path.name) == data


def test_a_file_that_grows_between_the_passes(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is added after a file was opened is not of this snapshot: it stays a twin."""
    path = logs.folder / "app.log.gz"
    path.write_bytes(data := packed(1))
    between_the_passes(monkeypatch, lambda: append(path, packed(2)))
    report = take(logs)
    assert (report.twins, report.content_bytes) == (1, len(data))


def test_a_file_that_is_cut_short_between_the_passes(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that shrinks after it was proved is stored as far as it goes, and that is told."""
    path = logs.folder / "app.log.gz"
    path.write_bytes(data := packed(1))
    between_the_passes(monkeypatch, lambda: os.truncate(path, 1000))
    report = take(logs)
    assert kept_raw(logs, report, path.name) == data[:1000]
    assert [event.kind for event in report.events] == ["shrank"]


def test_a_file_that_is_replaced_between_the_passes(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that was opened is stored, whatever has its name by now."""
    path = logs.folder / "app.log.gz"
    path.write_bytes(packed(1))
    other = logs.folder.with_name("other")
    other.write_bytes(packed(2))
    between_the_passes(monkeypatch, lambda: os.rename(other, path))
    twin = entry_of(logs, take(logs), path.name).twin
    assert twin is not None
    assert twin.plain_bytes == len(noise(1, 300))


def test_what_became_a_bomb_is_not_unpacked(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file rewritten as a bomb after it was proved, little more than its text is unpacked."""
    path = logs.folder / "app.log.gz"
    path.write_bytes(packed(1, 6000))
    bomb = gzip.compress(bytes(64 << 20))
    assert len(bomb) < path.stat().st_size
    between_the_passes(monkeypatch, lambda: path.write_bytes(bomb))
    unpacked = []

    def count(source: Iterator[bytes]) -> Iterator[bytes]:
        for piece in inflate(source):
            unpacked.append(len(piece))
            yield piece

    monkeypatch.setattr(twin_content, "inflate", count)
    assert kept_raw(logs, take(logs), path.name) == bomb
    assert sum(unpacked) < 2 << 20


def test_files_are_proved_at_once(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are two processors, two files are looked at together, and stored in order."""
    monkeypatch.setattr(twin_proofs, "worker_count", lambda: 2)
    meeting = threading.Barrier(2, timeout=10)

    class Meeting(_Prover):
        """Waits for another one."""

        def finish(self) -> _Proof | None:
            """Return the proof when both are there."""
            meeting.wait()
            return super().finish()

    monkeypatch.setattr(twin_proofs, "Prover", Meeting)
    for number in range(8):
        data = noise(number, 9) if number % 3 == 1 else packed(number)
        (logs.folder / str(number)).write_bytes(data)
    (logs.folder / "8").write_bytes(packed(8))
    report = take(logs)
    assert report.twins == 6
    names = [os.path.basename(entry.path) for entry in logs.entries(report)]
    assert names == [b"logs", *(b"%d" % number for number in range(9))]


def test_a_file_that_cannot_be_read_is_named(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gzip file on a bad sector is left out with a warning; all others are stored."""
    for name in "abc":
        (logs.folder / name).write_bytes(packed(ord(name)))
    bad = (logs.folder / "b").stat().st_ino
    original = os.pread

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        if os.fstat(descriptor).st_ino == bad and size > 32:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return original(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", pread)
    report = take(logs)
    assert [os.path.basename(event.path) for event in report.warnings] == [b"b"]
    assert (report.files, report.twins, report.complete) == (2, 2, False)


def test_nothing_is_left_open_when_storing_fails(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the disk is full, files that were looked at ahead are closed, and threads end."""
    for number in range(8):
        (logs.folder / str(number)).write_bytes(packed(number))
    take(logs)
    before = (len(os.listdir("/proc/self/fd")), threading.active_count())

    def refuse(*_: object) -> None:
        raise NoSpace("the disk is full")

    monkeypatch.setattr(ChunkWriter, "add_hashed", refuse)
    with pytest.raises(NoSpace):
        take(logs, reread=True)
    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == before
