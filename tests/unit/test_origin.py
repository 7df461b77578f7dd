"""Which known file a file is taken for."""

from __future__ import annotations

import os
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dedupstore.format.entry import Entry, EntryType, Twin
from dedupstore.operations.snapshot.known_index import KnownIndex
from dedupstore.operations.snapshot.origin import Origin, OriginFinder

KNOWN = Entry(
    b"app.log", EntryType.FILE, mtime_ns=500, ctime_ns=600, size=100, device=1, inode=2
)  # fmt: skip


class _Index:
    """An index of files by inode."""

    def __init__(self, *entries: Entry) -> None:
        self._entries = entries

    is_empty = False

    def by_inode(self, device: int, inode: int) -> list[Entry]:
        """Return all files with that inode."""
        return [each for each in self._entries if (each.device, each.inode) == (device, inode)]


def status(**changed: int) -> os.stat_result:
    """Return the status of the known file, but for what has changed."""
    facts = {"dev": 1, "ino": 2, "size": 100, "mtime_ns": 500, "ctime_ns": 600} | changed
    return cast(os.stat_result, SimpleNamespace(**{f"st_{k}": v for k, v in facts.items()}))


def found(at_path: Entry | None, file: os.stat_result, *known: Entry) -> Origin | None:
    """Look a file up among what is known at its path and elsewhere."""
    return OriginFinder(cast(KnownIndex, _Index(*known))).find(at_path, file)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"ctime_ns": 10_000}, True),
        ({"ctime_ns": 599}, False),
        ({"mtime_ns": 501}, False),
        ({"mtime_ns": 499}, False),
        ({"size": 99}, False),
        ({"size": 101}, False),
    ],
)
def test_a_renamed_file_has_size_and_modification_time(
    changed: dict[str, int], expected: bool
) -> None:
    """Only the change time may be another, and later, where a file is taken over unread."""
    moved = Origin(KNOWN, same_path=False, same_inode=True)
    assert moved.is_renamed(status(**changed)) is expected
    assert not replace_in(moved, ctime_ns=0).is_renamed(status())
    assert not moved._replace(same_inode=False).is_renamed(status())
    assert not moved._replace(same_path=True).is_renamed(status())


def replace_in(origin: Origin, **changed: Any) -> Origin:
    """Return an origin of another entry."""
    return origin._replace(entry=replace(origin.entry, **changed))


@pytest.mark.parametrize(
    ("mtime_ns", "lineage", "expected"),
    [(7_000_000_001, b"", True), (7_000_000_000, b"", False), (7_000_000_000, b"app.log", True)],
)
def test_a_time_in_whole_seconds_tells_little(
    mtime_ns: int, lineage: bytes, expected: bool
) -> None:
    """With a time that a program may have set, only a part of a log is known by its inode."""
    known = replace(KNOWN, mtime_ns=mtime_ns, lineage=lineage)
    moved = Origin(known, same_path=False, same_inode=True)
    assert moved.is_renamed(status(mtime_ns=mtime_ns)) is expected


def test_only_what_is_longer_and_not_older_may_have_grown() -> None:
    """A file that has grown has its inode, more bytes and no earlier time, and is no twin."""
    same = Origin(KNOWN, same_path=True, same_inode=True)
    assert same.may_be_grown(status(size=101))
    assert same.may_be_grown(status(size=101, mtime_ns=501))
    assert not same.may_be_grown(status())
    assert not same.may_be_grown(status(size=101, mtime_ns=499))
    assert not same._replace(same_inode=False).may_be_grown(status(size=101))
    twin = Twin(1000, bytes(32), b"recipe")
    assert not replace_in(same, twin=twin).may_be_grown(status(size=101))


def test_only_where_it_was_a_shorter_file_is_truncated() -> None:
    """A file is truncated if it is shorter at its path and in its inode."""
    same = Origin(KNOWN, same_path=True, same_inode=True)
    assert same.is_truncated(status(size=99))
    assert not same.is_truncated(status(size=100))
    assert not same._replace(same_path=False).is_truncated(status(size=99))
    assert not same._replace(same_inode=False).is_truncated(status(size=99))


def test_the_file_at_the_path_comes_first() -> None:
    """A file that is known at its path is that, if it has the same device and inode."""
    elsewhere = replace(KNOWN, path=b"link.log")
    assert found(KNOWN, status(size=5), elsewhere) == (KNOWN, True, True)
    other = replace(KNOWN, inode=3)
    assert found(other, status(), elsewhere) == (elsewhere, False, True)
    other_device = replace(KNOWN, device=2)
    assert found(other_device, status(), elsewhere) == (elsewhere, False, True)
    assert found(other, status(ino=9), elsewhere) == (other, True, False)
    assert found(None, status(ino=9), elsewhere) is None


@pytest.mark.parametrize(
    ("size", "changed", "expected"),
    [
        (100, {"mtime_ns": 501}, False),
        (100, {"size": 99, "mtime_ns": 501}, False),
        (100, {"size": 101, "mtime_ns": 501}, True),
        (100, {"size": 101, "mtime_ns": 499}, False),
        (0, {"size": 101, "mtime_ns": 501}, False),
        (0, {"size": 0}, True),
    ],
)
def test_another_file_may_have_the_inode(
    size: int, changed: dict[str, int], expected: bool
) -> None:
    """Under another path a file can only be the known one if it is as it was, or longer."""
    known = replace(KNOWN, size=size)
    assert (found(None, status(**changed), known) is not None) is expected
