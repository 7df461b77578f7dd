"""Which file of the last snapshot a file is that is met now."""

from __future__ import annotations

import os
from typing import NamedTuple

from dedupstore.format.entry import Entry
from dedupstore.operations.snapshot.known_index import KnownIndex

_SECOND_NS = 1_000_000_000


class Origin(NamedTuple):
    """What the last snapshot knows of a file.

    ``same_path``: under the path that it has now. ``same_inode``: the same device and inode.
    """

    entry: Entry
    same_path: bool
    same_inode: bool

    def is_renamed(self, status: os.stat_result) -> bool:
        """Tell whether the file only has another path than before, and need not be read.

        A rename changes the change time, which is therefore not compared; but it cannot lie before
        the known one. Where that proved nothing (``trusted_ctime_ns``), neither does the rest: the
        file may have changed just after it was read, without showing it.

        A time in whole seconds was set by a program: packages give the same one to each file of
        each version, so that another file may well have it. Of a part of a log it is believed.
        """
        known = self.entry
        is_telling = known.mtime_ns % _SECOND_NS != 0 or known.lineage != b""
        return (
            self.same_inode
            and not self.same_path
            and is_telling
            and known.size == status.st_size
            and known.mtime_ns == status.st_mtime_ns
            and 0 != known.ctime_ns <= status.st_ctime_ns
        )

    def may_be_grown(self, status: os.stat_result) -> bool:
        """Tell whether the file may be the known one with more at its end, to be continued."""
        return (
            self.same_inode
            and self.entry.twin is None
            and 0 < self.entry.size < status.st_size
            and self.entry.mtime_ns <= status.st_mtime_ns
        )

    def is_truncated(self, status: os.stat_result) -> bool:
        """Tell whether the file was cut short where it was, as ``copytruncate`` does."""
        return self.same_path and self.same_inode and status.st_size < self.entry.size


class OriginFinder:
    """Looks a file up by its path first, and by its inode where another is known at the path."""

    def __init__(self, index: KnownIndex) -> None:
        self._index = index

    def find(self, at_path: Entry | None, status: os.stat_result) -> Origin | None:
        """Return what is known of a file; ``at_path`` is what is known at its path.

        Raises:
            StorageError: the store could not deliver.
        """
        if at_path is not None and _identity(at_path) == (status.st_dev, status.st_ino):
            return Origin(at_path, same_path=True, same_inode=True)
        if self._index.is_empty:
            return None
        for entry in self._index.by_inode(status.st_dev, status.st_ino):
            if _may_be(entry, status):
                return Origin(entry, same_path=False, same_inode=True)
        return None if at_path is None else Origin(at_path, same_path=True, same_inode=False)


def _identity(entry: Entry) -> tuple[int, int]:
    return entry.device, entry.inode


def _may_be(known: Entry, status: os.stat_result) -> bool:
    """Tell whether a known file can be the one that has its inode now, under another path.

    The inode of a file that is gone is soon given to another one, which is seldom longer, or as
    long and as old. What has grown out of nothing cannot be told from that.
    """
    if known.size == status.st_size:
        return known.mtime_ns == status.st_mtime_ns
    return 0 < known.size < status.st_size and known.mtime_ns <= status.st_mtime_ns
