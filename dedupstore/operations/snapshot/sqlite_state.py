"""SQLite databases that serve as logs: recognised, and one state of them told from another."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NamedTuple

from dedupstore.format.hashing import digest
from dedupstore.operations.snapshot.known_files import is_past

SIBLING_SUFFIXES = (b"-journal", b"-shm", b"-wal")
"""What SQLite appends to a database's path for the files that belong to it."""

# Of which, where they are not empty, these are the first bytes (https://sqlite.org/fileformat2.html).
_SIBLING_MAGICS = {
    b"-journal": (bytes.fromhex("d9d505f920a163d7"), bytes(8)),
    b"-shm": ((3007000).to_bytes(4, sys.byteorder),),
    b"-wal": (bytes.fromhex("377f0682"), bytes.fromhex("377f0683")),
}

_MAGIC = b"SQLite format 3\0"
_DATABASE_BYTES_MIN = 512
_STAMP_BITS = 62


class DatabaseState(NamedTuple):
    """What tells a state of a database from another, without reading it.

    ``facts`` are of its file and of what belongs to it: device, inode, size, modification and
    change time. ``is_settled`` is False where the last change is too recent to tell from the next.
    """

    facts: tuple[tuple[int, ...], ...]
    is_settled: bool

    @property
    def stamp(self) -> int:
        """A number, above 0, that another state has not; 0 where the state is not settled."""
        if not self.is_settled:
            return 0
        value = int.from_bytes(digest(repr(self.facts).encode()), "little")
        return value % ((1 << _STAMP_BITS) - 1) + 1

    @property
    def mtime_ns(self) -> int:
        """When the database last changed."""
        return max(facts[3] for facts in self.facts)

    @property
    def total_bytes(self) -> int:
        """The length of all its files."""
        return sum(facts[2] for facts in self.facts)

    def after_copy(self, later: DatabaseState) -> DatabaseState:
        """Return the state that a copy is of, which was made between this state and a later one.

        SQLite, run by root, gives a -wal file to the database's owner once more, which changes
        nothing but its change time. Where anything else has changed, the copy is of neither.
        """
        main, *siblings = self.facts
        later_main, *later_siblings = later.facts
        is_same = main == later_main and [f[:4] for f in siblings] == [
            f[:4] for f in later_siblings
        ]
        return DatabaseState(later.facts, self.is_settled and is_same)


def is_database(first_bytes: bytes, size: int) -> bool:
    """Tell by its first bytes, of which 16 are enough, whether a file of ``size`` bytes is one."""
    return size >= _DATABASE_BYTES_MIN and first_bytes.startswith(_MAGIC)


def is_sibling(absolute: bytes) -> bool:
    """Tell whether the file at a path with one of ``SIBLING_SUFFIXES`` is what its name says.

    Raises:
        OSError: the file cannot be read.
    """
    suffix = absolute[absolute.rindex(b"-") :]
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    descriptor = os.open(absolute, flags)
    try:
        begin = os.pread(descriptor, max(map(len, _SIBLING_MAGICS[suffix])), 0)
    finally:
        os.close(descriptor)
    return not begin or begin.startswith(_SIBLING_MAGICS[suffix])


def database_state(absolute: bytes, descriptor: int, seen_ns: int) -> DatabaseState:
    """Return the state of the database at ``absolute``, which is open as ``descriptor``.

    ``seen_ns`` is a time before this is called.

    Raises:
        OSError: the state cannot be told.
    """
    status = os.fstat(descriptor)
    found = [status]
    # The -shm file holds locks and an index, nothing that is not in the others.
    for suffix in (b"-journal", b"-wal"):
        with suppress(FileNotFoundError):
            found.append(os.lstat(absolute + suffix))
    is_settled = is_past(status.st_ctime_ns, seen_ns) and all(
        is_past(sibling.st_mtime_ns, seen_ns) for sibling in found[1:]
    )
    facts = tuple(
        (each.st_dev, each.st_ino, each.st_size, each.st_mtime_ns, each.st_ctime_ns)
        for each in found
    )
    return DatabaseState(facts, is_settled)
