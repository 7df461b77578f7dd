"""Finding a snapshot among many: what the index remembers of records is not read again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import lmdb
import pytest

import dedupstore
from dedupstore.engine import snapshot_catalogue
from dedupstore.engine.keys import SNAPSHOTS_PREFIX, snapshot_key
from dedupstore.engine.snapshots import newest_snapshot
from dedupstore.format.snapshot_record import SnapshotCounts, SnapshotRecord, encode_snapshot_record
from dedupstore.ids import SnapshotId
from dedupstore.storage.local import LocalStore

FIRST = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
SNAPSHOTS = 12


@pytest.fixture(autouse=True)
def many_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a handful of snapshots be many."""
    monkeypatch.setattr(snapshot_catalogue, "_READ_ALL_MAX", 3)
    monkeypatch.setattr(snapshot_catalogue, "_REMEMBERED_AT_ONCE", 4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a repository with snapshots of two sets, whose manifests nobody asks for."""
    folder = tmp_path / "repository"
    with dedupstore.init_repository(folder) as repository:
        for number in range(SNAPSHOTS):
            put_snapshot(repository, number)
    return folder


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Return the keys of the records that are read."""
    keys: list[str] = []
    genuine = LocalStore.get

    def get(self: LocalStore, key: str, offset: int = 0, length: int | None = None) -> bytes:
        if key.startswith(SNAPSHOTS_PREFIX):
            keys.append(key)
        return genuine(self, key, offset, length)

    monkeypatch.setattr(LocalStore, "get", get)
    return iter([keys])


def put_snapshot(repository: dedupstore.Repository, number: int) -> SnapshotId:
    """Store the record of a snapshot; even ones are of the set ``even``."""
    record = SnapshotRecord(
        repository_id=repository.config.repository_id,
        time=FIRST + timedelta(hours=number),
        set_name="odd" if number % 2 else "even",
        host="host",
        paths=(b"logs",),
        tags=(),
        manifest=bytes([number]) * 32,
        manifest_level=0,
        counts=SnapshotCounts(1, 0, 0, 1, 0),
        previous=None,
        program="test",
    )
    id_, data = encode_snapshot_record(record)
    repository.store.put(snapshot_key(id_), [data])
    return id_


def test_records_are_read_once(folder: Path, reads: Iterator[list[str]]) -> None:
    """The first to ask reads every record; whoever comes later reads the one that is wanted."""
    (keys,) = reads
    for expected in (SNAPSHOTS + 1, 1, 1):
        keys.clear()
        with dedupstore.open_repository(folder) as repository:
            newest = newest_snapshot(repository, "even")
            assert newest is not None
            assert newest.record.time == FIRST + timedelta(hours=SNAPSHOTS - 2)
        assert len(keys) == expected


def test_new_and_removed_snapshots_count(folder: Path, reads: Iterator[list[str]]) -> None:
    """What came since the index was written is read, and what has gone is not found."""
    (keys,) = reads
    with dedupstore.open_repository(folder) as repository:
        newest = dedupstore.find_snapshot(repository, "latest")
        added = put_snapshot(repository, SNAPSHOTS)
        keys.clear()
        assert dedupstore.find_snapshot(repository, "latest").id == added
        assert len(keys) == 2
        repository.store.delete(snapshot_key(added))
        repository.store.delete(snapshot_key(newest.id))
        found = dedupstore.find_snapshot(repository, "latest")
        assert found.record.time == FIRST + timedelta(hours=SNAPSHOTS - 2)


@pytest.mark.parametrize("name", ["latest", "latest~3", "@2026-01-01T18:00:00Z"])
@pytest.mark.parametrize("set_name", [None, "odd", "even"])
def test_names_mean_the_same_with_and_without_memory(
    name: str, set_name: str | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name leads to the same snapshot whether records are read or remembered."""
    with dedupstore.open_repository(folder) as repository:
        found = [dedupstore.find_snapshot(repository, name, set_name=set_name) for _ in range(2)]
        monkeypatch.setattr(snapshot_catalogue, "_READ_ALL_MAX", 1000)
        found.append(dedupstore.find_snapshot(repository, name, set_name=set_name))
    assert found[0] == found[1] == found[2]


def test_a_note_that_was_changed_is_not_used(folder: Path) -> None:
    """What is remembered wrongly is read again: it does not make an older snapshot the latest."""
    with dedupstore.open_repository(folder) as repository:
        newest = dedupstore.find_snapshot(repository, "latest")
    (data,) = folder.glob("index/generation-*/data.mdb")
    with lmdb.open(str(data.parent), max_dbs=5) as environment:
        table = environment.open_db(b"snapshots", create=False)
        with environment.begin(write=True, db=table) as transaction:
            value = bytearray(transaction.get(newest.id) or b"")
            value[8] ^= 1
            transaction.put(newest.id, bytes(value))
    with dedupstore.open_repository(folder) as repository:
        assert dedupstore.find_snapshot(repository, "latest") == newest
