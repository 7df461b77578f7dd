"""What a snapshot is asked to do, and what it says it did."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from dedupstore.engine.compression import Compression
from dedupstore.engine.labels import check_label
from dedupstore.engine.monitor import Event
from dedupstore.ids import SnapshotId


@dataclass(frozen=True, slots=True)
class SnapshotOptions:
    """How to take a snapshot.

    ``set_name`` and ``host`` default to the name of this host; ``time`` to now. ``exclude`` holds
    glob patterns (see ``engine.path_patterns``). ``reread`` reads every file even if it looks
    unchanged. ``dry_run`` reads and counts, but stores nothing. ``estimate`` walks the sources
    once before, so that the monitor knows the total. ``copies_databases`` stores SQLite databases
    as consistent copies, made by SQLite. ``compression`` says how much time is spent on making
    what is new small.
    """

    set_name: str | None = None
    host: str | None = None
    tags: tuple[str, ...] = ()
    time: datetime | None = None
    exclude: tuple[bytes, ...] = ()
    one_file_system: bool = False
    reread: bool = False
    dry_run: bool = False
    estimate: bool = False
    copies_databases: bool = True
    compression: Compression = Compression.AUTO

    def effective_host(self) -> str:
        """Return the host to record."""
        return self.host if self.host is not None else os.uname().nodename

    def effective_set(self) -> str:
        """Return the set to record.

        Raises:
            UsageError: a name, host or tag is empty, too long, or holds control characters.
        """
        set_name = self.set_name if self.set_name is not None else self.effective_host()
        for label in (set_name, self.effective_host(), *self.tags):
            check_label(label)
        return set_name


class FileChange(Enum):
    """What became of a file since the last snapshot of the set."""

    NEW = "new"
    CHANGED = "changed"
    GROWN = "grown"
    RENAMED = "renamed"
    UNCHANGED = "unchanged"

    # Each file is counted by one of these: hashing their names took longer than all else of it.
    __hash__ = object.__hash__


@dataclass(slots=True)
class SnapshotReport:
    """What a snapshot holds and what it cost.

    Each file is counted once in ``changes``. ``content_bytes`` is the size of all files;
    ``bytes_read`` what was read of them; ``bytes_new`` what of that the repository did not have;
    ``bytes_stored`` what it grew by. ``skipped`` counts sockets, FIFOs and devices by kind.
    ``warnings`` are sources that could not be read; ``events`` is all that
    happened besides, such as a file that shrank while it was read.
    """

    snapshot: SnapshotId | None = None
    set_name: str = ""
    time: datetime | None = None
    files: int = 0
    directories: int = 0
    symlinks: int = 0
    content_bytes: int = 0
    bytes_read: int = 0
    bytes_new: int = 0
    bytes_stored: int = 0
    changes: dict[FileChange, int] = field(default_factory=lambda: dict.fromkeys(FileChange, 0))
    files_vanished: int = 0
    excluded: int = 0
    twins: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    warnings: list[Event] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """True when everything that was asked for could be read."""
        return not self.warnings

    def count(self, change: FileChange, size: int, *, is_twin: bool) -> None:
        """Count a file of ``size`` bytes; ``is_twin`` says that its text is stored."""
        self.files += 1
        self.content_bytes += size
        self.changes[change] += 1
        self.twins += is_twin
