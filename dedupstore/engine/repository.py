"""A repository: the things every operation works with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from dedupstore.clock import Clock, SystemClock
from dedupstore.engine.closing import Closing
from dedupstore.engine.epochs import EPOCHS_FOLDER, Session, hold_epoch
from dedupstore.engine.generation import read_generation
from dedupstore.engine.keys import (
    CONFIG_KEY,
    OBJECT_PREFIXES,
    OTHER_PREFIXES,
    SNAPSHOTS_PREFIX,
    snapshot_key,
)
from dedupstore.engine.locks import LOCKS_FOLDER, hold_lock
from dedupstore.engine.monitor import Event, Monitor, SilentMonitor
from dedupstore.errors import (
    DamageError,
    FormatError,
    IndexUnusable,
    ObjectMissing,
    RepositoryExists,
    RepositoryMissing,
    SnapshotUnknown,
    UnsupportedFormat,
)
from dedupstore.format.config import (
    CHUNKING_ALGORITHM,
    RepositoryConfig,
    decode_config,
    encode_config,
)
from dedupstore.ids import ID_BYTES, SnapshotId
from dedupstore.limits import CONFIG_BYTES_MAX
from dedupstore.storage.local import TEMPORARY_FOLDER, LocalStore, storage_error

if TYPE_CHECKING:
    from dedupstore.chunking import Chunker
    from dedupstore.engine.healing_index import HealingIndex
    from dedupstore.engine.index_home import IndexHome

RESERVE_BYTES_MIN = 32 * 1024
"""Kept free for prune, which has to write a little before it can remove anything: more where there
are many packs (``engine.reserve``)."""

_SWITCH_WAIT_SECONDS = 60.0


class Repository(Closing):
    """An open repository; close it, or use it in a ``with`` block.

    ``store`` holds its objects, ``config`` what init fixed, ``clock`` and ``monitor`` are how it
    knows the time and tells what it does.
    """

    def __init__(
        self,
        store: LocalStore,
        config: RepositoryConfig,
        *,
        clock: Clock,
        monitor: Monitor,
        cache_folder: str | None,
        lock_wait_seconds: float,
    ) -> None:
        self.store = store
        self.config = config
        self.clock = clock
        self.monitor = monitor
        self._lock_wait_seconds = lock_wait_seconds
        self._cache_folder = cache_folder
        self._index_home: IndexHome | None = None
        self._index: HealingIndex | None = None

    @property
    def location(self) -> str:
        """The repository's folder."""
        return self.store.location

    @cached_property
    def chunker(self) -> Chunker:
        """What cuts new data.

        Raises:
            FormatError: the repository's config has impossible sizes.
        """
        from dedupstore.engine.chunk_sizes import chunker_of

        return chunker_of(self.config.chunking)

    @property
    def index(self) -> HealingIndex:
        """The index, opened and compared with the packs when it is first asked something."""
        if self._index is None:
            from dedupstore.engine.healing_index import HealingIndex

            home = self._home_of_index()
            self._index = HealingIndex(home.open, home.rebuild, self._tell_of_damage)
        return self._index

    def _home_of_index(self) -> IndexHome:
        if self._index_home is None:
            from dedupstore.engine.index_home import IndexHome

            self._index_home = IndexHome(
                self.store,
                self.config.repository_id,
                clock=self.clock,
                cache_folder=self._cache_folder,
                monitor=lambda: self.monitor,
            )
        return self._index_home

    def rebuild_index(self) -> None:
        """Build the index anew from the packs, whatever state it is in.

        Raises:
            NoSpace, StorageError: see ``index_sync.rebuild_index``.
        """
        self.index.rebuild()

    @contextmanager
    def pinned_index(self, openings: int) -> Iterator[None]:
        """Keep the index from being opened, completed or built anew for a ``with`` block.

        ``openings`` is the count of ``index.openings`` since when each chunk has its place.

        Raises:
            IndexUnusable: the index has been opened again, or another one has taken its place; or,
                within the block, it proves damaged.
            LockTimeout, StorageError: see ``locks.hold_lock``.
        """
        with self._home_of_index().lock(), self.index.pinned(openings):
            yield

    @contextmanager
    def session(
        self, *, reads: Sequence[SnapshotId] = (), writes: bool = False
    ) -> Iterator[Session]:
        """Be at work for the length of a ``with`` block: nothing that can be seen now is removed.

        Any number may be at work at once, and none waits for another. ``reads`` are snapshots,
        found before, that will be read; with ``writes``, something may be added.

        Raises:
            SnapshotUnknown: one of ``reads`` has been removed meanwhile.
            DamageError, UnsupportedFormat: with ``writes``: what says which packs are dead is
                damaged or newer, so that what is stored cannot be relied on.
            LockTimeout, StorageError: see ``epochs.hold_epoch``.
        """
        with hold_epoch(self.store, self.location, self.clock, writes=writes) as session:
            for snapshot in reads:
                self.require_snapshot(snapshot)
            if writes:
                read_generation(self.store)
            self.index.require_generation(session.generation)
            yield session

    def require_snapshot(self, snapshot: SnapshotId) -> None:
        """Make sure that a snapshot that was found before is still there.

        Raises:
            SnapshotUnknown: it has been removed.
            StorageError: the store could not tell.
        """
        try:
            self.store.object_bytes(snapshot_key(snapshot))
        except ObjectMissing as error:
            raise SnapshotUnknown(
                f"snapshot {snapshot.hex()[:12]} has been removed",
                hint="see what there is with: dedupstore list",
            ) from error

    @contextmanager
    def removal_lock(self) -> Iterator[None]:
        """Be the only one that removes or repairs for the length of a ``with`` block.

        Raises:
            LockTimeout, StorageError: see ``locks.hold_lock``.
        """
        with self._lock("removal", True, self._lock_wait_seconds):
            yield

    @contextmanager
    def switch_lock(self, *, exclusive: bool) -> Iterator[None]:
        """Hold the generation still for the length of a ``with`` block, which must be short.

        Held shared while a snapshot comes to exist, and alone while the generation moves on.

        Raises:
            LockTimeout, StorageError: see ``locks.hold_lock``.
        """
        with self._lock("switch", exclusive, max(self._lock_wait_seconds, _SWITCH_WAIT_SECONDS)):
            yield

    def _lock(
        self, name: str, exclusive: bool, wait_seconds: float
    ) -> AbstractContextManager[None]:
        return hold_lock(
            self.location, name, exclusive=exclusive, wait_seconds=wait_seconds, clock=self.clock
        )

    def close(self) -> None:
        """Let go of the index; the repository must not be used afterwards."""
        if self._index is not None:
            self._index.close()
        if self._index_home is not None:
            self._index_home.close()

    def _tell_of_damage(self, damage: IndexUnusable) -> None:
        self.monitor.event(Event("index-rebuilt", b"", damage.message))


def init_repository(
    location: str | os.PathLike[str],
    *,
    chunk_bytes_target: int = 64 * 1024,
    parity_percent: int | None = None,
    clock: Clock | None = None,
    monitor: Monitor | None = None,
) -> Repository:
    """Make an empty repository in the folder ``location`` and open it.

    The folder is made where it does not exist; it may exist if it is empty. It becomes private to
    its owner. ``chunk_bytes_target`` is a power of two from 4 KiB to 4 MiB. ``parity_percent``, 1
    to 100, is how much parity is stored with each pack; by default none is.

    Raises:
        UsageError: the chunk size or the parity is out of range, or the library for it is missing.
        RepositoryExists: there is a repository, or the folder holds something else.
        LockTimeout: another process is making one there.
        NoSpace, StorageError: the file system refused.
    """
    from dedupstore.engine.chunk_sizes import new_chunking
    from dedupstore.engine.parity import parity_maker

    clock = clock or SystemClock()
    folder = os.path.abspath(os.fspath(location))
    chunking = new_chunking(chunk_bytes_target)
    if parity_percent is not None:
        parity_maker(parity_percent)
    _make_root(folder)
    store = LocalStore(folder)
    store.make_folders((EPOCHS_FOLDER, *OTHER_PREFIXES, *OBJECT_PREFIXES))
    config = RepositoryConfig(os.urandom(ID_BYTES), clock.now(), chunking, parity_percent)
    with hold_lock(folder, "switch", exclusive=True, wait_seconds=0.0, clock=clock):
        if os.path.lexists(os.path.join(folder, CONFIG_KEY)):
            raise RepositoryExists(f"there is a repository at {folder} already")
        store.put(CONFIG_KEY, [encode_config(config)])
    store.set_reserve(RESERVE_BYTES_MIN)
    return open_repository(folder, clock=clock, monitor=monitor)


def open_repository(
    location: str | os.PathLike[str],
    *,
    clock: Clock | None = None,
    monitor: Monitor | None = None,
    cache_folder: str | None = None,
    lock_wait_seconds: float = 0.0,
) -> Repository:
    """Open the repository in the folder ``location``.

    ``cache_folder`` is where indexes of read-only repositories are kept between runs; without it
    they are built for each. ``lock_wait_seconds`` is how long to wait for other processes.

    Raises:
        RepositoryMissing: there is no repository.
        UnsupportedFormat: it is newer than this version.
        DamageError: its config is missing or damaged.
        StorageError: it cannot be read.
    """
    folder = os.path.abspath(os.fspath(location))
    store = LocalStore(folder)
    config = _read_config(store, folder)
    if config.chunking.algorithm != CHUNKING_ALGORITHM:
        raise UnsupportedFormat(
            f"the repository cuts chunks by {config.chunking.algorithm!r}, "
            "which this version does not know",
            hint="use a newer version of dedupstore",
        )
    return Repository(
        store,
        config,
        clock=clock or SystemClock(),
        monitor=monitor or SilentMonitor(),
        cache_folder=cache_folder,
        lock_wait_seconds=lock_wait_seconds,
    )


def _read_config(store: LocalStore, folder: str) -> RepositoryConfig:
    missing = RepositoryMissing(
        f"there is no repository at {folder}",
        hint=f"make one with: dedupstore --repo {folder} init",
    )
    if not os.path.isdir(folder):
        raise missing
    try:
        return decode_config(store.get(CONFIG_KEY, 0, CONFIG_BYTES_MAX + 1))
    except ObjectMissing as error:
        if any(next(store.list_objects(prefix), None) for prefix in OBJECT_PREFIXES):
            raise DamageError(
                f"the repository at {folder} has lost its config",
                hint="put its file 'config' back from a copy; snapshots and packs are untouched",
            ) from error
        raise missing from error
    except FormatError as error:
        raise DamageError(
            error.message, hint="put the file 'config' back from a copy; nothing else is affected"
        ) from error


def _make_root(folder: str) -> None:
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        names = set(os.listdir(folder))
    except (FileExistsError, NotADirectoryError) as error:
        raise RepositoryExists(f"{folder} is not a folder") from error
    except OSError as error:
        raise storage_error(error, "make", folder) from error
    if CONFIG_KEY in names:
        raise RepositoryExists(f"there is a repository at {folder} already")
    # What an interrupted init left behind may be finished; anything else is somebody's.
    own = {"packs", SNAPSHOTS_PREFIX, *OTHER_PREFIXES, LOCKS_FOLDER, TEMPORARY_FOLDER}
    if names - own:
        raise RepositoryExists(
            f"{folder} is not empty", hint="choose a folder that is empty or does not exist"
        )
    try:
        os.chmod(folder, 0o700)
    except OSError as error:
        raise storage_error(error, "make private", folder) from error
