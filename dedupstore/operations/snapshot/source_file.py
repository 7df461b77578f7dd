"""A regular file that is open to be read."""

from __future__ import annotations

import os
import stat
from concurrent.futures import Future
from dataclasses import dataclass

from dedupstore.format.entry import Entry
from dedupstore.operations.snapshot.observer import ReportingObserver
from dedupstore.operations.snapshot.origin import Origin
from dedupstore.operations.snapshot.report import FileChange
from dedupstore.operations.snapshot.twin_proofs import TwinProof

_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_REST_NS = 60 * 1_000_000_000
"""What compresses a log writes to the file every few seconds at least."""

_FIRST_BYTES = 32

OTHER_KINDS = {
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "FIFO",
    stat.S_IFBLK: "block device",
    stat.S_IFCHR: "character device",
}
"""What there is besides files, folders and links, and is not stored."""


@dataclass(slots=True, eq=False)
class SourceFile:
    """A file under way: open, with its status, and what the last snapshot knew.

    ``seen_ns`` is the time before the status was asked for: a change time must have been past by
    then to prove that nothing changed since, however long the reading takes. ``at_path`` was known
    at the file's path; ``origin`` as the file itself. ``proof`` is the search for its twin.
    """

    absolute: bytes
    path: bytes
    descriptor: int
    status: os.stat_result
    seen_ns: int
    at_path: Entry | None = None
    origin: Origin | None = None
    proof: Future[TwinProof | None] | None = None

    def read_first_bytes(self) -> bytes:
        """Read as much as tells what kind of file it is.

        Raises:
            OSError: the file cannot be read.
        """
        return os.pread(self.descriptor, _FIRST_BYTES, 0) if self.status.st_size else b""

    def change(self, *, is_same: bool, has_grown: bool = False) -> FileChange:
        """Return what became of the file, given what it is compared with its origin."""
        if self.origin is None or not (is_same or has_grown):
            return FileChange.NEW if self.at_path is None else FileChange.CHANGED
        if not self.origin.same_path:
            return FileChange.RENAMED
        return FileChange.UNCHANGED if is_same else FileChange.GROWN

    def rests(self) -> bool:
        """Tell whether nothing has been written to the file for some time."""
        return self.status.st_mtime_ns + _REST_NS <= self.seen_ns

    def same_log(self, change: FileChange) -> Entry | None:
        """Return the known entry of the log that the file, after a change, still is a part of."""
        if self.origin is None:
            return None
        stayed = self.origin.same_path and self.origin.same_inode
        was_it = change not in (FileChange.NEW, FileChange.CHANGED)
        return self.origin.entry if stayed or was_it else None

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.descriptor)


def open_source(absolute: bytes, observer: ReportingObserver) -> int | None:
    """Open a file without following links; ``None`` where something else took its place.

    Raises:
        OSError: it cannot be opened.
    """
    try:
        return os.open(absolute, _OPEN_FILE)
    except OSError:
        kind = stat.S_IFMT(os.lstat(absolute).st_mode)
        if kind == stat.S_IFREG:
            raise
        observer.skipped(absolute, OTHER_KINDS.get(kind, "symbolic link now"))
        return None
