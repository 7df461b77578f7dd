"""Snapshots of the systemd journal: each holds the whole stream, and adds only what is new."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

import dedupstore
from dedupstore import FileChange, JournalSource, Repository, SnapshotOptions, SnapshotReport
from dedupstore.errors import CommandFailed
from dedupstore.operations.snapshot.journal import JOURNAL_NAME
from journal_streams import StandIn, journal_stream


@pytest.fixture
def journal(tmp_path: Path) -> StandIn:
    """Return an empty journal."""
    return StandIn(tmp_path / "journal")


def take(
    repository: Repository, journal: StandIn, options: SnapshotOptions | None = None
) -> SnapshotReport:
    """Take a snapshot of a journal."""
    source = JournalSource(program=str(journal.program))
    return dedupstore.snapshot_journal(repository, source, options)


def stored(repository: Repository, report: SnapshotReport) -> bytes:
    """Return the stream that a snapshot holds."""
    assert report.snapshot is not None
    output = io.BytesIO()
    found = dedupstore.load_snapshot(repository, report.snapshot)
    dedupstore.cat(repository, found, JOURNAL_NAME, output)
    return output.getvalue()


def kinds(report: SnapshotReport) -> list[str]:
    """Return the kinds of a report's events."""
    return [event.kind for event in report.events]


def test_only_new_entries_are_read_and_stored(repository: Repository, journal: StandIn) -> None:
    """A journal that grew costs what was added, and the snapshot holds all of it."""
    old, new = journal_stream(range(600)), journal_stream(range(600, 640))
    journal.set(old)
    first = take(repository, journal)
    assert (first.bytes_read, first.changes[FileChange.NEW]) == (len(old), 1)
    journal.set(old + new)
    second = take(repository, journal)
    assert (second.bytes_read, second.changes[FileChange.GROWN]) == (len(new), 1)
    assert second.bytes_new < len(new) + repository.chunker.parameters.tail_bytes_min
    assert stored(repository, second) == old + new
    third = take(repository, journal)
    assert (third.bytes_read, third.changes[FileChange.UNCHANGED]) == (0, 1)
    assert stored(repository, third) == old + new
    assert [kinds(report) for report in (first, second, third)] == [[], [], []]


def test_a_continued_stream_is_stored_once(repository: Repository, journal: StandIn) -> None:
    """Each snapshot stores what is new and, in one chunk, less than an eighth of the target."""
    known_bytes = 0
    for end in (0, 1, 40, 300, 301, 302, 303, 900):
        journal.set(stream := journal_stream(range(end)))
        report = take(repository, journal)
        tail_bytes_min = repository.chunker.parameters.tail_bytes_min
        assert report.bytes_new < len(stream) - known_bytes + tail_bytes_min
        assert stored(repository, report) == stream
        known_bytes = len(stream)


def test_entries_that_the_journal_threw_away_stay(repository: Repository, journal: StandIn) -> None:
    """After a vacuum the stream still has all entries, each once, and the report tells of it."""
    journal.set(journal_stream(range(100)))
    take(repository, journal)
    journal.set(journal_stream(range(150, 200)))
    report = take(repository, journal)
    assert stored(repository, report) == journal_stream([*range(100), *range(150, 200)])
    assert kinds(report) == ["journal-compared"]


def test_a_journal_that_was_copied_is_the_same(repository: Repository, journal: StandIn) -> None:
    """Entries that stand in another file, with other numbers, are not stored once more."""
    journal.set(journal_stream(range(50)))
    take(repository, journal)
    journal.set(journal_stream(range(20, 60), file="b" * 32))
    report = take(repository, journal)
    added = journal_stream(range(50, 60), file="b" * 32)
    assert stored(repository, report) == journal_stream(range(50)) + added


def test_an_empty_journal_becomes_an_empty_file(repository: Repository, journal: StandIn) -> None:
    """A journal without entries is stored, and continued when the first one comes."""
    assert stored(repository, take(repository, journal)) == b""
    journal.set(journal_stream(range(3)))
    assert stored(repository, take(repository, journal)) == journal_stream(range(3))


@pytest.mark.parametrize(
    ("written", "code", "said"),
    [
        (journal_stream(range(9)), 1, "ended with 1: no permission"),
        (journal_stream(range(9))[:-9], 0, "stopped within an entry"),
        (b"Name\n\0\0\0\0\0\0\0\0not a journal", 0, "wrote no journal"),
    ],
)
def test_a_journalctl_that_fails_leaves_no_snapshot(
    repository: Repository, journal: StandIn, written: bytes, code: int, said: str
) -> None:
    """Where journalctl fails, breaks off, or writes something else, there is no new snapshot."""
    journal.set(journal_stream(range(5)))
    take(repository, journal)
    journal.set(journal_stream(range(5)) + written, said="no permission", code=code)
    with pytest.raises(CommandFailed, match=said):
        take(repository, journal)
    assert len(dedupstore.list_snapshots(repository)) == 1


def test_what_journalctl_says_is_told(repository: Repository, journal: StandIn) -> None:
    """A hint of journalctl, such as that some entries cannot be seen, is in the report."""
    journal.set(journal_stream(range(5)), said="Hint: you are\n not seeing everything\n")
    (event,) = take(repository, journal).events
    assert (event.kind, event.detail) == ("journalctl", "Hint: you are not seeing everything")


def test_a_program_that_is_missing_is_named(repository: Repository, tmp_path: Path) -> None:
    """Without journalctl there is no snapshot, and the error says what is missing."""
    source = JournalSource(program=str(tmp_path / "nowhere"))
    with pytest.raises(CommandFailed, match="nowhere"):
        dedupstore.snapshot_journal(repository, source)


def test_a_lost_chunk_begins_the_stream_anew(repository: Repository, journal: StandIn) -> None:
    """If a part of the stored stream is lost, the journal is read whole, and that is told."""
    journal.set(journal_stream(range(400)))
    take(repository, journal)
    for pack in (Path(repository.location) / "packs" / "data").rglob("*"):
        if pack.is_file():
            pack.unlink()
    repository.rebuild_index()
    report = take(repository, journal)
    assert kinds(report) == ["read-whole"]
    assert stored(repository, report) == journal_stream(range(400))


def test_a_journal_has_a_set_of_its_own(repository: Repository, journal: StandIn) -> None:
    """By default the set is not that of the host's files, whose last snapshot is needed by them."""
    report = take(repository, journal, SnapshotOptions(host="alpha"))
    assert report.set_name == "alpha-journal"


def test_what_is_no_journal_is_kept(repository: Repository, journal: StandIn) -> None:
    """If something else was stored under the journal's name, entries are put behind it."""
    read, write = os.pipe()
    with open(write, "wb") as pipe:
        pipe.write(b"x" * 9000)
    options = SnapshotOptions(set_name="odd")
    dedupstore.snapshot_stream(repository, JOURNAL_NAME, read, options)
    os.close(read)
    journal.set(journal_stream(range(3)))
    report = take(repository, journal, options)
    assert kinds(report) == ["journal-compared", "no-journal"]
    assert stored(repository, report) == b"x" * 9000 + journal_stream(range(3))


def test_late_entries_are_found_when_all_are_compared(
    repository: Repository, journal: StandIn
) -> None:
    """Entries that came late, before the last one that is stored, are added with ``reread``."""
    journal.set(journal_stream([*range(10), *range(20, 30)]))
    take(repository, journal)
    journal.set(journal_stream(range(31)))
    assert stored(repository, take(repository, journal)) == journal_stream(
        [*range(10), *range(20, 31)]
    )
    report = take(repository, journal, SnapshotOptions(reread=True))
    assert stored(repository, report) == journal_stream(
        [*range(10), *range(20, 31), *range(10, 20)]
    )
    assert kinds(report) == []
    # The journal has stored entries behind the last one of the stream: none is stored twice.
    assert take(repository, journal).changes[FileChange.UNCHANGED] == 1
    journal.set(journal_stream(range(33)))
    assert kinds(take(repository, journal)) == ["journal-compared"]
    journal.set(journal_stream(range(35)))
    report = take(repository, journal)
    assert (kinds(report), report.bytes_read) == ([], len(journal_stream(range(33, 35))))
    assert stored(repository, report) == journal_stream(
        [*range(10), *range(20, 31), *range(10, 20), *range(31, 35)]
    )
