"""One LMDB environment: opened, read, written. The only module that knows LMDB.

The hazards of LMDB and the rule for each: no writable map (a full disk would be SIGBUS), synced
commits, read transactions that end before control returns, a map that grows when it is full, a
file that is measured before more than its first pages is read (a cut-off file would be SIGBUS), a
lock file whose blocks are allocated before it is mapped, one environment per folder and process,
whose tables are opened once: that waits for whoever writes, and lets no other thread run meanwhile.
"""

from __future__ import annotations

import errno
import os
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import lmdb

from dedupstore.errors import IndexUnusable, NoSpace, StorageError

LIBRARY_VERSION: str = f"{lmdb.__version__} (lmdb {'.'.join(map(str, lmdb.version()))})"

_DATA_FILE = "data.mdb"
_LOCK_FILE = "lock.mdb"
_READERS_MAX = 126
_TABLES_MAX = 5
_LOCK_FILE_BYTES = 4096 + 64 * _READERS_MAX
_WRITE_BYTES_MAX = 2 << 20
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))
_REFUSED = frozenset(
    (errno.EACCES, errno.EROFS, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
)
"""What says nothing of the index, but of whoever opens it."""

_MAP_BYTES_INITIAL = 1 << 30
_META_PAGES = 2
_PAGE_BYTES_MIN = 512

Result = TypeVar("Result")


class _Shared:
    """An open environment, its open tables, and how many use it."""

    def __init__(self, environment: lmdb.Environment) -> None:
        self.environment = environment
        self.tables: dict[bytes, Any] = {}
        self.users = 0


_open_environments: dict[str, _Shared] = {}
_open_lock = threading.Lock()


class LmdbFolder:
    """The environment in ``folder``, which is made when ``create`` is set.

    One that is made is not synced with each transaction, but by ``sync``: until then a crash of
    the machine may leave anything of it, and nobody may rely on it.

    All methods raise IndexUnusable where it is torn or damaged, NoSpace or StorageError where the
    file system refuses. Transactions and tables are handed out as LMDB's own.
    """

    def __init__(self, folder: str, *, create: bool) -> None:
        self._folder = folder
        self._create = create
        with _mapped_errors(folder):
            self._shared = _acquire(folder, create)
        self._environment = self._shared.environment

    def close(self) -> None:
        """Let go of the environment; the object must not be used afterwards."""
        _release(self._folder)

    def sync(self) -> None:
        """Make durable all that has been written so far."""
        with _mapped_errors(self._folder):
            self._environment.sync(True)

    def table(self, name: bytes) -> Any:
        """Return the handle of a table; outside of transactions, which would close it."""
        tables = self._shared.tables
        with _mapped_errors(self._folder), _open_lock:
            if name not in tables:
                tables[name] = self._environment.open_db(name, create=self._create)
            return tables[name]

    @contextmanager
    def read(self) -> Iterator[Any]:
        """Give a transaction for reading to a ``with`` block, which should be short."""
        with _mapped_errors(self._folder):
            try:
                transaction = self._environment.begin()
            except lmdb.MapResizedError:
                self._environment.set_mapsize(0)
                transaction = self._environment.begin()
            with transaction:
                yield transaction

    def write(self, change: Callable[[Any], Result]) -> Result:
        """Do ``change`` to a transaction, durably and all at once; again if the map must grow."""
        with _mapped_errors(self._folder):
            while True:
                try:
                    with self._environment.begin(write=True) as transaction:
                        return change(transaction)
                except lmdb.MapFullError:
                    self._environment.set_mapsize(2 * self._environment.info()["map_size"])
                except lmdb.MapResizedError:
                    self._environment.set_mapsize(0)


def _acquire(folder: str, create: bool) -> _Shared:
    key = os.path.realpath(folder)
    with _open_lock:
        shared = _open_environments.get(key)
        if shared is None:
            if not create:
                _check_file_size(os.path.join(folder, _DATA_FILE))
            shared = _open_environments[key] = _Shared(_open_environment(folder, create))
        shared.users += 1
    return shared


def _release(folder: str) -> None:
    key = os.path.realpath(folder)
    with _open_lock:
        shared = _open_environments.get(key)
        if shared is None:
            return
        shared.users -= 1
        if not shared.users:
            del _open_environments[key]
            shared.environment.close()


def _open_environment(folder: str, create: bool) -> lmdb.Environment:
    path = os.path.join(folder, _DATA_FILE)
    already_bytes = os.path.getsize(path) if os.path.exists(path) else 0
    _allocate_lock_file(os.path.join(folder, _LOCK_FILE))
    environment = lmdb.open(
        os.fsencode(folder),  # as bytes: a name need not be UTF-8
        map_size=max(_MAP_BYTES_INITIAL, 2 * already_bytes),
        max_dbs=_TABLES_MAX,
        mode=0o600,
        create=create,
        sync=not create,
        readahead=False,
        max_readers=_READERS_MAX,
    )
    pages_bytes = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    if not create and os.path.getsize(path) < pages_bytes:
        environment.close()
        raise IndexUnusable("the index is cut off")
    environment.reader_check()
    return environment


def _allocate_lock_file(path: str) -> None:
    """Take the blocks of LMDB's lock file, which it maps writable: a hole may end in SIGBUS."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, _LOCK_FILE_BYTES)
    except OSError as error:
        if error.errno in _FULL:
            raise
        # Some file systems cannot allocate; there a full disk stays a hazard.
    finally:
        os.close(descriptor)


def _check_file_size(path: str) -> None:
    try:
        status = os.stat(path)
    except FileNotFoundError as error:
        raise IndexUnusable("there is no index") from error
    if status.st_nlink > 1:
        # A copy of the repository made by hard links would go on writing into the same file.
        raise IndexUnusable("the index is shared with a copy by a hard link")
    if status.st_size < _META_PAGES * _PAGE_BYTES_MIN:
        raise IndexUnusable("the index is empty")


@contextmanager
def _mapped_errors(folder: str) -> Iterator[None]:
    try:
        yield
    except lmdb.Error as error:
        text = str(error)
        # What LMDB could write only in part, it calls an input/output error.
        cut_short = os.strerror(errno.EIO) in text and _is_almost_full(folder)
        if cut_short or any(os.strerror(code) in text for code in _FULL):
            message = f"cannot write the index: {text}"
            raise NoSpace(message, hint="free some space and run the command again") from error
        if any(os.strerror(code) in text for code in _REFUSED):
            raise StorageError(f"cannot open the index: {text}") from error
        raise IndexUnusable(f"the index is damaged: {text}") from error
    except struct.error as error:
        raise IndexUnusable(f"the index holds a malformed value: {error}") from error
    except OSError as error:
        if error.errno in _FULL:
            message = f"cannot write the index: {error.strerror}"
            raise NoSpace(message, hint="free some space and run the command again") from error
        raise StorageError(f"cannot use the index: {error.strerror or error}") from error


def _is_almost_full(folder: str) -> bool:
    try:
        status = os.statvfs(folder)
    except OSError:
        return False
    return status.f_bavail * status.f_frsize < _WRITE_BYTES_MAX
