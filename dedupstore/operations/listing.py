"""Listing snapshots.

What they hold is listed by ``contents``, which reads chunks and so takes longer to load.
"""

from __future__ import annotations

from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import Snapshot, load_snapshots


def list_snapshots(
    repository: Repository,
    *,
    set_name: str | None = None,
    tag: str | None = None,
    host: str | None = None,
) -> list[Snapshot]:
    """Return the snapshots that match all that is given, oldest first.

    A record that is damaged, or was made by a newer version, is told as an event and left out.

    Raises:
        StorageError: the store could not deliver.
    """
    return [
        snapshot
        for snapshot in load_snapshots(repository, set_name=set_name)
        if (tag is None or tag in snapshot.record.tags)
        and (host is None or host == snapshot.record.host)
    ]
