"""Restoring the texts of compressed files: where they go."""

from __future__ import annotations

from collections.abc import Iterator

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.selection import Selection
from dedupstore.engine.snapshots import Snapshot
from dedupstore.engine.twin_reader import as_plain
from dedupstore.format.entry import Entry, path_sort_key
from dedupstore.operations.restore.unused_names import UnusedNames

_SUFFIX = b".gz"


class PlainNames:
    """Paths of texts: ``app.log.2`` for ``app.log.2.gz``.

    Where the snapshot holds something there, ``.plain`` is added, and where a name does not end in
    ``.gz``, to the whole name: a name of the snapshot is never given to other bytes.

    A name comes before all that begin with it, so it is enough to remember, of the paths that have
    been passed, those that the last one begins with.
    """

    def __init__(self, reader: ChunkReader, snapshot: Snapshot) -> None:
        self._unused = UnusedNames(b"plain", lambda: _possible_paths(reader, snapshot))
        self._last_key = b""
        self._lengths_held: list[int] = []

    def place(self, entry: Entry) -> tuple[Entry, bytes]:
        """Return what is restored for an entry, and at which path; all must come, in path order.

        Raises:
            DamageError, UnsupportedFormat, StorageError: the manifest cannot be read.
        """
        self._pass_by(entry.path)
        if entry.twin is None:
            return entry, entry.path
        return as_plain(entry), self._take(entry.path)

    def _pass_by(self, path: bytes) -> None:
        key = path_sort_key(path)
        held, last_key = self._lengths_held, self._last_key
        while held and not key.startswith(last_key[: held[-1]]):
            held.pop()
        # The folders above need no entries of their own.
        end = key.find(b"\0", held[-1] + 1 if held else 0)
        while end != -1:
            held.append(end)
            end = key.find(b"\0", end + 1)
        held.append(len(key))
        self._last_key = key

    def _take(self, path: bytes) -> bytes:
        plain = path.removesuffix(_SUFFIX)
        if plain in (path, b"") or plain.endswith(b"/"):
            return self._unused.take(path)
        if len(plain) in self._lengths_held:
            return self._unused.take(plain)
        return plain


def _possible_paths(reader: ChunkReader, snapshot: Snapshot) -> Iterator[bytes]:
    """Yield the paths of all that a snapshot holds, and those that texts may get."""
    for entry, _ in Selection(()).entries(reader, snapshot, lambda lost: None):
        yield entry.path
        yield entry.path.removesuffix(_SUFFIX)
