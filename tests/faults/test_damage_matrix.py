"""Every kind of object × every kind of damage: what is said, what still restores."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import dedupstore
from dedupstore.cli.exit_codes import exit_code_of
from dedupstore.errors import DamageError, DedupstoreError, RepositoryMissing
from dedupstore.format.hashing import digest
from dedupstore.format.pack import PackKind
from dedupstore.ids import SnapshotId
from faults.damage import flip, truncate
from faults.damage_cases import CASES, Case, Finding
from partial_files import take_partial_files
from sample_repository import Needs, SampleRepository, needs_of, restore_tree


def roles_of(sample: SampleRepository) -> dict[str, str]:
    """Map the keys of the sample's objects to the roles that findings are written with."""
    roles = {"index": "index"}
    for number in range(len(sample.snapshots)):
        key = sample.record_of(number).relative_to(sample.folder).as_posix()
        roles[key] = f"snapshot {number}"
    for kind in PackKind:
        for number, pack in enumerate(sample.packs(kind)):
            key = pack.relative_to(sample.folder).as_posix()
            roles[key] = f"{kind.name.lower()} pack {number}"
    return roles


@pytest.fixture(scope="module")
def roles(pristine: SampleRepository) -> dict[str, str]:
    """Return the role of each object of the undamaged sample by its key."""
    return roles_of(pristine)


@pytest.fixture(scope="module")
def needs(pristine: SampleRepository) -> dict[SnapshotId, Needs]:
    """Return which packs the manifests and files of the undamaged sample need."""
    return needs_of(pristine)


def check_copy(
    sample: SampleRepository, folder: Path, options: dedupstore.CheckOptions
) -> dedupstore.CheckReport:
    """Check a copy of a repository, since check rebuilds an index that is wrong."""
    with sample.copy_to(folder).open() as repository:
        return dedupstore.check(repository, options)


def named(
    report: dedupstore.CheckReport, roles: dict[str, str], severity: dedupstore.Severity
) -> list[Finding]:
    """Return kinds and roles of the findings of one severity, sorted."""
    return sorted(
        (finding.kind, roles[finding.object])
        for finding in report.findings
        if finding.severity is severity
    )


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_check_finds_exactly_the_damage(
    case: Case,
    sample: SampleRepository,
    foreign: SampleRepository,
    roles: dict[str, str],
    tmp_path: Path,
) -> None:
    """Check names the damaged objects and nothing else, with and without reading all data."""
    case.damage(sample, foreign)
    objects = sample.objects()
    found_in_data = case.found if case.found_in_data is None else case.found_in_data
    for data, expected in ((False, case.found), (True, found_in_data)):
        options = dedupstore.CheckOptions(data=data)
        report = check_copy(sample, tmp_path / f"copy-{data}", options)
        assert named(report, roles, dedupstore.Severity.ERROR) == sorted(expected)
        assert named(report, roles, dedupstore.Severity.WARNING) == sorted(case.warned)
        assert report.ok is not bool(expected)
    with sample.open() as repository:
        dedupstore.check(repository, dedupstore.CheckOptions(data=True))
    assert sample.objects() == objects


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_check_names_every_snapshot_and_file_that_is_hit(
    case: Case,
    sample: SampleRepository,
    foreign: SampleRepository,
    roles: dict[str, str],
    needs: dict[SnapshotId, Needs],
    tmp_path: Path,
) -> None:
    """The snapshots and files that check --data says are hit are those that lost a chunk."""
    case.damage(sample, foreign)
    report = check_copy(sample, tmp_path / "copy", dedupstore.CheckOptions(data=True))
    snapshots = {id_ for finding in report.findings for id_ in finding.snapshots}
    files = {path for finding in report.findings for path in finding.files}
    hit_snapshots = {
        sample.snapshots[number]
        for number in case.records_lost
        if sample.record_of(number).exists()
    }
    hit_files = set()
    for id_, of_snapshot in needs.items():
        if lost_packs(of_snapshot.manifest, case, roles):
            hit_snapshots.add(id_)
            continue
        for name, packs in of_snapshot.files.items():
            if lost_packs(packs, case, roles):
                hit_snapshots.add(id_)
                hit_files.add(bytes(sample.logs / name).lstrip(b"/"))
    assert snapshots == hit_snapshots
    assert files == hit_files


def lost_packs(packs: set[str], case: Case, roles: dict[str, str]) -> set[str]:
    """Return those of some packs that have no sound block left."""
    return {pack for pack in packs if roles[pack] in case.packs_lost}


def gone_packs(packs: set[str], case: Case, roles: dict[str, str]) -> set[str]:
    """Return those of some packs of which a restore reads nothing."""
    salvaged = case.packs_salvaged | case.packs_salvaged_in_part
    return {pack for pack in lost_packs(packs, case, roles) if roles[pack] not in salvaged}


def hit_in_part(
    sample: SampleRepository,
    report: dedupstore.RestoreReport,
    needing: set[str],
) -> set[str]:
    """Return the files that failed, of those that need a pack that is read in part.

    ``test_a_restore_reads_all_that_a_repair_saves`` holds against a repair which ones they are.
    """
    failed = {
        (Path("/") / os.fsdecode(event.path)).relative_to(sample.logs).as_posix(): event
        for event in report.failed
        if isinstance(event, dedupstore.FileDamaged)
    }
    assert failed
    assert failed.keys() <= needing
    assert failed.keys() < needing or any(event.partial for event in failed.values())
    return set(failed)


@pytest.mark.parametrize("with_index", [True, False], ids=["index kept", "index lost"])
@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_what_is_undamaged_restores_exactly(
    case: Case,
    with_index: bool,
    sample: SampleRepository,
    foreign: SampleRepository,
    roles: dict[str, str],
    needs: dict[SnapshotId, Needs],
    tmp_path: Path,
) -> None:
    """Sound files restore exactly; others are reported, and what is left of them kept aside."""
    case.damage(sample, foreign)
    if not with_index:
        shutil.rmtree(sample.folder / "index")
    objects = sample.objects()
    with sample.open() as repository:
        listed = dedupstore.list_snapshots(repository)
        assert {snapshot.id for snapshot in listed} == {
            id_ for number, id_ in enumerate(sample.snapshots) if number not in case.records_lost
        }
        for snapshot in listed:
            of_snapshot = needs[snapshot.id]
            if gone_packs(of_snapshot.manifest, case, roles):
                with pytest.raises(DamageError):
                    dedupstore.restore(repository, snapshot, tmp_path / "nothing")
                assert not list((tmp_path / "nothing").iterdir())
                continue
            tree, report = restore_tree(repository, snapshot, tmp_path / "out", sample.logs)
            bad = {
                name for name, packs in of_snapshot.files.items() if gone_packs(packs, case, roles)
            }
            if case.packs_salvaged_in_part:
                needing = {n for n, p in of_snapshot.files.items() if lost_packs(p, case, roles)}
                bad |= hit_in_part(sample, report, needing)
            whole = sample.tree_of(snapshot.id)
            tree = take_partial_files(tree, report, whole, sample.logs)
            assert tree == {name: data for name, data in whole.items() if name not in bad}
            assert {event.path for event in report.failed} == {
                bytes(sample.logs / name).lstrip(b"/") for name in bad
            }
            assert {event.kind for event in report.failed} <= {"damaged"}
    assert sample.objects() == objects


@pytest.mark.parametrize("with_index", [True, False], ids=["index kept", "index lost"])
@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=name) for name, case in CASES.items() if case.packs_lost],
)
def test_a_restore_reads_all_that_a_repair_saves(
    case: Case,
    with_index: bool,
    sample: SampleRepository,
    foreign: SampleRepository,
    tmp_path: Path,
) -> None:
    """Before a repair, the same files and parts of files are restored as after it."""
    case.damage(sample, foreign)
    repaired = sample.copy_to(tmp_path / "repaired")
    with repaired.open() as repository:
        dedupstore.repair(repository)
    if not with_index:
        shutil.rmtree(sample.folder / "index")
    assert restores_of(sample, tmp_path / "out") == restores_of(repaired, tmp_path / "out")


def restores_of(sample: SampleRepository, target: Path) -> list[object]:
    """Return what comes of a restore of each snapshot: files, and what is missing; or nothing."""
    restores: list[object] = []
    with sample.open() as repository:
        for snapshot in dedupstore.list_snapshots(repository):
            try:
                tree, report = restore_tree(repository, snapshot, target, sample.logs)
            except DamageError:
                restores.append((snapshot.id, None))
                continue
            missing = [
                (event.path, event.missing, event.partial)
                for event in report.failed
                if isinstance(event, dedupstore.FileDamaged)
            ]
            assert len(missing) == len(report.failed)
            restores.append((snapshot.id, tree, missing))
    return restores


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_a_damaged_repository_takes_new_snapshots(
    case: Case, sample: SampleRepository, foreign: SampleRepository, tmp_path: Path
) -> None:
    """Logs that are still there can be stored again in what is left, and nothing old changes."""
    case.damage(sample, foreign)
    objects = sample.objects()
    with sample.open() as repository:
        options = dedupstore.SnapshotOptions(set_name="sample", host="sample", reread=True)
        report = dedupstore.snapshot(repository, [sample.logs], options)
        assert report.snapshot is not None
        listed = [snapshot.id for snapshot in dedupstore.list_snapshots(repository)]
        assert report.snapshot in listed
    after = sample.objects()
    for key in objects.keys() - after.keys() | {k for k in after if objects.get(k) != after[k]}:
        # A pack is named by its bytes: one that comes out of the same logs again is whole now.
        assert key not in objects or is_whole_pack(sample.folder / key)


def is_whole_pack(path: Path) -> bool:
    """Tell whether a pack's bytes are those that it is named by."""
    return path.parent.parent.name == "packs" and digest(path.read_bytes()).hex() == path.name


@pytest.mark.parametrize(
    ("damage", "raised", "exit_code"),
    [
        (lambda config: flip(config, 50), DamageError, 4),
        (lambda config: flip(config, 30, bit=2), DamageError, 4),
        (lambda config: truncate(config, 200), DamageError, 4),
        (lambda config: truncate(config, 0), DamageError, 4),
        (Path.unlink, DamageError, 4),
    ],
    ids=["flipped", "flipped elsewhere", "cut off", "emptied", "missing"],
)
def test_a_damaged_config_is_damage_not_absence(
    sample: SampleRepository,
    damage: Callable[[Path], None],
    raised: type[DedupstoreError],
    exit_code: int,
) -> None:
    """A repository that lost its config is called damaged, so that no one makes a new one there."""
    damage(sample.folder / "config")
    objects = sample.objects()
    with pytest.raises(raised) as failure:
        sample.open()
    assert exit_code_of(failure.value) == exit_code
    assert failure.value.hint
    with pytest.raises(DedupstoreError):
        dedupstore.init_repository(sample.folder)
    assert sample.objects() == objects


def test_another_repositorys_config_is_found(
    sample: SampleRepository, foreign: SampleRepository, tmp_path: Path
) -> None:
    """With a foreign config all snapshots still restore, and check says they belong elsewhere."""
    shutil.copy(foreign.folder / "config", sample.folder / "config")
    with sample.open() as repository:
        report = dedupstore.check(repository)
        assert sorted(finding.kind for finding in report.findings) == [
            "index-rebuilt",
            *["snapshot-foreign"] * 3,
        ]
        for snapshot in dedupstore.list_snapshots(repository):
            tree, _ = restore_tree(repository, snapshot, tmp_path / "out", sample.logs)
            assert tree == sample.tree_of(snapshot.id)


def test_a_foreign_snapshot_record_is_found(
    sample: SampleRepository, foreign: SampleRepository
) -> None:
    """A record of another repository under its own name is told from this one's."""
    shutil.copy(foreign.record_of(0), sample.folder / "snapshots")
    with sample.open() as repository:
        findings = dedupstore.check(repository).findings
    kinds = {item.kind for item in findings if item.severity is dedupstore.Severity.ERROR}
    assert kinds == {"snapshot-foreign", "manifest-damaged"}


def test_without_a_config_and_objects_there_is_no_repository(tmp_path: Path) -> None:
    """A folder with neither config nor objects is no repository, rather than a damaged one."""
    with pytest.raises(RepositoryMissing):
        dedupstore.open_repository(tmp_path)
