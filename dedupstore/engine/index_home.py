"""Where the index of a repository is: inside of it, or where that cannot be, outside."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING

from dedupstore.clock import Clock
from dedupstore.engine.index_sync import open_index, rebuild_index
from dedupstore.engine.locks import hold_lock
from dedupstore.engine.monitor import Event, Monitor
from dedupstore.errors import StorageError
from dedupstore.index.environment import IndexEnvironment
from dedupstore.storage.contract import ReadStore
from dedupstore.storage.local import LocalStore

if TYPE_CHECKING:
    import tempfile

INDEX_FOLDER = "index"
_WAIT_SECONDS = 3600.0

_MakeIndex = Callable[[ReadStore, str, bytes, Monitor], IndexEnvironment]


class IndexHome:
    """Opens and rebuilds the index of the repository in ``store``.

    ``cache_folder`` is where indexes of repositories that cannot be written are kept; where it is
    ``None``, they are made for now only. ``monitor`` returns who is to be told.
    """

    def __init__(
        self,
        store: LocalStore,
        repository_id: bytes,
        *,
        clock: Clock,
        cache_folder: str | None,
        monitor: Callable[[], Monitor],
    ) -> None:
        self._store = store
        self._repository_id = repository_id
        self._clock = clock
        self._cache_folder = cache_folder
        self._monitor = monitor
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._folder = os.path.join(store.location, INDEX_FOLDER)

    def open(self) -> IndexEnvironment:
        """Open the index; see ``index_sync.open_index``."""
        return self._inside_or_outside(open_index)

    def rebuild(self) -> IndexEnvironment:
        """Build the index anew; see ``index_sync.rebuild_index``."""
        return self._inside_or_outside(rebuild_index)

    def lock(self) -> AbstractContextManager[None]:
        """Return the lock that whoever opens or rebuilds the index in use must hold.

        A rebuild by another process is waited for: it ends by itself and serves us too.
        """
        inside = os.path.dirname(self._folder) == self._store.location
        return hold_lock(
            self._store.location if inside else self._folder,
            "index",
            exclusive=True,
            wait_seconds=_WAIT_SECONDS,
            clock=self._clock,
        )

    def close(self) -> None:
        """Remove what was made for now only."""
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    def _inside_or_outside(self, make: _MakeIndex) -> IndexEnvironment:
        """Whatever keeps an index from being written, such as a full disk, must not keep anybody
        from reading what is stored."""
        if not self._store.is_writable():
            return self._make(make, self._outer_folder())
        try:
            return self._make(make, os.path.join(self._store.location, INDEX_FOLDER))
        except StorageError as refusal:
            try:
                index = self._make(make, self._outer_folder())
            except (StorageError, OSError):
                raise refusal from None
            self._monitor().event(Event("index-outside", b"", refusal.message))
            return index

    def _make(self, make: _MakeIndex, folder: str) -> IndexEnvironment:
        self._folder = folder
        with self.lock():
            return make(self._store, folder, self._repository_id, self._monitor())

    def _outer_folder(self) -> str:
        """Return a folder for the index outside of the repository: in a cache, or only for now."""
        if self._cache_folder is not None:
            folder = os.path.join(self._cache_folder, self._repository_id.hex())
            with suppress(OSError):
                os.makedirs(folder, mode=0o700, exist_ok=True)
            if os.access(folder, os.W_OK | os.X_OK):
                return folder
        if self._scratch is None:
            import tempfile

            self._scratch = tempfile.TemporaryDirectory(prefix="dedupstore-index-")
        return self._scratch.name
