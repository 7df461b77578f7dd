"""Taking SQLite databases among the files of a snapshot."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from dedupstore.engine.monitor import Event
from dedupstore.format.entry import Entry
from dedupstore.operations.snapshot.observer import ReportingObserver
from dedupstore.operations.snapshot.source_file import SourceFile
from dedupstore.operations.snapshot.sqlite_state import (
    SIBLING_SUFFIXES,
    DatabaseState,
    database_state,
    is_database,
    is_sibling,
)

LOCK_WAIT_SECONDS = 5.0
"""As long as this a locked database is waited for, the first that is."""


class DatabaseCopy(NamedTuple):
    """A copy: its file descriptor, which is the caller's to close, and the state it is of."""

    descriptor: int
    state: DatabaseState


class Databases:
    """Knows which files are copied by SQLite, and which are left out because a copy has them.

    An entry of a copy has no inode: its bytes are not those of the file. Its change time is no
    time but the stamp of the state that was copied.
    """

    def __init__(self, observer: ReportingObserver, *, copies: bool) -> None:
        self._observer = observer
        self._copies = copies
        self._refused = 0
        self._left_out: dict[bytes, bytes] = {}

    def leaves_out(self, absolute: bytes) -> bool:
        """Tell whether a file belongs to a database that has been copied, and say so.

        Raises:
            OSError: the file cannot be read.
        """
        database = self._left_out.pop(absolute, None)
        # Whoever names a log like a part of a database does not keep it out of the archive.
        if database is None or not is_sibling(absolute):
            return False
        name = database.rpartition(b"/")[2].decode("utf-8", "replace")
        self._observer.note(Event("in-database", absolute, f"its content is in the copy of {name}"))
        return True

    def state(self, file: SourceFile, first_bytes: bytes) -> DatabaseState | None:
        """Return the state of an open file that SQLite may copy; ``None`` if it is no database.

        ``first_bytes`` are the file's, see ``SourceFile.read_first_bytes``.

        Raises:
            OSError: the file cannot be read.
        """
        if not is_database(first_bytes, file.status.st_size):
            return None
        from dedupstore.operations.snapshot.sqlite_source import HAVE_SQLITE

        if not HAVE_SQLITE:
            return None
        return database_state(file.absolute, file.descriptor, file.seen_ns)

    def is_copy_of(self, known: Entry, state: DatabaseState) -> bool:
        """Tell whether a known entry is a copy of a state."""
        return self._copies and not known.inode and 0 != known.ctime_ns == state.stamp

    def marked(self, entry: Entry, state: DatabaseState) -> Entry:
        """Return the entry of a copy as one of a state."""
        return replace(entry, device=0, inode=0, mtime_ns=state.mtime_ns, ctime_ns=state.stamp)

    def copy(self, file: SourceFile, state: DatabaseState) -> DatabaseCopy | None:
        """Copy a database that is in a state.

        From now on the files that belong to it are left out. ``None`` where it cannot be copied,
        which is told, or none are to be: the file is then to be stored as it is.
        """
        if not self._copies:
            return None
        from dedupstore.operations.snapshot.sqlite_source import NotCopied, copy_database

        try:
            # Less for each that was refused: some thousand locked ones must not take hours.
            wait_seconds = LOCK_WAIT_SECONDS / (1 + self._refused)
            descriptor = copy_database(file.absolute, file.descriptor, wait_seconds)
        except NotCopied as error:
            self._refused += 1
            # Without a time that it was seen at, the file is looked at anew the next time.
            file.seen_ns = 0
            detail = f"SQLite cannot copy it, so it is stored as it is: {error}"
            self._observer.note(Event("database-not-copied", file.absolute, detail))
            return None
        self.expect_siblings(file)
        later = database_state(file.absolute, file.descriptor, file.seen_ns)
        return DatabaseCopy(descriptor, state.after_copy(later))

    def expect_siblings(self, file: SourceFile) -> None:
        """Leave out, from now on, the files that belong to a database."""
        for suffix in SIBLING_SUFFIXES:
            self._left_out[file.absolute + suffix] = file.absolute
