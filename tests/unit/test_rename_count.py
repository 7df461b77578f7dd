"""Counting files that are met under another path than before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dedupstore.format.entry import Entry, EntryType
from dedupstore.operations.snapshot.rename_count import RenameCount
from dedupstore.operations.snapshot.report import FileChange


@pytest.fixture
def status(tmp_path: Path) -> os.stat_result:
    """Return the status of a file."""
    path = tmp_path / "app.log.1"
    path.write_text("a log that was rotated\n")
    return path.stat()


def known_as(status: os.stat_result, *, more_bytes: int = 0, later_ns: int = 0) -> Entry:
    """Return what the last snapshot may have known of the file, under its old path."""
    return Entry(
        b"app.log",
        EntryType.FILE,
        device=status.st_dev,
        inode=status.st_ino,
        size=status.st_size + more_bytes,
        mtime_ns=status.st_mtime_ns + later_ns,
    )


def test_a_file_that_left_and_arrived_is_renamed(status: os.stat_result) -> None:
    """Same inode and modification time, not shorter: renamed, whatever it was counted as."""
    renames = RenameCount()
    renames.displaced(known_as(status, more_bytes=-5))
    renames.arrived(status, FileChange.NEW)
    assert renames.renamed() == [FileChange.NEW]


def test_the_order_does_not_matter(status: os.stat_result) -> None:
    """A file may be met at its new path before its old path is found empty."""
    renames = RenameCount()
    renames.arrived(status, FileChange.CHANGED)
    renames.displaced(known_as(status))
    assert renames.renamed() == [FileChange.CHANGED]


@pytest.mark.parametrize(("more_bytes", "later_ns"), [(1, 0), (0, 1), (0, -1)])
def test_another_file_in_its_inode_is_not(
    status: os.stat_result, more_bytes: int, later_ns: int
) -> None:
    """A file that got shorter, or has another time, is another one that took over the inode."""
    renames = RenameCount()
    renames.displaced(known_as(status, more_bytes=more_bytes, later_ns=later_ns))
    renames.arrived(status, FileChange.NEW)
    assert renames.renamed() == []


def test_files_without_an_inode_are_never_renamed(status: os.stat_result) -> None:
    """A file that came from a pipe has no inode and matches nothing."""
    renames = RenameCount()
    renames.displaced(Entry(b"pipe", EntryType.FILE))
    renames.arrived(status, FileChange.NEW)
    assert renames.renamed() == []


def test_nothing_is_remembered_where_nothing_was_known(tmp_path: Path) -> None:
    """Without a snapshot before, no file counts as renamed, however many arrive."""
    renames = RenameCount(anything_known=False)
    path = tmp_path / "a.log"
    path.write_text("a\n")
    renames.arrived(path.lstat(), FileChange.NEW)
    assert renames.renamed() == []
