"""What check remembers of the packs it has verified, and that it never depends on it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import dedupstore
from dedupstore import CheckOptions, CheckReport
from dedupstore.engine.audit.findings import FindingCollector
from dedupstore.errors import NoSpace, StorageError
from dedupstore.format.hashing import digest
from dedupstore.format.pack import PackKind
from dedupstore.format.verified import Verification, decode_verified, encode_verified
from dedupstore.ids import PackId
from dedupstore.operations.check.memory import SAVED_EVERY_SECONDS, CheckMemory
from sample_repository import log_lines

START = datetime(2026, 3, 1, tzinfo=UTC)
ONE_PACK = CheckOptions(data_bytes=1)


class HandClock:
    """A clock that tests move by hand."""

    def __init__(self) -> None:
        self.time = START
        self.seconds = 0.0

    def now(self) -> datetime:
        """Return what was set."""
        return self.time

    def monotonic_seconds(self) -> float:
        """Return what was set."""
        return self.seconds


@pytest.fixture
def clock() -> HandClock:
    """Return a clock that stands still."""
    return HandClock()


@pytest.fixture
def repository(tmp_path: Path, clock: HandClock) -> Iterator[dedupstore.Repository]:
    """Return a repository of three snapshots, each with a pack of data and one of manifests."""
    with dedupstore.init_repository(tmp_path / "repository", clock=clock) as made:
        for number in range(3):
            (tmp_path / f"{number}.log").write_bytes(log_lines(50, seed=number))
            options = dedupstore.SnapshotOptions(time=START + timedelta(days=number))
            dedupstore.snapshot(made, [tmp_path / f"{number}.log"], options)
        yield made


def memory_path(repository: dedupstore.Repository) -> Path:
    """Return where the memory is kept."""
    return Path(repository.location) / "verified"


def remembered(repository: dedupstore.Repository) -> dict[PackId, Verification]:
    """Return what the repository remembers."""
    return decode_verified(memory_path(repository).read_bytes())


def pack_paths(repository: dedupstore.Repository) -> list[Path]:
    """Return all packs, in the order of their ids."""
    found = (Path(repository.location) / "packs").glob("*/*")
    return sorted(found, key=lambda path: path.name)


def ids_of(repository: dedupstore.Repository) -> list[PackId]:
    """Return the ids of all packs, in order."""
    return [bytes.fromhex(path.name) for path in pack_paths(repository)]


def figures(report: CheckReport) -> tuple[int, int, datetime | None]:
    """Return what a report says about the memory."""
    return report.packs_verified, report.packs_never_verified, report.verified_oldest


def test_a_check_of_all_data_verifies_every_pack(
    repository: dedupstore.Repository, clock: HandClock
) -> None:
    """Before, no pack counts as verified; after, all do, and a check without data says so."""
    packs = len(ids_of(repository))
    assert figures(dedupstore.check(repository)) == (0, packs, None)
    assert not memory_path(repository).exists()
    assert figures(dedupstore.check(repository, CheckOptions(data=True))) == (packs, 0, START)
    clock.time += timedelta(days=9)
    assert figures(dedupstore.check(repository)) == (0, 0, START)
    assert remembered(repository) == dict.fromkeys(
        ids_of(repository), Verification(1, int(START.timestamp()))
    )


def test_parts_go_round_by_the_numbers_of_runs(
    repository: dedupstore.Repository, clock: HandClock
) -> None:
    """Each run takes the pack that waits longest, ties by id, even while the clock runs back."""
    ids = ids_of(repository)
    for turn in range(2):
        for number, id_ in enumerate(ids):
            clock.time -= timedelta(days=1)
            report = dedupstore.check(repository, ONE_PACK)
            assert report.packs_verified == 1
            assert report.packs_never_verified == (len(ids) - number - 1 if turn == 0 else 0)
            run = turn * len(ids) + number + 1
            assert remembered(repository)[id_] == Verification(run, int(clock.time.timestamp()))
    oldest = remembered(repository)[ids[0]]
    report = dedupstore.check(repository)
    assert report.verified_oldest == datetime.fromtimestamp(oldest.time_seconds, UTC)


def test_new_packs_come_before_all_others(
    repository: dedupstore.Repository, tmp_path: Path
) -> None:
    """A pack that no run has verified is taken before those verified longest ago."""
    dedupstore.check(repository, CheckOptions(data=True))
    before = set(ids_of(repository))
    (tmp_path / "new.log").write_bytes(log_lines(50, seed=77))
    dedupstore.snapshot(repository, [tmp_path / "new.log"])
    added = set(ids_of(repository)) - before
    for _ in added:
        dedupstore.check(repository, ONE_PACK)
    rows = remembered(repository)
    assert {id_ for id_ in rows if rows[id_].run > 1} == added


@pytest.mark.parametrize("what", ["one snapshot", "all"])
def test_packs_that_are_gone_drop_out(repository: dedupstore.Repository, what: str) -> None:
    """The memory forgets packs that the repository lost, and none because a check is narrower."""
    dedupstore.check(repository, CheckOptions(data=True))
    ids = ids_of(repository)
    latest = dedupstore.find_snapshot(repository, "latest")
    (gone,) = pack_paths(repository)[:1]
    narrower = CheckOptions(data=True, snapshots=(latest,))
    dedupstore.check(repository, narrower if what == "one snapshot" else CheckOptions(data=True))
    assert remembered(repository).keys() == set(ids)
    gone.unlink()
    dedupstore.check(repository, CheckOptions(data=True))
    assert remembered(repository).keys() == set(ids[1:])


def test_a_damaged_pack_is_not_remembered(repository: dedupstore.Repository) -> None:
    """A pack with a finding counts as never verified, also where it was sound before."""
    dedupstore.check(repository, CheckOptions(data=True))
    damaged = pack_paths(repository)[2]
    data = bytearray(damaged.read_bytes())
    data[60] ^= 1
    damaged.write_bytes(data)
    report = dedupstore.check(repository, CheckOptions(data=True))
    assert not report.ok
    assert (report.packs_verified, report.packs_never_verified) == (len(ids_of(repository)) - 1, 1)
    assert bytes.fromhex(damaged.name) not in remembered(repository)
    assert {row.run for row in remembered(repository).values()} == {2}


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (lambda data: b"", "verified-damaged"),
        (lambda data: data[:-1], "verified-damaged"),
        (lambda data: data[:30] + b"?" + data[31:], "verified-damaged"),
    ],
)
def test_a_damaged_memory_is_begun_anew(
    repository: dedupstore.Repository, damage: Callable[[bytes], bytes], kind: str
) -> None:
    """A damaged memory is a warning, nothing is lost by it, and the next run writes a sound one."""
    dedupstore.check(repository, CheckOptions(data=True))
    path = memory_path(repository)
    path.write_bytes(damage(path.read_bytes()))
    report = dedupstore.check(repository, CheckOptions(data=True))
    assert report.ok
    assert [(finding.kind, finding.object) for finding in report.findings] == [(kind, "verified")]
    assert {row.run for row in remembered(repository).values()} == {1}
    assert dedupstore.check(repository, ONE_PACK).findings == []


def test_a_newer_memory_is_left_alone(repository: dedupstore.Repository) -> None:
    """What a newer version remembers is not used and not replaced, and check works without."""
    data = encode_verified({})
    head = data[:4] + b"\2\0" + data[6:8]
    newer = head + digest(head)[:16]
    memory_path(repository).write_bytes(newer)
    report = dedupstore.check(repository, CheckOptions(data=True))
    assert report.ok
    assert [finding.kind for finding in report.findings] == ["verified-unsupported"]
    assert report.packs_never_verified == 0
    assert memory_path(repository).read_bytes() == newer


@pytest.mark.parametrize("refusal", [NoSpace("full"), StorageError("refused")])
def test_a_memory_that_cannot_be_written_is_a_warning(
    repository: dedupstore.Repository, monkeypatch: pytest.MonkeyPatch, refusal: StorageError
) -> None:
    """On a full disk check works as ever, and says once that it will not remember."""

    def put(key: str, parts: object) -> None:
        raise refusal

    monkeypatch.setattr(repository.store, "put", put)
    report = dedupstore.check(repository, CheckOptions(data=True))
    assert report.ok
    assert [finding.kind for finding in report.findings] == ["verified-not-saved"]
    assert report.packs_verified == len(ids_of(repository))
    assert not memory_path(repository).exists()


def test_without_permission_nothing_is_remembered(
    repository: dedupstore.Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository that cannot be written is checked without a word about it."""
    monkeypatch.setattr(repository.store, "is_writable", lambda: False)
    assert dedupstore.check(repository, CheckOptions(data=True)).findings == []
    assert not memory_path(repository).exists()


def test_an_interrupted_check_keeps_what_it_has_verified(
    repository: dedupstore.Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found sound before an interruption is not read again by the next run."""
    whole = CheckMemory.found_sound

    def found_sound(memory: CheckMemory, pack: PackId) -> None:
        whole(memory, pack)
        if memory.verified_in_this_run() == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(CheckMemory, "found_sound", found_sound)
        with pytest.raises(KeyboardInterrupt):
            dedupstore.check(repository, CheckOptions(data=True))
    first = set(ids_of(repository)[:2])
    assert remembered(repository).keys() == first
    report = dedupstore.check(repository, ONE_PACK)
    assert report.packs_verified == 1
    assert remembered(repository).keys() > first


def memory_of(repository: dedupstore.Repository, stored: list[PackId]) -> CheckMemory:
    """Return the memory as a check of these packs begins with it."""
    return CheckMemory(repository, stored, FindingCollector(CheckReport()))


def test_a_long_run_writes_on_its_way(repository: dedupstore.Repository, clock: HandClock) -> None:
    """After some minutes by the monotonic clock, a run that has not ended is remembered so far."""
    ids = ids_of(repository)
    memory = memory_of(repository, ids)
    memory.found_sound(ids[0])
    clock.time += timedelta(days=1)
    assert not memory_path(repository).exists()
    clock.seconds += SAVED_EVERY_SECONDS
    memory.found_sound(ids[1])
    assert remembered(repository).keys() == set(ids[:2])
    memory.found_sound(ids[2])
    assert remembered(repository).keys() == set(ids[:2])


def test_two_checks_at_once_lose_nothing(repository: dedupstore.Repository) -> None:
    """Runs that overlap keep each other's packs, also new ones, and the higher run wins."""
    ids = ids_of(repository)
    new = bytes(32)
    slow = memory_of(repository, ids)
    slow.found_sound(ids[0])
    quick = memory_of(repository, [*ids, new])
    quick.found_sound(ids[1])
    quick.found_sound(new)
    quick.save()
    later = memory_of(repository, [*ids, new])
    later.found_sound(ids[0])
    later.save()
    slow.found_sound(ids[2])
    slow.save()
    runs = {id_: row.run for id_, row in remembered(repository).items()}
    assert runs == {ids[0]: 2, ids[1]: 1, ids[2]: 1, new: 1}


def test_a_memory_of_many_packs_is_small() -> None:
    """The memory of 20,000 packs takes less than a megabyte."""
    rows = {digest(b"%d" % number): Verification(number + 1, number) for number in range(20_000)}
    data = encode_verified(rows)
    assert len(data) < 1_000_000
    assert decode_verified(data) == rows


def test_an_unreadable_memory_is_begun_anew(
    repository: dedupstore.Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A memory on a bad sector costs no more than one that is damaged."""
    dedupstore.check(repository, CheckOptions(data=True))
    inode = memory_path(repository).stat().st_ino
    original = os.pread

    def pread(descriptor: int, length: int, offset: int) -> bytes:
        if os.fstat(descriptor).st_ino == inode:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return original(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", pread)
    report = dedupstore.check(repository, CheckOptions(data=True))
    assert report.ok
    assert [finding.kind for finding in report.findings] == ["verified-damaged"]


def test_packs_of_both_kinds_take_part(repository: dedupstore.Repository) -> None:
    """The packs of the sample are of data and of manifests, and both are remembered."""
    dedupstore.check(repository, CheckOptions(data=True))
    for kind in PackKind:
        folder = Path(repository.location) / "packs" / kind.name.lower()
        assert {bytes.fromhex(path.name) for path in folder.iterdir()} < remembered(
            repository
        ).keys()
