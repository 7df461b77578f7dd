"""Listing what a snapshot holds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.repository import Repository
from dedupstore.engine.selection import Selection
from dedupstore.engine.snapshots import Snapshot
from dedupstore.format.entry import Entry


def list_entries(
    repository: Repository,
    snapshot: Snapshot,
    selectors: Sequence[str | bytes] = (),
    *,
    recursive: bool = True,
) -> Iterator[Entry]:
    """Yield the chosen entries of a snapshot in path order.

    ``selectors`` are paths or globs. Without ``recursive``, what lies deeper than one level below
    a chosen path, or below the top, is left out.

    Raises:
        PathUnknown: a selector chooses nothing; raised after all that is chosen.
        DamageError, UnsupportedFormat, LockTimeout, StorageError: the manifest cannot be read.
    """
    selection = Selection([os.fsencode(selector) for selector in selectors])
    base: bytes | None = None
    with repository.session(reads=[snapshot.id]), ChunkReader(repository, salvages=True) as reader:
        for entry, chosen in selection.entries(reader, snapshot):
            if not chosen:
                continue
            if base is None or not entry.path.startswith(base + b"/"):
                base = entry.path
            elif not recursive and b"/" in entry.path[len(base) + 1 :]:
                continue
            yield entry
    selection.refuse_unmatched()
