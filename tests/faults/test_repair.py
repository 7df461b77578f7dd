"""Repair: damage is mended as far as it can be, and nothing is thrown away."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import dedupstore
from dedupstore import ActionKind, CheckOptions, RepairReport
from dedupstore.engine.generation import current_generation
from dedupstore.engine.keys import generation_key
from dedupstore.engine.pack_reader import read_table, stored_pack
from dedupstore.errors import DedupstoreError, LockTimeout, UnsupportedFormat
from dedupstore.format.canonical_json import decode_json, encode_json
from dedupstore.format.generation_record import GenerationRecord, encode_generation_record
from dedupstore.format.hashing import digest
from dedupstore.format.pack import PackKind
from dedupstore.format.policy import StoredPolicy, encode_policy
from dedupstore.ids import ChunkId
from dedupstore.limits import GENERATION_MAX, GENERATION_REACHED_MAX, KIB
from dedupstore.storage.local import LocalStore
from faults.damage import flip, payload_position, table_position, truncate
from faults.damage_cases import CASES, Case
from readable_chunks import (
    contents_of_objects,
    listed_snapshots,
    readable_chunks,
    stored_chunks,
)
from sample_repository import (
    START,
    SampleRepository,
    TickingClock,
    log_lines,
    require_exact_restores,
    require_intact,
    take_snapshot,
)

LOSSES = {"chunks-missing", "list-damaged", "manifest-damaged"}
EXACT = {
    "data pack header, flipped",
    "data pack table, flipped",
    "data pack trailer, flipped",
    "data pack, cut off in its trailer",
    "manifest pack header, flipped",
    "manifest pack table, flipped",
}
"""The cases in which a pack comes back as it was, byte for byte."""


def repair(sample: SampleRepository, **how: bool) -> RepairReport:
    """Repair a sample."""
    with sample.open() as repository:
        return dedupstore.repair(repository, **how)


def errors(sample: SampleRepository) -> set[str]:
    """Return the kinds of errors that check finds, reading all data."""
    with sample.open() as repository:
        findings = dedupstore.check(repository, CheckOptions(data=True)).findings
    return {item.kind for item in findings if item.severity is dedupstore.Severity.ERROR}


@pytest.fixture(scope="module")
def all_chunks(pristine: SampleRepository) -> frozenset[ChunkId]:
    """Return the ids of all chunks of the undamaged sample."""
    return stored_chunks(pristine.folder)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_only_real_losses_are_left(
    case: Case,
    quick_sample: SampleRepository,
    foreign: SampleRepository,
    all_chunks: frozenset[ChunkId],
) -> None:
    """After repair, check finds what is lost for good and nothing else; nothing is worse."""
    sample = quick_sample
    case.damage(sample, foreign)
    before = readable_chunks(sample.folder, all_chunks)
    listed = listed_snapshots(sample.folder)
    contents = contents_of_objects(sample.folder)
    report = repair(sample)
    after = readable_chunks(sample.folder, all_chunks)
    assert before <= after
    assert listed == listed_snapshots(sample.folder)
    assert contents <= contents_of_objects(sample.folder)
    found = errors(sample)
    assert found <= LOSSES
    assert bool(found) == (after != all_chunks)
    assert report.ok == (not found and not case.records_lost)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_a_second_repair_finds_nothing_to_do(
    case: Case, quick_sample: SampleRepository, foreign: SampleRepository
) -> None:
    """What a repair leaves is as good as it gets: another one changes nothing."""
    case.damage(quick_sample, foreign)
    first = repair(quick_sample)
    objects = quick_sample.objects()
    second = repair(quick_sample)
    assert (second.actions, second.quarantined) == ((), [])
    assert quick_sample.objects() == objects
    lost = [finding.kind for finding in first.remaining if finding.kind in LOSSES]
    assert [finding.kind for finding in second.remaining] == lost


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_a_dry_run_says_the_same_and_changes_nothing(
    case: Case, quick_sample: SampleRepository, foreign: SampleRepository
) -> None:
    """A dry run names the actions that the repair then takes, and touches no object."""
    case.damage(quick_sample, foreign)
    objects = quick_sample.objects()
    planned = repair(quick_sample, dry_run=True)
    assert quick_sample.objects() == objects
    assert not (quick_sample.folder / "quarantine").exists()
    done = repair(quick_sample)
    index = ActionKind.REBUILD_INDEX
    assert [a for a in planned.actions if a.kind is not index] == list(done.actions)
    assert done.snapshots_affected <= planned.snapshots_affected
    assert planned.quarantined == []


@pytest.mark.parametrize("name", sorted(EXACT))
def test_a_pack_whose_blocks_are_sound_comes_back_exactly(
    name: str, quick_sample: SampleRepository, pristine: SampleRepository, foreign: SampleRepository
) -> None:
    """A header, table or trailer that is damaged is written anew, as it was."""
    CASES[name].damage(quick_sample, foreign)
    assert repair(quick_sample).ok
    assert quick_sample.objects() == pristine.objects()


@pytest.mark.parametrize("kind", list(PackKind))
@pytest.mark.parametrize(
    "damage",
    [
        lambda sample, pack: flip(pack, payload_position(sample, pack)),
        lambda sample, pack: truncate(pack, 300),
        lambda sample, pack: pack.unlink(),
    ],
    ids=["flipped", "cut off", "missing"],
)
def test_what_is_lost_heals_when_it_is_stored_again(
    kind: PackKind,
    damage: Callable[[SampleRepository, Path], None],
    tmp_path: Path,
    pristine: SampleRepository,
) -> None:
    """A snapshot of logs that are still there makes old snapshots whole, byte for byte."""
    logs = tmp_path / "logs"
    shutil.copytree(pristine.logs, logs, symlinks=True)
    sample = SampleRepository(tmp_path / "repository", logs)
    with dedupstore.init_repository(
        sample.folder, chunk_bytes_target=4096, clock=TickingClock()
    ) as repository:
        take_snapshot(repository, sample)
    damage(sample, sample.packs(kind)[0])
    report = repair(sample)
    assert not report.ok
    assert report.snapshots_affected == set(sample.snapshots)
    with sample.open() as repository:
        take_snapshot(repository, sample)
    if kind is PackKind.DATA:
        require_intact(sample, tmp_path / "out")
    else:
        # The manifest itself has other times of change in it, so only its lists come back.
        with sample.open() as repository:
            found = dedupstore.check(repository, CheckOptions(data=True)).findings
        hit = {id_ for finding in found for id_ in finding.snapshots}
        assert hit <= {sample.snapshots[0]}


def test_what_the_sources_have_no_more_stays_lost(tmp_path: Path) -> None:
    """Of a pack that is lost, the files that are still there heal, and the others stay named."""
    logs = tmp_path / "logs"
    logs.mkdir()
    for name in ("kept", "gone"):
        (logs / f"{name}.log").write_bytes(log_lines(3000, seed=len(name) + ord(name[0])))
    location = tmp_path / "repository"
    with dedupstore.init_repository(location) as repository:
        dedupstore.snapshot(repository, [logs])
    [pack] = (location / "packs" / "data").iterdir()
    truncate(pack, 200)
    (logs / "gone.log").unlink()
    with dedupstore.open_repository(location) as repository:
        assert hit_files(dedupstore.repair(repository)) == {b"kept.log", b"gone.log"}
        dedupstore.snapshot(repository, [logs])
        assert hit_files(dedupstore.repair(repository)) == {b"gone.log"}


def hit_files(report: RepairReport) -> set[bytes]:
    """Return the names of the files that stay incomplete."""
    return {os.path.basename(path) for finding in report.remaining for path in finding.files}


def test_files_that_stay_incomplete_are_named(
    sample: SampleRepository, foreign: SampleRepository
) -> None:
    """The report has the snapshots and files that lack chunks, as check finds them, too."""
    CASES["data block payload, flipped"].damage(sample, foreign)
    report = repair(sample)
    with sample.open() as repository:
        [found] = dedupstore.check(repository).findings
    [remaining] = report.remaining
    assert (remaining.kind, remaining.files_hit) == ("chunks-missing", found.files_hit)
    assert (remaining.chunks, remaining.files) == (found.chunks, found.files)
    assert report.snapshots_affected == found.snapshots


def test_a_damaged_generation_record_is_renewed(sample: SampleRepository, tmp_path: Path) -> None:
    """Afterwards snapshots and prunes work again; numbers do not go back; the bytes are kept."""
    with sample.open() as repository:
        dedupstore.forget(repository, [sample.snapshots.pop(0)])
        sample.trees.pop(0)
    [record] = (sample.folder / "generations").iterdir()
    flip(record, 40)
    damaged = record.read_bytes()
    with sample.open() as repository, pytest.raises(DedupstoreError):
        dedupstore.snapshot(repository, [sample.logs])
    report = repair(sample)
    kinds = {action.kind for action in report.actions}
    assert ActionKind.RENEW_GENERATION in kinds
    [renewed] = (sample.folder / "generations").iterdir()
    assert int(renewed.name, 16) > int(record.name, 16)
    assert (sample.folder / report.quarantined[0]).read_bytes() == damaged
    # That the first snapshot was removed on purpose is no longer known, and nothing to worry about.
    assert report.ok
    assert repair(sample).ok
    require_exact_restores(sample, tmp_path / "out")
    with sample.open() as repository:
        take_snapshot(repository, sample)
    require_intact(sample, tmp_path / "out")


@pytest.mark.parametrize("is_record", [False, True])
@pytest.mark.parametrize("number", [GENERATION_REACHED_MAX, GENERATION_MAX])
def test_files_with_impossible_numbers_are_put_aside(
    sample: SampleRepository, tmp_path: Path, number: int, is_record: bool
) -> None:
    """What is named as a record, by a number out of reach, does not use up the numbers below it."""
    with sample.open() as repository:
        dedupstore.forget(repository, [sample.snapshots.pop(0)])
        before = current_generation(repository.store)
        strays = [sample.folder / generation_key(number - below) for below in range(2)]
        if number == GENERATION_REACHED_MAX:
            strays.pop()
        for path in strays:
            record = GenerationRecord(int(path.name, 16), START)
            path.write_bytes(encode_generation_record(record) if is_record else b"not a record")
    assert len(repair(sample).quarantined) == len(strays)
    assert repair(sample).ok
    with sample.open() as repository:
        assert before <= current_generation(repository.store) < GENERATION_REACHED_MAX
        dedupstore.forget(repository, [sample.snapshots.pop(0)])
        assert before < current_generation(repository.store) < GENERATION_REACHED_MAX
        take_snapshot(repository, sample)
    del sample.trees[:2]
    require_intact(sample, tmp_path / "out")


def test_a_newer_generation_record_ends_it(sample: SampleRepository) -> None:
    """Where what is dead is told in a newer format, nothing is touched."""
    record = sample.folder / generation_key(1)
    value = decode_json(encode_generation_record(GenerationRecord(1, START)), KIB, "a record")
    del value["checksum"]
    value["format"] = 2
    value["checksum"] = digest(encode_json(value)).hex()
    record.write_bytes(encode_json(value))
    flip(sample.packs(PackKind.DATA)[0], -1)
    objects = sample.objects()
    for dry_run in (True, False):
        with pytest.raises(UnsupportedFormat):
            repair(sample, dry_run=dry_run)
    assert sample.objects() == objects


def test_repairs_and_prunes_wait_for_each_other(sample: SampleRepository) -> None:
    """While one is at work, the next is refused; a dry run is not."""
    with sample.open() as busy, busy.removal_lock():
        with pytest.raises(LockTimeout):
            repair(sample)
        assert repair(sample, dry_run=True).ok


def test_without_data_only_tables_are_mended(sample: SampleRepository) -> None:
    """With tables_only, a damaged block is not looked for, and a damaged table is mended."""
    first, second = sample.packs(PackKind.DATA)[:2]
    flip(first, payload_position(sample, first))
    flip(second, table_position(sample, second))
    report = repair(sample, tables_only=True)
    assert [action.object for action in report.actions] == [f"packs/data/{second.name}"]
    assert errors(sample) == {"block-damaged"}


def test_quarantine_keeps_everything_that_comes_under_one_name(sample: SampleRepository) -> None:
    """A pack that is damaged, mended and damaged again is kept in both states."""
    pack = sample.packs(PackKind.DATA)[0]
    for number in (1, 2):
        flip(pack, -number)
        assert repair(sample).ok
    names = sorted(os.listdir(sample.folder / "quarantine"))
    assert names == [f"packs-data-{pack.name}", f"packs-data-{pack.name}.2"]


def test_a_folder_in_quarantine_is_not_in_the_way(sample: SampleRepository) -> None:
    """Where a folder has the name that a damaged object would get, that gets another one."""
    pack = sample.packs(PackKind.DATA)[0]
    record = sample.folder / "snapshots" / sample.snapshots[0].hex()
    names = (f"packs-data-{pack.name}", f"snapshots-{record.name}")
    for name in names:
        (sample.folder / "quarantine" / name).mkdir(parents=True)
    flip(pack, -1)
    flip(record, 20)
    assert set(repair(sample).quarantined) == {f"quarantine/{name}.2" for name in names}


def test_a_missing_snapshot_is_no_loss_while_nobody_knows_what_was_forgotten(
    sample: SampleRepository,
) -> None:
    """Beside a damaged generation record, check warns of it; without the damage it is an error."""
    record = sample.folder / "snapshots" / sample.snapshots[0].hex()
    record.unlink()
    assert errors(sample) == {"snapshot-missing"}
    stray = sample.folder / generation_key(5)
    stray.write_bytes(b"not a record")
    with sample.open() as repository:
        findings = dedupstore.check(repository).findings
    [missing] = [finding for finding in findings if finding.kind == "snapshot-missing"]
    assert missing.severity is dedupstore.Severity.WARNING
    assert "forgotten" in missing.detail
    assert repair(sample).ok
    assert errors(sample) == set()


@pytest.mark.parametrize("set_name", [None, "web"])
def test_damaged_policies_are_named_until_they_are_set_again(
    sample: SampleRepository, set_name: str | None
) -> None:
    """Check and repair name the policy and the way out; repair leaves it alone."""
    policy = dedupstore.RetentionPolicy(keep_last=9)
    with sample.open() as repository:
        dedupstore.set_policy(repository, policy, set_name=set_name)
    [path] = (sample.folder / "policies").iterdir()
    flip(path, 40)
    damaged = path.read_bytes()
    assert errors(sample) == {"policy-damaged"}
    for dry_run in (True, False):
        [remaining] = repair(sample, dry_run=dry_run).remaining
        assert (remaining.kind, remaining.object) == ("policy-damaged", f"policies/{path.name}")
        assert "again" in remaining.detail
    assert path.read_bytes() == damaged
    with sample.open() as repository:
        dedupstore.set_policy(repository, policy, set_name=set_name)
    assert errors(sample) == set()
    assert repair(sample).ok


def test_a_newer_policy_is_named(sample: SampleRepository) -> None:
    """A policy of a newer version is told of by check and repair, and left alone."""
    value = decode_json(
        encode_policy(StoredPolicy(None, dedupstore.RetentionPolicy(keep_last=9))), KIB, "a policy"
    )
    del value["checksum"]
    value["format"] = 2
    value["checksum"] = digest(encode_json(value)).hex()
    path = sample.folder / "policies" / "default"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(encode_json(value))
    assert errors(sample) == {"policy-unsupported"}
    assert [finding.kind for finding in repair(sample).remaining] == ["policy-unsupported"]
    assert path.read_bytes() == encode_json(value)


def test_a_pack_in_both_folders_counts_once(sample: SampleRepository) -> None:
    """A copy of a pack in the folder of the other kind is damage, and the index is not wrong."""
    pack = sample.packs(PackKind.MANIFEST)[0]
    shutil.copy(pack, sample.folder / "packs" / "data" / pack.name)
    with sample.open() as repository:
        findings = dedupstore.check(repository).findings
    assert not [finding for finding in findings if finding.kind == "index-wrong"]


def test_bad_sectors_do_not_cost_a_whole_pack(
    sample: SampleRepository, all_chunks: frozenset[ChunkId], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pack of which a sector cannot be read is put aside, and what is before it is saved."""
    pack = sample.packs(PackKind.DATA)[0]
    store = LocalStore(str(sample.folder))
    table = read_table(store, stored_pack(store, pack.relative_to(sample.folder).as_posix()))
    chunks_in_pack = sum(len(block.chunks) for block in table.blocks)
    inode = pack.stat().st_ino
    genuine = os.pread
    sector = pack.stat().st_size * 3 // 4 // 4096 * 4096
    bad = range(sector, sector + 10)

    def pread(descriptor: int, length: int, offset: int) -> bytes:
        if os.fstat(descriptor).st_ino == inode and offset < bad.stop and offset + length > bad[0]:
            raise OSError(5, "Input/output error")
        return genuine(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", pread)
    report = repair(sample)
    assert ActionKind.SALVAGE_PACK in {action.kind for action in report.actions}
    lost = all_chunks - readable_chunks(sample.folder, all_chunks)
    assert 0 < len(lost) < chunks_in_pack
    assert errors(sample) == {"chunks-missing"}


def test_chunks_that_another_pack_has_are_not_lost(sample: SampleRepository) -> None:
    """Of a chunk in two packs, one of them damaged, the sound copy is found again."""
    # A second copy of everything: what a writer that did not know of the first would have stored.
    packs = sample.packs(PackKind.DATA)
    aside = sample.folder.with_name("aside")
    aside.mkdir()
    for pack in packs:
        pack.rename(aside / pack.name)
    shutil.rmtree(sample.folder / "index")
    with sample.open() as repository:
        options = dedupstore.SnapshotOptions(set_name="sample", host="sample", reread=True)
        dedupstore.snapshot(repository, [sample.logs], options)
    source = random.Random(1)
    for pack in packs:
        data = bytearray((aside / pack.name).read_bytes())
        data[source.randrange(100, len(data) // 2)] ^= 1
        pack.write_bytes(data)
    repair(sample)
    with sample.open() as repository:
        latest = dedupstore.find_snapshot(repository, "latest")
        found = dedupstore.check(repository, CheckOptions(data=True)).findings
    assert latest.id not in {id_ for finding in found for id_ in finding.snapshots}
