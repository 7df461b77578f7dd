"""Copying SQLite databases that serve as logs: by SQLite itself, so that the copy is consistent.

The copy is made by SQLite's online backup (https://sqlite.org/backup.html), under a read
transaction. What is in the write-ahead log is in it, too.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import closing
from urllib.parse import quote_from_bytes

from dedupstore.limits import MIB
from dedupstore.operations.snapshot.sqlite_state import database_state

try:
    import sqlite3
except ImportError:  # a Python that was built without it: databases are stored as they are
    HAVE_SQLITE = False
else:
    HAVE_SQLITE = True

_HEADER_BYTES = 100
_READ_VERSION = 19
_WAL_VERSION = 2
_ATTEMPTS = 3
_PAGES_AT_ONCE = 1024
_FREE_BYTES_LEFT = 64 * MIB


class NotCopied(Exception):
    """SQLite cannot copy the database; the message says why."""


def copy_database(absolute: bytes, descriptor: int, lock_wait_seconds: float) -> int:
    """Copy the database at ``absolute``, which is open as ``descriptor``; return the open copy.

    The copy lies in the system's folder for temporary files, and is gone when it is closed. Its
    locks are waited for as long as ``lock_wait_seconds``.

    Raises:
        NotCopied: it is locked, damaged or not to be read, the copy does not fit, or the file at
            ``absolute`` is another one by now.
    """
    for _ in range(_ATTEMPTS):
        try:
            with tempfile.TemporaryDirectory(prefix="dedupstore-") as folder:
                path = os.path.join(folder, "copy")
                if _copy(absolute, descriptor, path, lock_wait_seconds):
                    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except (sqlite3.Error, OSError) as error:
            raise NotCopied(str(error)) from error
    raise NotCopied("it was written to while it was copied")


def _copy(absolute: bytes, descriptor: int, target: str, lock_wait_seconds: float) -> bool:
    """Make a copy; return False where it was written to meanwhile, so that the copy is nothing."""
    before = database_state(absolute, descriptor, 0)
    is_at_rest = _rests(absolute, descriptor)
    with (
        closing(_open_source(absolute, lock_wait_seconds, immutable=is_at_rest)) as source,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        source.execute("BEGIN")
        # This alone of all reads begins the transaction, and does not parse what anybody may have
        # written into the database as its schema.
        source.execute("PRAGMA schema_version").fetchone()
        page_bytes = int(source.execute("PRAGMA page_size").fetchone()[0])
        if not _is_open_elsewhere(descriptor):
            raise NotCopied("another file has taken its place")
        copy.execute("PRAGMA journal_mode = OFF")
        copy.execute("PRAGMA synchronous = OFF")

        def watch(_status: int, remaining_pages: int, total_pages: int) -> None:
            # Numbers of pages are of 32 bits, and given with a sign.
            copy_bytes, left_bytes = (
                pages % (1 << 32) * page_bytes for pages in (total_pages, remaining_pages)
            )
            _require_room(copy_bytes, left_bytes, before.total_bytes, os.path.dirname(target))

        source.backup(copy, pages=_PAGES_AT_ONCE, progress=watch)
    return not is_at_rest or database_state(absolute, descriptor, 0) == before


def _open_source(
    absolute: bytes, lock_wait_seconds: float, *, immutable: bool
) -> sqlite3.Connection:
    uri = f"file:{quote_from_bytes(absolute)}?mode=ro"
    if immutable:
        uri += "&immutable=1"
    return sqlite3.connect(uri, uri=True, timeout=lock_wait_seconds, isolation_level=None)


def _rests(absolute: bytes, descriptor: int) -> bool:
    """Tell whether a database has a write-ahead log that is empty.

    Then nobody has it open, and SQLite would make files beside it only to read it. It is opened as
    one that does not change, and whether it did is looked at afterwards.
    """
    if os.pread(descriptor, _HEADER_BYTES, 0)[_READ_VERSION] != _WAL_VERSION:
        return False
    try:
        return os.lstat(absolute + b"-wal").st_size == 0
    except FileNotFoundError:
        return True


def _is_open_elsewhere(descriptor: int) -> bool:
    """Tell whether this process has the file open once more: it is what SQLite has opened.

    SQLite opens by path, and the path may lead to another file by now.
    """
    wanted = os.fstat(descriptor)
    for name in os.listdir("/proc/self/fd"):
        if int(name) == descriptor:
            continue
        try:
            found = os.fstat(int(name))
        except OSError:
            continue
        if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
            return True
    return False


def _require_room(copy_bytes: int, left_bytes: int, source_bytes: int, folder: str) -> None:
    # Whoever writes a database may have it claim any length, far beyond what its files hold.
    if copy_bytes > 2 * source_bytes + MIB:
        raise NotCopied(f"it claims to be {copy_bytes} bytes long")
    if left_bytes + _FREE_BYTES_LEFT > shutil.disk_usage(folder).free:
        raise NotCopied(f"the folder for temporary files has no room for {copy_bytes} bytes")
