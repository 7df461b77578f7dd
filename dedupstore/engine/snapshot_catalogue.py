"""When each snapshot was taken, and of which set, without reading every record each time.

A record never changes, and its name is its hash: what the index remembers of one cannot be out of
date, and whether it is still there a listing tells. Few records are read as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from dedupstore.engine.repository import Repository
from dedupstore.errors import IndexUnusable, StorageError
from dedupstore.format.snapshot_record import SnapshotRecord
from dedupstore.ids import SnapshotId

_READ_ALL_MAX = 256
_REMEMBERED_AT_ONCE = 64
"""New records that are read again each time before the index is written for them."""

LoadRecord = Callable[[SnapshotId], SnapshotRecord | None]


class CatalogueRow(NamedTuple):
    """A snapshot; rows sort as snapshots do, the oldest first."""

    time: datetime
    id: SnapshotId
    set_name: str


def catalogue(
    repository: Repository, ids: Collection[SnapshotId], load: LoadRecord
) -> list[CatalogueRow]:
    """Return what is known of the snapshots ``ids``, which are all that are there, oldest first.

    ``load`` returns a record, or nothing for one that is to be passed over; it is not asked for
    those that the index remembers.
    """
    if len(ids) <= _READ_ALL_MAX:
        return sorted(_read(ids, load))
    notes = _remembered(repository)
    new = _read([id_ for id_ in ids if id_ not in notes], load)
    if len(new) >= _REMEMBERED_AT_ONCE:
        _remember(repository, new, notes.keys() - set(ids))
    noted = ((id_, notes[id_]) for id_ in ids if id_ in notes)
    return sorted([*new, *(CatalogueRow(time, id_, name) for id_, (time, name) in noted)])


def _read(ids: Collection[SnapshotId], load: LoadRecord) -> list[CatalogueRow]:
    rows = []
    for id_ in ids:
        record = load(id_)
        if record is not None:
            rows.append(CatalogueRow(record.time, id_, record.set_name))
    return rows


def _remembered(repository: Repository) -> dict[SnapshotId, tuple[datetime, str]]:
    # Without an index it takes longer, that is all.
    with suppress(IndexUnusable, StorageError):
        return repository.index.snapshot_notes()
    return {}


def _remember(
    repository: Repository, rows: Sequence[CatalogueRow], gone: Collection[SnapshotId]
) -> None:
    with suppress(IndexUnusable, StorageError):
        notes = {row.id: (row.time, row.set_name) for row in rows}
        repository.index.note_snapshots(notes, gone)
