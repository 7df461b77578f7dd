"""The snapshots of a repository: listed, and found by what people call them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, tzinfo
from itertools import islice
from typing import NamedTuple

from dedupstore.clock import format_time, parse_time
from dedupstore.engine.keys import SNAPSHOTS_PREFIX, snapshot_key, stored_ids
from dedupstore.engine.monitor import Event, kind_of_refusal
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshot_catalogue import CatalogueRow, catalogue
from dedupstore.errors import (
    DamageError,
    ObjectMissing,
    SnapshotUnknown,
    UnsupportedFormat,
    UsageError,
)
from dedupstore.format.snapshot_record import SnapshotRecord, decode_snapshot_record
from dedupstore.ids import SnapshotId, is_id_prefix
from dedupstore.limits import SNAPSHOT_RECORD_BYTES_MAX

PREFIX_DIGITS_MIN = 4
_LATEST = "latest"
_CANDIDATES_MAX = 10


class Snapshot(NamedTuple):
    """A snapshot that exists: its id and its record."""

    id: SnapshotId
    record: SnapshotRecord


def load_snapshot(repository: Repository, snapshot: SnapshotId) -> Snapshot:
    """Read one snapshot record.

    Raises:
        DamageError, UnsupportedFormat: the record is missing, damaged or newer.
        StorageError: the store could not deliver.
    """
    data = repository.store.get(snapshot_key(snapshot), 0, SNAPSHOT_RECORD_BYTES_MAX + 1)
    return Snapshot(snapshot, decode_snapshot_record(snapshot, data))


def list_snapshot_ids(repository: Repository) -> list[SnapshotId]:
    """Return the ids of all snapshots, readable or not; files with other names are passed over.

    Raises:
        StorageError: the store could not list.
    """
    return sorted(id_ for id_, _ in stored_ids(repository.store, SNAPSHOTS_PREFIX))


def load_snapshots(repository: Repository, *, set_name: str | None = None) -> list[Snapshot]:
    """Return all readable snapshots, oldest first; those of one set where ``set_name`` is given.

    A record that is damaged, or was made by a newer version, is told as an event and passed over.

    Raises:
        StorageError: the store could not deliver.
    """
    loaded = (_load_or_tell(repository, id_) for id_ in list_snapshot_ids(repository))
    snapshots = [
        snapshot
        for snapshot in loaded
        if snapshot is not None and set_name in (None, snapshot.record.set_name)
    ]
    snapshots.sort(key=lambda snapshot: (snapshot.record.time, snapshot.id))
    return snapshots


def newest_snapshot(repository: Repository, set_name: str) -> Snapshot | None:
    """Return the newest readable snapshot of a set, if there is one.

    What cannot be read is told as an event and passed over.

    Raises:
        StorageError: the store could not deliver.
    """
    newest_first = reversed(_rows(repository, set_name))
    return next(_readable(repository, newest_first), None)


def _load_or_tell(repository: Repository, id_: SnapshotId) -> Snapshot | None:
    """Return a snapshot; none where it has been removed since it was listed, or is told."""
    try:
        return load_snapshot(repository, id_)
    except ObjectMissing:
        return None
    except (DamageError, UnsupportedFormat) as error:
        detail = f"snapshot {id_.hex()[:12]}: {error.message}"
        repository.monitor.event(Event(kind_of_refusal("snapshot", error), b"", detail))
        return None


def _rows(repository: Repository, set_name: str | None) -> list[CatalogueRow]:
    """Return all snapshots, or those of a set, oldest first; most records need not be read."""

    def load(id_: SnapshotId) -> SnapshotRecord | None:
        snapshot = _load_or_tell(repository, id_)
        return snapshot.record if snapshot is not None else None

    rows = catalogue(repository, list_snapshot_ids(repository), load)
    return [row for row in rows if set_name in (None, row.set_name)]


def _readable(repository: Repository, rows: Iterable[CatalogueRow]) -> Iterator[Snapshot]:
    for row in rows:
        snapshot = _load_or_tell(repository, row.id)
        if snapshot is not None:
            yield snapshot


def find_snapshot(
    repository: Repository, name: str, *, set_name: str | None = None, zone: tzinfo = UTC
) -> Snapshot:
    """Return the snapshot that ``name`` means.

    A name is a unique prefix of an id (4 hexadecimal digits at least), ``latest``, ``latest~N``
    (N before it), or ``@TIME`` (the newest at or before TIME, read in ``zone`` where it has no
    offset). ``set_name`` narrows the last three.

    Raises:
        SnapshotUnknown: there is no such snapshot, or there are several.
        UsageError: what follows the ``@`` is no time.
        DamageError, UnsupportedFormat, StorageError: its record cannot be read.
    """
    if name.startswith("@"):
        return _newest_at(repository, name, set_name, zone)
    if name == _LATEST or name.startswith(_LATEST + "~"):
        return _latest(repository, name, set_name)
    return load_snapshot(repository, _id_by_prefix(repository, name))


def find_snapshot_id(
    repository: Repository, name: str, *, set_name: str | None = None, zone: tzinfo = UTC
) -> SnapshotId:
    """Return the id of the snapshot that ``name`` means; its record need not be readable.

    Raises:
        SnapshotUnknown, UsageError, StorageError: see ``find_snapshot``.
    """
    if name.startswith(("@", _LATEST)):
        return find_snapshot(repository, name, set_name=set_name, zone=zone).id
    return _id_by_prefix(repository, name)


def _newest_at(repository: Repository, name: str, set_name: str | None, zone: tzinfo) -> Snapshot:
    try:
        moment = parse_time(name[1:], zone)
    except ValueError as error:
        raise UsageError(
            f"not a time: {name[1:]}", hint="give ISO 8601, such as @2026-03-01T12:00:00Z"
        ) from error
    rows = _rows(repository, set_name)
    newest_first = (row for row in reversed(rows) if row.time <= moment)
    for snapshot in _readable(repository, newest_first):
        return snapshot
    raise SnapshotUnknown(
        f"no snapshot{_of_set(set_name)} is as old as {format_time(moment)}",
        hint=f"the oldest is of {format_time(rows[0].time)}" if rows else None,
        candidates=_candidates(rows),
    )


def _latest(repository: Repository, name: str, set_name: str | None) -> Snapshot:
    steps_text = "0" if name == _LATEST else name.removeprefix(_LATEST + "~")
    if not (steps_text.isascii() and steps_text.isdigit()):
        raise SnapshotUnknown(f"not a snapshot: {name}", hint="give latest~N with N = 1, 2, 3, …")
    rows = _rows(repository, set_name)
    steps = int(steps_text[:9])
    newest_first = _readable(repository, reversed(rows))
    for snapshot in islice(newest_first, steps, None):
        return snapshot
    raise SnapshotUnknown(
        f"no snapshot {name}{_of_set(set_name)}: there are {len(rows)}",
        hint=None if rows else "make one with: dedupstore snapshot PATH…",
        candidates=_candidates(rows),
    )


def _id_by_prefix(repository: Repository, name: str) -> SnapshotId:
    prefix = name.lower()
    if not is_id_prefix(prefix) or len(prefix) < PREFIX_DIGITS_MIN:
        raise SnapshotUnknown(
            f"not a snapshot: {name}",
            hint=f"give at least {PREFIX_DIGITS_MIN} digits of an id, latest, latest~N or @TIME",
        )
    ids = [id_.hex() for id_ in list_snapshot_ids(repository)]
    matches = [id_ for id_ in ids if id_.startswith(prefix)]
    if len(matches) == 1:
        return bytes.fromhex(matches[0])
    if matches:
        raise SnapshotUnknown(
            f"{name} means {len(matches)} snapshots",
            hint="give more digits: " + ", ".join(match[:12] for match in matches[:5]),
            candidates=tuple(matches[:_CANDIDATES_MAX]),
        )
    raise SnapshotUnknown(
        f"no snapshot {name}",
        hint="see them all with: dedupstore list",
        candidates=_candidates(_rows(repository, None)),
    )


def _of_set(set_name: str | None) -> str:
    return "" if set_name is None else f" of set {set_name!r}"


def _candidates(rows: Sequence[CatalogueRow]) -> tuple[str, ...]:
    return tuple(row.id.hex() for row in rows[-_CANDIDATES_MAX:])
