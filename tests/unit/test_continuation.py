"""Continuing logs: what a snapshot reads of files that grew, moved, or were rewritten."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import dedupstore
from dedupstore import FileChange, SnapshotOptions
from dedupstore.engine.pack_reader import read_block
from dedupstore.format.block import Block
from dedupstore.format.content import Content
from dedupstore.operations.snapshot import source_file
from dedupstore.operations.snapshot.continuation import Attempt, Continuer
from dedupstore.storage.contract import ReadStore
from log_folder import Logs, append, counts
from small_archive import noise


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    """Return an empty folder of logs and a repository."""
    with dedupstore.init_repository(tmp_path / "repository", chunk_bytes_target=4096) as repository:
        yield Logs(tmp_path, repository)


def test_of_a_large_log_that_grew_little_is_read(tmp_path: Path) -> None:
    """Of 64 MiB that grew by 1 KiB, less than 700 KiB are read, and reading all finds the same."""
    with dedupstore.init_repository(tmp_path / "repository") as repository:
        logs = Logs(tmp_path, repository)
        block = random.Random(1).randbytes(1 << 20)
        with logs.log.open("wb") as file:
            for number in range(64):
                file.write(number.to_bytes(8, "little") + block[8:])
        dedupstore.snapshot(repository, [logs.folder], SnapshotOptions(set_name="s"))
        append(logs.log, block[:1024])
        grown = dedupstore.snapshot(repository, [logs.folder], SnapshotOptions(set_name="s"))
        assert counts(grown) == {FileChange.GROWN: 1}
        assert grown.bytes_read < 700 * 1024
        assert grown.bytes_new < 1024 + repository.chunker.parameters.tail_bytes_min
        whole = dedupstore.snapshot(
            repository, [logs.folder], SnapshotOptions(set_name="s", reread=True)
        )
        assert [entry.content for entry in logs.entries(grown)] == [
            entry.content for entry in logs.entries(whole)
        ]


def test_small_logs_are_proved_by_little(logs: Logs) -> None:
    """Of logs of 100 KB that grow by as much, on average a 32nd of the old part is read."""
    for number in range(20):
        (logs.folder / f"{number}.log").write_bytes(noise(number, 3000))
    known = logs.take().content_bytes
    for number in range(20):
        append(logs.folder / f"{number}.log", noise(100 + number, 3000))
    grown = logs.take()
    assert known // 64 < grown.bytes_read - (grown.content_bytes - known) <= known // 24
    assert counts(grown) == {FileChange.GROWN: 20}
    assert grown.events == []


def test_a_log_that_grew_for_long_is_proved_by_few_blocks(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many snapshots its chunks lie in, of a log that grows few blocks are read."""
    read_blocks = []

    def count(store: ReadStore, key: str, offset: int, stored_bytes: int) -> Block:
        if "/data/" in key:
            read_blocks.append(key)
        return read_block(store, key, offset, stored_bytes)

    monkeypatch.setattr("dedupstore.engine.block_cache.read_block", count)
    options = SnapshotOptions(set_name="s")
    for number in range(30):
        append(logs.log, noise(number, 300))
        read_blocks.clear()
        report = dedupstore.snapshot(logs.repository, [logs.folder], options)
        # The first chunk, the last, and the one before where the last is short.
        assert len(read_blocks) <= 3
    assert read_blocks
    assert counts(report) == {FileChange.GROWN: 1}


def test_a_rotation_opens_no_file(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs that were renamed, in a chain too, are taken over unread."""
    for number, name in enumerate(("app.log", "app.log.1", "app.log.2")):
        (logs.folder / name).write_bytes(noise(number, 300))
    logs.rest()
    logs.take()
    for number in (2, 1, 0):
        name = f"app.log.{number}" if number else "app.log"
        os.rename(logs.folder / name, logs.folder / f"app.log.{number + 1}")

    def refuse(absolute: bytes, _observer: object) -> int:
        raise AssertionError(f"{absolute!r} was opened")

    monkeypatch.setattr("dedupstore.operations.snapshot.regular_files.open_source", refuse)
    report = logs.take()
    assert counts(report) == {FileChange.RENAMED: 3}
    assert report.bytes_read == 0
    monkeypatch.undo()
    logs.log.write_bytes(b"begun anew\n")
    assert counts(logs.take()) == {FileChange.NEW: 1, FileChange.UNCHANGED: 3}


def test_a_writer_that_is_late_is_continued(logs: Logs) -> None:
    """A log that grew after it was renamed counts as renamed, and only what is new is read."""
    logs.log.write_bytes(noise(1, 900))
    size = logs.log.stat().st_size
    logs.take()
    append(logs.log, b"one more line\n")
    os.rename(logs.log, logs.folder / "app.log.1")
    report = logs.take()
    assert counts(report) == {FileChange.RENAMED: 1}
    assert report.bytes_read <= size // 8


def test_a_rename_proves_nothing_if_the_file_was_fresh(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may have changed just after it was read is read whole once it is renamed."""
    logs.log.write_bytes(noise(1, 300))
    logs.rest()
    with monkeypatch.context() as patch:
        patch.setattr("dedupstore.operations.snapshot.known_files._RACE_NS", 1 << 62)
        logs.take()
    os.rename(logs.log, logs.folder / "app.log.1")
    report = logs.take()
    assert counts(report) == {FileChange.RENAMED: 1}
    assert report.bytes_read == (logs.folder / "app.log.1").stat().st_size


def test_a_hard_link_is_taken_over(logs: Logs) -> None:
    """Another name of a known file has its content, unread."""
    logs.log.write_bytes(noise(1, 300))
    logs.rest()
    logs.take()
    os.link(logs.log, logs.folder / "zz.log")
    report = logs.take()
    assert counts(report)[FileChange.RENAMED] == 1
    # Making a link changes the change time, so that the known name is looked at again.
    assert report.bytes_read == logs.log.stat().st_size


def test_a_log_that_was_truncated_is_told(logs: Logs) -> None:
    """A log cut short where it is, as copytruncate does, is read whole and named."""
    logs.log.write_bytes(noise(1, 300))
    logs.take()
    logs.log.write_bytes(b"begun anew\n")
    report = logs.take()
    assert [event.kind for event in report.events] == ["truncated"]
    assert report.bytes_read == 11


@pytest.mark.parametrize("place", [0, -1])
def test_a_log_that_was_rewritten_is_told(logs: Logs, place: int) -> None:
    """A longer file with another beginning, or other bytes where it ended, is read whole."""
    data = bytearray(noise(1, 900))
    logs.log.write_bytes(data)
    logs.take()
    data[place] ^= 1
    logs.log.write_bytes(data + b"more\n")
    report = logs.take()
    assert [event.kind for event in report.events] == ["rewritten"]
    assert counts(report) == {FileChange.CHANGED: 1}
    assert report.bytes_read > len(data)


@pytest.mark.parametrize("is_hole", [False, True])
def test_a_log_that_was_made_longer_in_advance(logs: Logs, is_hole: bool) -> None:
    """What was written into zeros at the end is stored, though more zeros follow it."""
    logs.log.write_bytes(noise(1, 10_000))
    written, size = logs.log.stat().st_size, 1 << 20

    def prepare(size: int) -> None:
        if is_hole:
            os.truncate(logs.log, size)
        else:
            append(logs.log, bytes(size - logs.log.stat().st_size))

    prepare(size)
    logs.take()
    with logs.log.open("r+b") as log:
        log.seek(written)
        log.write(b"one more line\n")
    prepare(2 * size)
    report = logs.take()
    assert logs.restored(report, logs.log) == logs.log.read_bytes()
    assert report.events == []


def test_a_log_of_equal_lines_is_not_mistaken_for_another(logs: Logs) -> None:
    """One other line in a log that was begun anew, of lines like those before, is stored."""
    logs.log.write_bytes(b"heartbeat: ok\n" * 20_000)
    logs.take()
    other = bytearray(b"heartbeat: ok\n" * 20_001)
    other[140_000:140_014] = b"heartbeat: NO\n"
    logs.log.write_bytes(other)
    logs.take()


def test_a_log_that_is_older_than_before_is_read(logs: Logs) -> None:
    """If the modification time went back, a longer file is not taken for one that grew."""
    logs.log.write_bytes(noise(1, 300))
    logs.take()
    append(logs.log, b"more\n")
    os.utime(logs.log, ns=(0, 0))
    assert logs.take().bytes_read == logs.log.stat().st_size


def test_reread_reads_all(logs: Logs) -> None:
    """With reread, grown and renamed files are read whole, and counted as what they are."""
    logs.log.write_bytes(noise(1, 300))
    (logs.folder / "b.log").write_bytes(noise(2, 300))
    logs.rest()
    logs.take()
    append(logs.log, b"more\n")
    os.rename(logs.folder / "b.log", logs.folder / "c.log")
    report = logs.take(reread=True)
    assert counts(report) == {FileChange.GROWN: 1, FileChange.RENAMED: 1}
    assert report.bytes_read == report.content_bytes


def test_an_inode_that_was_given_away_is_no_log(logs: Logs) -> None:
    """A new log in the inode of one that is gone is read whole, quietly."""
    gone = logs.folder / "gone.log"
    gone.write_bytes(noise(1, 300))
    logs.take()
    gone.write_bytes(noise(2, 900))
    os.rename(gone, logs.log)
    report = logs.take()
    assert counts(report) == {FileChange.NEW: 1}
    assert report.events == []
    assert logs.lineages(report) == {}


def test_what_grew_out_of_nothing_elsewhere_is_new(logs: Logs) -> None:
    """A log in the inode of an empty file that is gone is not that file, renamed."""
    gone = logs.folder / "gone.log"
    gone.touch()
    logs.take()
    gone.write_bytes(noise(2, 900))
    os.rename(gone, logs.log)
    report = logs.take()
    assert counts(report) == {FileChange.NEW: 1}
    assert logs.lineages(report) == {}


def test_an_empty_log_that_is_written_to_has_grown(logs: Logs) -> None:
    """Where it was, an empty file that is no longer empty has grown."""
    logs.log.touch()
    logs.take()
    append(logs.log, b"one line\n")
    report = logs.take()
    assert counts(report) == {FileChange.GROWN: 1}
    assert report.bytes_read == 9


def swapped_when_opened(monkeypatch: pytest.MonkeyPatch, swap: Callable[[], object]) -> None:
    """Do something to a file between the look at it and its opening."""
    original = source_file.open_source

    def swap_and_open(absolute: bytes, observer: object) -> int | None:
        swap()
        return original(absolute, observer)  # type: ignore[arg-type]

    monkeypatch.setattr("dedupstore.operations.snapshot.regular_files.open_source", swap_and_open)


def test_a_file_that_is_swapped_before_it_is_opened(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another file that takes the place of one that grew is judged by itself."""
    logs.log.write_bytes(noise(1, 300))
    logs.take()
    append(logs.log, b"more\n")
    other = logs.folder.with_name("other.log")
    other.write_bytes(noise(2, 900))
    swapped_when_opened(monkeypatch, lambda: os.rename(other, logs.log))
    report = logs.take()
    assert counts(report) == {FileChange.CHANGED: 1}
    assert report.events == []


@pytest.mark.parametrize("left_bytes", [0, 5000])
@pytest.mark.parametrize("hole_bytes", [0, 100_000])
def test_a_log_that_is_truncated_while_it_is_continued(
    logs: Logs, monkeypatch: pytest.MonkeyPatch, left_bytes: int, hole_bytes: int
) -> None:
    """If a proved log shrinks before its new part is read, what is known of it is stored."""
    logs.log.touch()
    os.truncate(logs.log, hole_bytes)
    append(logs.log, noise(1, 300))
    data = logs.log.read_bytes()
    logs.take()
    append(logs.log, noise(2, 300))
    original = Continuer.attempt

    def attempt_and_truncate(self: Continuer, descriptor: int, known: Content) -> Attempt:
        attempt = original(self, descriptor, known)
        os.truncate(logs.log, left_bytes)
        return attempt

    monkeypatch.setattr(Continuer, "attempt", attempt_and_truncate)
    options = SnapshotOptions(set_name="s")
    report = dedupstore.snapshot(logs.repository, [logs.folder], options)
    assert [event.kind for event in report.events] == ["shrank"]
    assert logs.restored(report, logs.log) == data


def test_what_the_index_has_not_is_read_again(logs: Logs, tmp_path: Path) -> None:
    """Logs whose chunks are gone are read whole, whether they are as they were, grown or moved."""
    for number in range(3):
        (logs.folder / f"{number}.log").write_bytes(noise(number, 300))
    logs.rest()
    logs.take()
    [pack] = (tmp_path / "repository").glob("packs/data/*")
    pack.unlink()
    logs.repository.rebuild_index()
    append(logs.folder / "1.log", b"more\n")
    os.rename(logs.folder / "2.log", logs.folder / "2.log.1")
    report = logs.take()
    assert counts(report) == {
        FileChange.UNCHANGED: 1, FileChange.GROWN: 1, FileChange.RENAMED: 1,
    }  # fmt: skip
    assert report.bytes_read == report.content_bytes == report.bytes_new
    assert report.events == []


def test_what_cannot_be_read_of_the_repository_is_told(logs: Logs, tmp_path: Path) -> None:
    """A log that grew and of which damaged chunks are stored is read whole."""
    logs.log.write_bytes(noise(1, 900))
    logs.take()
    [pack] = (tmp_path / "repository").glob("packs/data/*")
    sound = pack.read_bytes()
    pack.chmod(0o600)
    pack.write_bytes(sound[:200] + b"\xff" * 200 + sound[400:])
    append(logs.log, b"more\n")
    report = dedupstore.snapshot(
        logs.repository, [logs.folder], SnapshotOptions(set_name="s", dry_run=True)
    )
    assert [event.kind for event in report.events] == ["read-whole"]
    assert report.bytes_read >= logs.log.stat().st_size


MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""A place where syncing costs nothing."""

PIECES = st.one_of(
    st.tuples(st.just("lines"), st.integers(1, 300)),
    st.tuples(st.just("bytes"), st.sampled_from([1, 700, 3000, 9000, 40_000])),
    st.tuples(st.just("zeros"), st.sampled_from([50, 4096, 40_000])),
    st.tuples(st.just("hole"), st.sampled_from([100, 4096, 8192, 40_000])),
)


@settings(max_examples=30)
@given(pieces=st.lists(PIECES, min_size=2, max_size=5))
@example(pieces=[("bytes", 9000), ("bytes", 3000), ("lines", 1), ("bytes", 9000), ("lines", 2)])
@example(pieces=[("bytes", 9000), ("hole", 4096), ("lines", 20), ("hole", 4096), ("lines", 9)])
def test_all_that_grows_is_stored_once(pieces: list[tuple[str, int]]) -> None:
    """However a file grows, what is new is stored, and reading it whole gives the same list."""
    with (
        tempfile.TemporaryDirectory(dir=MEMORY) as name,
        dedupstore.init_repository(Path(name) / "r", chunk_bytes_target=4096) as repository,
    ):
        logs = Logs(Path(name), repository)
        options = SnapshotOptions(set_name="s")
        for number, (kind, size) in enumerate(pieces):
            if kind == "hole":
                logs.log.touch()
                os.truncate(logs.log, logs.log.stat().st_size + size)
            elif kind == "lines":
                append(logs.log, noise(number, size))
            else:
                data = random.Random(number).randbytes(size).replace(b"\n", b".")
                append(logs.log, bytes(size) if kind == "zeros" else data)
            report = dedupstore.snapshot(repository, [logs.folder], options)
            assert report.bytes_new <= added_bytes(kind, logs.log, size) + TAIL_BYTES_MIN
        whole = logs.take(reread=True)
        assert report.events == []
        assert whole.bytes_new == 0
        assert [entry.content for entry in logs.entries(report)] == [
            entry.content for entry in logs.entries(whole)
        ]


TAIL_BYTES_MIN = 4096 // 8
"""A chunk that ends a file and is shorter is stored again, together with what follows."""


def added_bytes(kind: str, log: Path, size: int) -> int:
    """Return at most how many bytes were added, by lines of 61, or as the edge of a hole."""
    if kind == "hole":
        return log.stat().st_blksize
    return (61 * size if kind == "lines" else size) + log.stat().st_blksize


def test_growth_by_lines_makes_no_chunk_for_each(logs: Logs) -> None:
    """A log that grows by a line at a time has no chunk that is shorter than an eighth."""
    for number in range(40):
        append(logs.log, noise(number, 1))
        report = dedupstore.snapshot(logs.repository, [logs.folder], SnapshotOptions(set_name="s"))
    [entry] = [entry for entry in logs.entries(report) if entry.size]
    sizes = [extent.extent_bytes for extent in entry.content.extents]
    assert len(sizes) > 3
    assert min(sizes[:-1]) >= TAIL_BYTES_MIN
    assert logs.restored(report, logs.log) == logs.log.read_bytes()


def test_logs_with_holes_are_continued(logs: Logs) -> None:
    """Behind a hole, and where one ends the file, growth is told from all else.

    Only what is written behind a hole that ended within a block looks like another file.
    """
    with logs.log.open("wb") as file:
        file.write(noise(1, 300))
        file.seek(1 << 20)
        file.write(noise(2, 300))
    ways: list[tuple[Callable[[], object], FileChange]] = [
        (lambda: append(logs.log, noise(3, 300)), FileChange.GROWN),
        (lambda: os.truncate(logs.log, 3 << 20), FileChange.GROWN),
        (lambda: os.truncate(logs.log, 5_000_001), FileChange.GROWN),
        (lambda: append(logs.log, noise(4, 10)), FileChange.CHANGED),
    ]
    for grow, change in ways:
        logs.take()
        grow()
        grown = logs.take()
        assert counts(grown) == {change: 1}
        assert grown.bytes_read < 100_000
        whole = logs.take(reread=True)
        assert [entry.content for entry in logs.entries(grown)] == [
            entry.content for entry in logs.entries(whole)
        ]


def test_lineages_follow_the_files(logs: Logs) -> None:
    """A part of a log names the log, wherever it is moved; the log itself names none."""
    logs.log.write_bytes(noise(1, 300))
    logs.rest()
    assert logs.lineages(logs.take()) == {}
    os.rename(logs.log, logs.folder / "old stuff")
    logs.log.write_bytes(noise(2, 300))
    logs.rest()
    assert logs.lineages(logs.take()) == {"old stuff": "app.log"}
    os.rename(logs.folder / "old stuff", logs.folder / "older stuff")
    os.rename(logs.log, logs.folder / "app.log.1")
    expected = {"older stuff": "app.log", "app.log.1": "app.log"}
    logs.rest()
    assert logs.lineages(logs.take()) == expected
    assert logs.lineages(logs.take()) == expected
    os.rename(logs.folder / "app.log.1", logs.log)
    assert logs.lineages(logs.take()) == {"older stuff": "app.log"}


def test_a_new_file_has_the_lineage_that_its_name_says(logs: Logs) -> None:
    """Where nothing is known of a file, its name decides whether it is a part of a log."""
    (logs.folder / "app.log.3").write_bytes(noise(1, 10))
    (logs.folder / "plain").write_bytes(noise(2, 10))
    assert logs.lineages(logs.take()) == {"app.log.3": "app.log"}
