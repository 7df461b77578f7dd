"""Every kind of object × every kind of damage: what is lost, what is said, what still restores."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import dedupstore
from dedupstore.cli.exit_codes import exit_code_of
from dedupstore.engine.pack_reader import read_table, stored_pack
from dedupstore.errors import DamageError, DedupstoreError, RepositoryMissing
from dedupstore.format.block import HEADER_BYTES
from dedupstore.format.pack import PACK_HEADER_BYTES, TRAILER_BYTES, PackKind, PackTable
from dedupstore.ids import SnapshotId
from dedupstore.storage.local import LocalStore
from sample_repository import Needs, SampleRepository, needs_of, restore_tree

DATA = PackKind.DATA
MANIFEST = PackKind.MANIFEST

Damage = Callable[[SampleRepository, SampleRepository], None]
Finding = tuple[str, str]
"""Kind, and the object by the role that it plays in the sample."""


def flip(path: Path, position: int, bit: int = 0) -> None:
    """Flip one bit of a file; a negative position counts from its end."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


def truncate(path: Path, position: int) -> None:
    """Cut a file off; a negative position counts from its end."""
    path.write_bytes(path.read_bytes()[:position])


def table_of(sample: SampleRepository, pack: Path) -> PackTable:
    """Return the table of a sound pack."""
    store = LocalStore(str(sample.folder))
    return read_table(store, stored_pack(store, pack.relative_to(sample.folder).as_posix()))


def payload_position(sample: SampleRepository, pack: Path) -> int:
    """Return a position in the middle of the payload of a pack's first block."""
    block = table_of(sample, pack).blocks[0]
    return block.offset + block.stored_bytes - 20


def table_position(sample: SampleRepository, pack: Path) -> int:
    """Return a position in a pack's table."""
    last = table_of(sample, pack).blocks[-1]
    return last.offset + last.stored_bytes + 10


def on_pack(kind: PackKind, number: int, damage: Callable[[Path], None]) -> Damage:
    """Return what damages one pack, by its number in order of age."""
    return lambda sample, _: damage(sample.packs(kind)[number])


def flip_in_pack(
    kind: PackKind, number: int, position: Callable[[SampleRepository, Path], int]
) -> Damage:
    """Return what flips a bit at a place within a pack that depends on its structure."""

    def damage(sample: SampleRepository, _: SampleRepository) -> None:
        pack = sample.packs(kind)[number]
        flip(pack, position(sample, pack))

    return damage


def swap_packs(kind: PackKind, first: int, second: int) -> Damage:
    """Return what exchanges the bytes of two packs."""

    def damage(sample: SampleRepository, _: SampleRepository) -> None:
        packs = sample.packs(kind)
        contents = packs[first].read_bytes(), packs[second].read_bytes()
        packs[first].write_bytes(contents[1])
        packs[second].write_bytes(contents[0])

    return damage


def replace_pack(kind: PackKind, number: int) -> Damage:
    """Return what puts another repository's bytes in place of a pack's."""

    def damage(sample: SampleRepository, foreign: SampleRepository) -> None:
        sample.packs(kind)[number].write_bytes(foreign.packs(kind)[number].read_bytes())

    return damage


def on_record(number: int, damage: Callable[[Path], None]) -> Damage:
    """Return what damages the record of one snapshot."""
    return lambda sample, _: damage(sample.record_of(number))


def swap_records(sample: SampleRepository, _: SampleRepository) -> None:
    """Exchange the texts of two snapshot records."""
    first, second = sample.record_of(0), sample.record_of(1)
    texts = first.read_bytes(), second.read_bytes()
    first.write_bytes(texts[1])
    second.write_bytes(texts[0])


def replace_record(sample: SampleRepository, foreign: SampleRepository) -> None:
    """Put another repository's record in place of one."""
    sample.record_of(1).write_bytes(foreign.record_of(1).read_bytes())


def on_index(damage: Callable[[Path], None]) -> Damage:
    """Return what damages the data file of the index."""
    return lambda sample, _: damage(next(sample.folder.glob("index/generation-*/data.mdb")))


def replace_index(sample: SampleRepository, foreign: SampleRepository) -> None:
    """Put another repository's index in place."""
    shutil.rmtree(sample.folder / "index")
    shutil.copytree(foreign.folder / "index", sample.folder / "index")


def on_current(damage: Callable[[Path], None]) -> Damage:
    """Return what damages the file that names the current index."""
    return lambda sample, _: damage(sample.folder / "index" / "CURRENT")


@dataclass(frozen=True)
class Case:
    """One damage, what check must find, and what is lost by it.

    ``found`` are the findings of check, ``found_in_data`` those it has besides or instead when it
    reads all data; None where they are the same. ``packs_lost`` are the packs nothing can be read
    from, ``records_lost`` the snapshots that are no longer listed.
    """

    damage: Damage
    found: tuple[Finding, ...] = ()
    found_in_data: tuple[Finding, ...] | None = None
    packs_lost: frozenset[str] = frozenset()
    records_lost: frozenset[int] = frozenset()
    warned: tuple[Finding, ...] = field(default=())


def lost(*roles: str) -> frozenset[str]:
    """Return a set of packs by their roles."""
    return frozenset(roles)


REBUILT = (("index-rebuilt", "index"),)
MISSING_DATA = (("chunks-missing", "snapshot 0"),)
CASES = {
    # A data pack: its parts.
    "data pack header, flipped": Case(
        on_pack(DATA, 0, lambda pack: flip(pack, 1)),
        (("pack-damaged", "data pack 0"),),
    ),
    "data pack version, flipped": Case(
        on_pack(DATA, 0, lambda pack: flip(pack, 4)),
        (("pack-damaged", "data pack 0"),),
    ),
    "data block payload, flipped": Case(
        flip_in_pack(DATA, 0, payload_position),
        (),
        (("block-damaged", "data pack 0"),),
        packs_lost=lost("data pack 0"),
    ),
    "data block header, flipped": Case(
        on_pack(DATA, 0, lambda pack: flip(pack, PACK_HEADER_BYTES + 2)),
        (),
        (("block-damaged", "data pack 0"),),
        packs_lost=lost("data pack 0"),
    ),
    "data block version, flipped": Case(
        on_pack(DATA, 1, lambda pack: flip(pack, PACK_HEADER_BYTES + 4)),
        (),
        (("block-damaged", "data pack 1"),),
        packs_lost=lost("data pack 1"),
    ),
    "data block codec, flipped": Case(
        on_pack(DATA, 1, lambda pack: flip(pack, PACK_HEADER_BYTES + 5)),
        (),
        (("block-damaged", "data pack 1"),),
        packs_lost=lost("data pack 1"),
    ),
    "data block directory, flipped": Case(
        on_pack(DATA, 0, lambda pack: flip(pack, PACK_HEADER_BYTES + HEADER_BYTES + 3)),
        (),
        (("block-damaged", "data pack 0"),),
        packs_lost=lost("data pack 0"),
    ),
    "data pack table, flipped": Case(
        flip_in_pack(DATA, 0, table_position),
        (("pack-damaged", "data pack 0"),),
    ),
    "data pack trailer, flipped": Case(
        on_pack(DATA, 0, lambda pack: flip(pack, -TRAILER_BYTES)),
        (("pack-damaged", "data pack 0"),),
    ),
    "data pack trailer flags, flipped": Case(
        on_pack(DATA, 0, lambda pack: flip(pack, -7, bit=1)),
        (("pack-damaged", "data pack 0"),),
    ),
    # A data pack as a whole.
    "data pack, cut off in its trailer": Case(
        on_pack(DATA, 0, lambda pack: truncate(pack, -1)),
        (("pack-damaged", "data pack 0"),),
        warned=REBUILT,
    ),
    "data pack, cut off in its block": Case(
        on_pack(DATA, 0, lambda pack: truncate(pack, 500)),
        (("pack-damaged", "data pack 0"), *MISSING_DATA),
        packs_lost=lost("data pack 0"),
        warned=REBUILT,
    ),
    "data pack, missing": Case(
        on_pack(DATA, 0, Path.unlink),
        (("pack-missing", "data pack 0"), *MISSING_DATA),
        packs_lost=lost("data pack 0"),
        warned=REBUILT,
    ),
    "data pack, emptied": Case(
        on_pack(DATA, 1, lambda pack: truncate(pack, 0)),
        (("pack-damaged", "data pack 1"), ("chunks-missing", "snapshot 1")),
        packs_lost=lost("data pack 1"),
        warned=REBUILT,
    ),
    "data packs, swapped": Case(
        swap_packs(DATA, 0, 1),
        (),
        (("block-damaged", "data pack 0"), ("block-damaged", "data pack 1")),
        warned=REBUILT,
    ),
    "data pack, another repository's": Case(
        replace_pack(DATA, 0),
        MISSING_DATA,
        (("block-damaged", "data pack 0"), *MISSING_DATA),
        packs_lost=lost("data pack 0"),
        warned=REBUILT,
    ),
    # A manifest pack.
    "manifest pack header, flipped": Case(
        on_pack(MANIFEST, 0, lambda pack: flip(pack, 1)),
        (("pack-damaged", "manifest pack 0"),),
    ),
    "manifest block payload, flipped": Case(
        flip_in_pack(MANIFEST, 0, payload_position),
        (("manifest-damaged", "snapshot 0"),),
        (("block-damaged", "manifest pack 0"), ("manifest-damaged", "snapshot 0")),
        packs_lost=lost("manifest pack 0"),
    ),
    "manifest pack table, flipped": Case(
        flip_in_pack(MANIFEST, 2, table_position),
        (("pack-damaged", "manifest pack 2"),),
    ),
    "manifest pack, cut off": Case(
        on_pack(MANIFEST, 1, lambda pack: truncate(pack, 200)),
        (
            ("list-damaged", "snapshot 2"),
            ("manifest-damaged", "snapshot 1"),
            ("pack-damaged", "manifest pack 1"),
        ),
        packs_lost=lost("manifest pack 1"),
        warned=REBUILT,
    ),
    "manifest pack, missing": Case(
        on_pack(MANIFEST, 2, Path.unlink),
        (("manifest-damaged", "snapshot 2"), ("pack-missing", "manifest pack 2")),
        packs_lost=lost("manifest pack 2"),
        warned=REBUILT,
    ),
    "manifest pack, emptied": Case(
        on_pack(MANIFEST, 2, lambda pack: truncate(pack, 0)),
        (("manifest-damaged", "snapshot 2"), ("pack-damaged", "manifest pack 2")),
        packs_lost=lost("manifest pack 2"),
        warned=REBUILT,
    ),
    "manifest packs, swapped": Case(
        swap_packs(MANIFEST, 1, 2),
        (),
        (("block-damaged", "manifest pack 1"), ("block-damaged", "manifest pack 2")),
        warned=REBUILT,
    ),
    "manifest pack, another repository's": Case(
        replace_pack(MANIFEST, 2),
        (("manifest-damaged", "snapshot 2"),),
        (("block-damaged", "manifest pack 2"), ("manifest-damaged", "snapshot 2")),
        packs_lost=lost("manifest pack 2"),
        warned=REBUILT,
    ),
    # A snapshot record.
    "snapshot record, flipped": Case(
        on_record(1, lambda record: flip(record, 100)),
        (("snapshot-damaged", "snapshot 1"),),
        records_lost=frozenset({1}),
    ),
    "snapshot record, cut off": Case(
        on_record(2, lambda record: truncate(record, 100)),
        (("snapshot-damaged", "snapshot 2"),),
        records_lost=frozenset({2}),
    ),
    "snapshot record, missing": Case(
        on_record(1, Path.unlink),
        (("snapshot-missing", "snapshot 1"),),
        records_lost=frozenset({1}),
    ),
    "snapshot record, emptied": Case(
        on_record(0, lambda record: truncate(record, 0)),
        (("snapshot-damaged", "snapshot 0"),),
        records_lost=frozenset({0}),
    ),
    "snapshot records, swapped": Case(
        swap_records,
        (("snapshot-damaged", "snapshot 0"), ("snapshot-damaged", "snapshot 1")),
        records_lost=frozenset({0, 1}),
    ),
    "snapshot record, another repository's": Case(
        replace_record,
        (("snapshot-damaged", "snapshot 1"),),
        records_lost=frozenset({1}),
    ),
    # The index, which nothing depends on.
    "index data, flipped": Case(on_index(lambda data: flip(data, 16)), warned=REBUILT),
    "index data, cut off": Case(on_index(lambda data: truncate(data, -4096)), warned=REBUILT),
    "index data, missing": Case(on_index(Path.unlink), warned=REBUILT),
    "index data, emptied": Case(on_index(lambda data: truncate(data, 0)), warned=REBUILT),
    "index, another repository's": Case(replace_index, warned=REBUILT),
    "CURRENT, flipped": Case(on_current(lambda current: flip(current, 3)), warned=REBUILT),
    "CURRENT, cut off": Case(on_current(lambda current: truncate(current, 15)), warned=REBUILT),
    "CURRENT, missing": Case(on_current(Path.unlink), warned=REBUILT),
    "CURRENT, emptied": Case(on_current(lambda current: truncate(current, 0)), warned=REBUILT),
}


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
    """Return those of some packs that the damage made unreadable."""
    return {pack for pack in packs if roles[pack] in case.packs_lost}


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
    """Every file whose chunks are sound restores exactly; every other one is reported, not made."""
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
            if lost_packs(of_snapshot.manifest, case, roles):
                with pytest.raises(DamageError):
                    dedupstore.restore(repository, snapshot, tmp_path / "nothing")
                assert not list((tmp_path / "nothing").iterdir())
                continue
            tree, report = restore_tree(repository, snapshot, tmp_path / "out", sample.logs)
            bad = {
                name for name, packs in of_snapshot.files.items() if lost_packs(packs, case, roles)
            }
            whole = sample.tree_of(snapshot.id)
            assert tree == {name: data for name, data in whole.items() if name not in bad}
            assert {event.path for event in report.failed} == {
                bytes(sample.logs / name).lstrip(b"/") for name in bad
            }
            assert {event.kind for event in report.failed} <= {"damaged"}
    assert sample.objects() == objects


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
    assert objects.items() <= sample.objects().items()


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
