"""Generation records in a store: the newest is the truth, and numbers never go back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import dedupstore
from dedupstore.engine.generation import current_generation, read_generation, write_generation
from dedupstore.engine.keys import generation_key
from dedupstore.errors import DamageError, ObjectMissing, StorageError, UnsupportedFormat
from dedupstore.format.generation_record import (
    GenerationRecord,
    Tombstone,
    decode_generation_record,
    encode_generation_record,
)
from dedupstore.format.pack import PackKind
from dedupstore.limits import GENERATION_MAX, GENERATION_RECORD_BYTES_MAX
from dedupstore.storage.contract import ObjectInfo
from dedupstore.storage.local import LocalStore
from golden.format.layouts import generation_text
from sample_repository import TickingClock, make_sample_repository

TIME = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST = GenerationRecord(1, TIME, forgotten=frozenset([b"\x33" * 32]))
SECOND = GenerationRecord(2, TIME, {b"\x11" * 32: Tombstone(PackKind.DATA, 2)})


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Return an empty store."""
    return LocalStore(str(tmp_path))


def put(store: LocalStore, generation: int, data: bytes) -> None:
    """Store anything as the record of a generation, as a crash or a copy tool might."""
    store.put(generation_key(generation), [data])


def names(store: LocalStore) -> list[str]:
    """Return what lies in the folder of records."""
    return sorted(info.key.rpartition("/")[2] for info in store.list_objects("generations"))


def test_without_a_record_nothing_has_been_removed(store: LocalStore) -> None:
    """A repository from which nothing was ever removed is of generation 0, without a record."""
    assert current_generation(store) == 0
    assert read_generation(store) == GenerationRecord()


def test_a_record_takes_the_place_of_those_before_it(store: LocalStore) -> None:
    """What was written last is read, and is the only record that is left."""
    for record in (FIRST, SECOND):
        write_generation(store, record)
        assert read_generation(store) == record
        assert current_generation(store) == record.generation
    assert names(store) == [f"{2:016x}"]


def test_the_newest_record_counts(store: LocalStore) -> None:
    """Where a crash has left earlier records, the highest number is the truth."""
    for record in (SECOND, FIRST, FIRST._replace(generation=0x10)):
        put(store, record.generation, encode_generation_record(record))
    assert read_generation(store) == FIRST._replace(generation=0x10)
    write_generation(store, SECOND._replace(generation=0x11))
    assert names(store) == [f"{0x11:016x}"]


def test_an_earlier_record_never_replaces_a_later_one(store: LocalStore) -> None:
    """Numbers never go back: a record with a lower number leaves the newest as it is."""
    write_generation(store, SECOND)
    write_generation(store, FIRST)
    assert read_generation(store) == SECOND


def test_numbers_go_on_where_the_records_are_lost(tmp_path: Path) -> None:
    """When records are lost, packs are declared dead under numbers above all that are in use."""
    sample = make_sample_repository(tmp_path / "repository", tmp_path / "logs")
    with sample.open() as repository:
        dedupstore.forget(repository, sample.snapshots[:1])
        before = current_generation(repository.store)
        assert before > 1
        with repository.session():
            for name in names(repository.store):
                repository.store.delete(f"generations/{name}")
            dedupstore.forget(repository, sample.snapshots[1:2])
            assert current_generation(repository.store) > before


@pytest.mark.parametrize(
    "name",
    [
        *("0000000000000000", "4000000000000000", "8000000000000000", "ffffffffffffffff"),
        *("00000000000000A7", "0000000000000a7", "000000000000000a7", "0x000000000000a7"),
        *("00000000000000a7.tmp", "README", "١" * 16),
    ],
)
def test_files_with_other_names_are_no_records(store: LocalStore, name: str) -> None:
    """G-01: what is not named by a number in range is passed over, and stays."""
    write_generation(store, FIRST)
    path = Path(store.location) / "generations" / name
    path.write_bytes(b"not a record")
    assert current_generation(store) == 1
    assert read_generation(store) == FIRST
    write_generation(store, SECOND)
    assert read_generation(store) == SECOND
    assert path.exists()


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"torn", encode_generation_record(SECOND)[:-2]),
        encode_generation_record(SECOND).replace(b'"data"', b'"manifest"'),
        encode_generation_record(FIRST),
    ],
    ids=["empty", "torn", "cut off", "changed", "of another generation"],
)
def test_a_damaged_newest_record_is_an_error(store: LocalStore, data: bytes) -> None:
    """A damaged newest record is an error with a hint; the one before never stands in for it."""
    put(store, 1, encode_generation_record(FIRST))
    put(store, 2, data)
    assert current_generation(store) == 2
    with pytest.raises(DamageError, match="generation record") as caught:
        read_generation(store)
    assert "dedupstore repair" in str(caught.value.hint)


def test_an_overlong_record_is_damaged(store: LocalStore) -> None:
    """A record that is too long is refused without its being read to the end."""
    path = Path(store.location) / generation_key(1)
    path.parent.mkdir()
    with path.open("wb") as record:
        record.truncate(GENERATION_RECORD_BYTES_MAX * 100)
    with pytest.raises(DamageError):
        read_generation(store)


def test_a_newer_record_is_newer(store: LocalStore) -> None:
    """A record that requires an unknown feature is refused, and the hint is a newer version."""
    put(store, 7, generation_text(features_required=["x"]).encode())
    with pytest.raises(UnsupportedFormat) as caught:
        read_generation(store)
    assert "newer version" in str(caught.value.hint)


class RacingStore(LocalStore):
    """A store in which ``races`` times a record is replaced between its listing and its reading."""

    def __init__(self, root: str, races: int) -> None:
        super().__init__(root)
        self.races = races

    def get(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return an object, if nobody came in between."""
        if self.races:
            self.races -= 1
            record = decode_generation_record(super().get(key), current_generation(self))
            write_generation(self, record._replace(generation=record.generation + 1))
        return super().get(key, offset, length)


def test_a_record_that_is_replaced_meanwhile_is_read_again(store: LocalStore) -> None:
    """A record that goes away between being listed and being read gives way to the next one."""
    write_generation(store, SECOND)
    racing = RacingStore(store.location, races=3)
    assert read_generation(racing) == SECOND._replace(generation=5)


class BlindStore(LocalStore):
    """A store whose first ``blind`` listings show nothing."""

    def __init__(self, root: str, blind: int) -> None:
        super().__init__(root)
        self.blind = blind

    def list_objects(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield what is there, or nothing yet."""
        self.blind -= 1
        return iter(()) if self.blind >= 0 else super().list_objects(prefix)


@pytest.mark.parametrize("blind", [1, 2])
def test_a_listing_that_shows_no_record_is_asked_again(store: LocalStore, blind: int) -> None:
    """A listing that misses both a record and the next one is not taken for generation 0."""
    write_generation(store, SECOND)
    assert current_generation(BlindStore(store.location, blind)) == 2
    assert read_generation(BlindStore(store.location, blind)) == SECOND


class VanishingStore(LocalStore):
    """A store that lists records but never has them."""

    def get(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return nothing.

        Raises:
            ObjectMissing: always.
        """
        raise ObjectMissing(f"{key} is missing")


def test_records_that_never_can_be_read_are_an_error(store: LocalStore) -> None:
    """What is listed and cannot be got is never taken for a repository without removals."""
    write_generation(store, SECOND)
    with pytest.raises(StorageError):
        read_generation(VanishingStore(store.location))


def test_no_record_is_written_that_nobody_could_read(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number or a length out of range is refused, and the newest record stays what it was."""
    write_generation(store, SECOND)
    with pytest.raises(StorageError):
        write_generation(store, SECOND._replace(generation=GENERATION_MAX + 1))
    packs = {bytes([number]) * 32: Tombstone(PackKind.MANIFEST, 1) for number in range(9)}
    monkeypatch.setattr("dedupstore.engine.generation.GENERATION_RECORD_BYTES_MAX", 1000)
    with pytest.raises(StorageError) as caught:
        write_generation(store, GenerationRecord(3, TIME, packs))
    assert caught.value.hint
    assert read_generation(store) == SECOND


@pytest.mark.parametrize("record", [GenerationRecord(), FIRST._replace(time=None)])
def test_a_record_has_a_number_and_a_time(record: GenerationRecord) -> None:
    """There is no record of generation 0, and none without a time."""
    with pytest.raises(ValueError, match="generation"):
        encode_generation_record(record)


def test_the_time_is_told_by_the_clock(tmp_path: Path) -> None:
    """The record that a removal writes has the time of the repository's clock."""
    sample = make_sample_repository(tmp_path / "repository", tmp_path / "logs")
    clock = TickingClock(datetime(2030, 1, 1, tzinfo=UTC))
    with dedupstore.open_repository(sample.folder, clock=clock) as repository:
        dedupstore.forget(repository, sample.snapshots[:1])
        time = read_generation(repository.store).time
    assert time is not None
    assert time.year == 2030
