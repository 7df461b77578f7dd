"""Counting renames: files that are met under another path than the last snapshot knew."""

from __future__ import annotations

import os
import struct

from dedupstore.format.entry import Entry
from dedupstore.operations.snapshot.report import FileChange

# Every file of a new set arrives, so what is remembered of each is packed: device, inode and
# modification time tell whether it is another's continuation.
_IDENTITY = struct.Struct("<QQQ")
_64_BITS = (1 << 64) - 1


class RenameCount:
    """Matches files that are new at their path with known files that left theirs.

    A renamed file keeps its inode and modification time, and never gets shorter. Where
    ``anything_known`` is false nothing can have been renamed, and nothing is remembered.
    """

    def __init__(self, *, anything_known: bool = True) -> None:
        self._anything_known = anything_known
        self._displaced: dict[bytes, int] = {}
        self._arrived: list[tuple[bytes, int, FileChange]] = []

    def displaced(self, known: Entry) -> None:
        """A known file is no longer at its path."""
        if known.inode:
            identity = _pack(known.device, known.inode, known.mtime_ns)
            self._displaced[identity] = known.size

    def arrived(self, status: os.stat_result, counted_as: FileChange) -> None:
        """A file is at a path where another, or none, was known; it was counted as something."""
        if not self._anything_known:
            return
        identity = _pack(status.st_dev, status.st_ino, status.st_mtime_ns)
        self._arrived.append((identity, status.st_size, counted_as))

    def renamed(self) -> list[FileChange]:
        """Return, for each arrived file that is a displaced one, what it was counted as."""
        return [
            counted_as
            for identity, size, counted_as in self._arrived
            if self._displaced.get(identity, size + 1) <= size
        ]


def _pack(device: int, inode: int, mtime_ns: int) -> bytes:
    # File systems know times before 1970 and, in nanoseconds, beyond 63 bits.
    return _IDENTITY.pack(device, inode, mtime_ns & _64_BITS)
