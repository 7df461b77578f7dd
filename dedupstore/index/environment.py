"""One LMDB environment that holds an index. The only module that knows LMDB.

The hazards of LMDB and the rule for each: no writable map (a full disk would be SIGBUS), synced
commits, read transactions that end before control returns, a map that grows when it is full, a
file that is measured before more than its first pages is read (a cut-off file would be SIGBUS), a
lock file whose blocks are allocated before it is mapped, one environment per folder and process.
"""

from __future__ import annotations

import errno
import os
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import lmdb

from dedupstore.errors import IndexUnusable, NoSpace, StorageError
from dedupstore.ids import ChunkId, PackId
from dedupstore.index.location import (
    ENTRY_VALUE,
    PACK_KEY,
    PACK_VALUE,
    ChunkLocation,
    IndexedPack,
    IndexTotals,
    PackEntries,
)

INDEX_VERSION = 1
LIBRARY_VERSION: str = f"{lmdb.__version__} (lmdb {'.'.join(map(str, lmdb.version()))})"

_DATA_FILE = "data.mdb"
_LOCK_FILE = "lock.mdb"
_READERS_MAX = 254
_LOCK_FILE_BYTES = 4096 + 64 * _READERS_MAX
_WRITE_BYTES_MAX = 2 << 20
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))
_MAP_BYTES_INITIAL = 1 << 30
_META_PAGES = 2
_PAGE_BYTES_MIN = 512
_IDENTITY = b"identity"
_COMPLETE = b"complete"
_LOOKUP_BATCH = 4096

Result = TypeVar("Result")

_open_environments: dict[str, tuple[lmdb.Environment, int]] = {}
_open_lock = threading.Lock()


class IndexEnvironment:
    """An open index in ``folder``, which is made when ``create`` is set.

    ``identity`` ties the index to its repository: 32 bytes, the repository's id.

    Raises:
        IndexUnusable: torn, of another version, of another repository, or never finished.
        NoSpace, StorageError: the file system refused.
    """

    def __init__(self, folder: str, identity: bytes, *, create: bool = False) -> None:
        self._folder = folder
        self._packs: dict[int, IndexedPack] = {}
        with _mapped_errors(self._folder):
            self._environment = _acquire(folder, create)
            try:
                # Tables opened in a transaction for reading would be closed with it.
                self._chunks = self._environment.open_db(b"chunks", create=create)
                self._pack_table = self._environment.open_db(b"packs", create=create)
                self._numbers = self._environment.open_db(b"pack numbers", create=create)
                self._facts = self._environment.open_db(b"facts", create=create)
                self._check_identity(identity, create)
            except BaseException:
                _release(folder)
                raise

    def close(self) -> None:
        """Let go of the environment; the object must not be used afterwards."""
        _release(self._folder)

    def packs(self) -> Sequence[IndexedPack]:
        """Return all packs whose chunks are in the index."""
        with _mapped_errors(self._folder), self._begin() as transaction:
            self._load_packs(transaction)
        return tuple(self._packs.values())

    def find(self, ids: Sequence[ChunkId]) -> dict[ChunkId, ChunkLocation]:
        """Return the locations of those of ``ids`` that are known."""
        found: dict[ChunkId, ChunkLocation] = {}
        for begin in range(0, len(ids), _LOOKUP_BATCH):
            batch = ids[begin : begin + _LOOKUP_BATCH]
            with _mapped_errors(self._folder), self._begin() as transaction:
                for id_, value in self._get_values(transaction, batch):
                    number, *place = ENTRY_VALUE.unpack(value)
                    found[id_] = ChunkLocation(self._pack_id(transaction, number), *place)
        return found

    def known(self, ids: Sequence[ChunkId]) -> set[ChunkId]:
        """Return those of ``ids`` that are in the index."""
        with _mapped_errors(self._folder), self._begin() as transaction:
            return {id_ for id_, _ in self._get_values(transaction, ids)}

    def add_packs(self, packs: Sequence[PackEntries]) -> None:
        """Add packs and their chunks in one durable transaction; known packs stay as they are.

        A chunk that is already known keeps its place; of a chunk twice in ``packs``, one place
        is taken.
        """

        def insert(transaction: Any) -> None:
            values: dict[ChunkId, bytes] = {}
            for pack, entries in packs:
                number = self._add_pack(transaction, pack)
                if number is not None:
                    for id_, *place in entries:
                        values[id_] = ENTRY_VALUE.pack(number, *place)
            # Appending to an empty table fills its pages; else each is left half full.
            is_empty = not transaction.stat(self._chunks)["entries"]
            with transaction.cursor(self._chunks) as cursor:
                cursor.putmulti(sorted(values.items()), overwrite=False, append=is_empty)

        self._write(insert)

    def _add_pack(self, transaction: Any, pack: IndexedPack) -> int | None:
        """Add a pack without its chunks and return its number; ``None`` if it is known."""
        if transaction.get(pack.id, db=self._numbers) is not None:
            return None
        with transaction.cursor(self._pack_table) as cursor:
            number: int = PACK_KEY.unpack(cursor.key())[0] + 1 if cursor.last() else 1
        transaction.put(PACK_KEY.pack(number), PACK_VALUE.pack(*pack), db=self._pack_table)
        transaction.put(pack.id, PACK_KEY.pack(number), db=self._numbers)
        return number

    def mark_complete(self) -> None:
        """Declare, durably, that every pack that was to be read in has been."""
        self._write(lambda transaction: transaction.put(_COMPLETE, b"1", db=self._facts))

    def chunk_count(self) -> int:
        """Return how many chunks are in the index."""
        with _mapped_errors(self._folder), self._begin() as transaction:
            return int(transaction.stat(self._chunks)["entries"])

    def totals(self, kind: int) -> IndexTotals:
        """Add up the chunks that lie in packs of one kind."""
        with _mapped_errors(self._folder), self._begin() as transaction:
            self._load_packs(transaction)
            numbers = {number for number, pack in self._packs.items() if pack.kind == kind}
            chunks = chunks_bytes = 0
            with transaction.cursor(self._chunks) as cursor:
                for value in cursor.iternext(keys=False, values=True):
                    number, _, _, _, chunk_bytes = ENTRY_VALUE.unpack(value)
                    if number in numbers:
                        chunks += 1
                        chunks_bytes += chunk_bytes
        return IndexTotals(chunks, chunks_bytes)

    def _check_identity(self, identity: bytes, create: bool) -> None:
        expected = bytes((INDEX_VERSION,)) + identity
        if create:
            self._write(lambda transaction: transaction.put(_IDENTITY, expected, db=self._facts))
            return
        with self._begin() as transaction:
            if transaction.get(_IDENTITY, db=self._facts) != expected:
                raise IndexUnusable("the index belongs to another repository or version")
            if transaction.get(_COMPLETE, db=self._facts) is None:
                raise IndexUnusable("the index was never finished")

    def _get_values(
        self, transaction: Any, ids: Sequence[ChunkId]
    ) -> Iterable[tuple[ChunkId, bytes]]:
        with transaction.cursor(self._chunks) as cursor:
            return [(bytes(key), bytes(value)) for key, value in cursor.getmulti(ids)]

    def _pack_id(self, transaction: Any, number: int) -> PackId:
        pack = self._packs.get(number)
        if pack is None:
            self._load_packs(transaction)
            pack = self._packs.get(number)
            if pack is None:
                raise IndexUnusable(f"the index names pack {number}, which it does not know")
        return pack.id

    def _load_packs(self, transaction: Any) -> None:
        with transaction.cursor(self._pack_table) as cursor:
            self._packs = {
                PACK_KEY.unpack(key)[0]: IndexedPack(*PACK_VALUE.unpack(value))
                for key, value in cursor
            }

    @contextmanager
    def _begin(self) -> Iterator[Any]:
        try:
            transaction = self._environment.begin()
        except lmdb.MapResizedError:
            self._environment.set_mapsize(0)
            transaction = self._environment.begin()
        with transaction:
            yield transaction

    def _write(self, change: Callable[[Any], Result]) -> Result:
        with _mapped_errors(self._folder):
            while True:
                try:
                    with self._environment.begin(write=True) as transaction:
                        return change(transaction)
                except lmdb.MapFullError:
                    self._environment.set_mapsize(2 * self._environment.info()["map_size"])
                except lmdb.MapResizedError:
                    self._environment.set_mapsize(0)


def _acquire(folder: str, create: bool) -> lmdb.Environment:
    key = os.path.realpath(folder)
    with _open_lock:
        if key in _open_environments:
            environment, users = _open_environments[key]
        else:
            if not create:
                _check_file_size(os.path.join(folder, _DATA_FILE))
            environment, users = _open_environment(folder, create), 0
        _open_environments[key] = (environment, users + 1)
    return environment


def _release(folder: str) -> None:
    key = os.path.realpath(folder)
    with _open_lock:
        environment, users = _open_environments.pop(key, (None, 0))
        if environment is not None and users > 1:
            _open_environments[key] = (environment, users - 1)
        elif environment is not None:
            environment.close()


def _open_environment(folder: str, create: bool) -> lmdb.Environment:
    path = os.path.join(folder, _DATA_FILE)
    already_bytes = os.path.getsize(path) if os.path.exists(path) else 0
    _allocate_lock_file(os.path.join(folder, _LOCK_FILE))
    environment = lmdb.open(
        os.fsencode(folder),  # as bytes: a name need not be UTF-8
        map_size=max(_MAP_BYTES_INITIAL, 2 * already_bytes),
        max_dbs=4,
        mode=0o600,
        create=create,
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
        size = os.path.getsize(path)
    except FileNotFoundError as error:
        raise IndexUnusable("there is no index") from error
    if size < _META_PAGES * _PAGE_BYTES_MIN:
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
        if any(os.strerror(code) in text for code in (errno.EACCES, errno.EROFS, errno.EPERM)):
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
