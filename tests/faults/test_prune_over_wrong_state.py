"""Prune where what it relies on is wrong, shared, damaged or not durable: what is needed stays."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import lmdb
import pytest

import dedupstore
from dedupstore import PruneOptions, ReclaimOptions, RetentionPolicy
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.epochs import EPOCHS_FOLDER, Session
from dedupstore.engine.generation import current_generation
from dedupstore.engine.monitor import SilentMonitor
from dedupstore.engine.pack_reader import StoredPack, list_packs
from dedupstore.engine.tree_reader import content_extents, manifest_entries
from dedupstore.format.entry import Content
from dedupstore.format.pack import PackKind
from dedupstore.ids import ChunkId, SnapshotId
from dedupstore.index.location import ENTRY_VALUE, PACK_VALUE
from dedupstore.limits import INLINE_EXTENTS_MAX
from dedupstore.storage.contract import ReadStore
from dedupstore.storage.local import LocalStore
from faults.damage import flip
from faults.fault_files import Fault, FaultFiles, Killed, Strike, Survival
from small_archive import KEEP_ONE, Archive, noise

KEEP_ALL = replace(KEEP_ONE, policy=RetentionPolicy(keep_last=100))
DEAD_PACKS_ONLY = ReclaimOptions(unused_percent_max=100.0, merge_packs_min=1000)
FUZZ_ROUNDS = 12
STEPS_MAX = 100
PRUNE_STEPS_MIN = 10

Rows = dict[bytes, bytes]


def contents(archive: Archive, snapshot: SnapshotId) -> dict[str, tuple[Content, list[ChunkId]]]:
    """Return, by the names of a snapshot's logs, where their chunks are listed and which."""
    with archive.open() as repository, ChunkReader(repository) as reader:
        record = dedupstore.load_snapshot(repository, snapshot).record
        return {
            os.path.basename(os.fsdecode(entry.path)): (
                entry.content,
                [extent.id for extent in content_extents(reader, entry.content)],
            )
            for entry in manifest_entries(reader, record.manifest, record.manifest_level)
        }


# An index that is wrong.


def logs_with_lists(base: Path) -> Archive:
    """Return an archive of two snapshots whose newest has logs with chunk lists of their own.

    The chunks of z.log are in a pack of the older snapshot, which has them in two logs that are
    short enough to need no such lists.
    """
    archive = Archive(base)
    data = noise(7, 3000)
    with archive.open() as repository:
        cuts = repository.chunker.find_cuts(data, 0, len(data), True)
    half = cuts[INLINE_EXTENTS_MAX * 3 // 4]
    (archive.logs / "z1.log").write_bytes(data[:half])
    (archive.logs / "z2.log").write_bytes(data[half:])
    archive.snapshot()
    (archive.logs / "z1.log").unlink()
    (archive.logs / "z2.log").unlink()
    for number in range(4):
        archive.write(f"{number}.log", 100 + number, lines=2500)
    (archive.logs / "z.log").write_bytes(data)
    archive.snapshot()
    return archive


def change_index(archive: Archive, table: bytes, change: Callable[[Rows], Rows]) -> None:
    """Put the rows that ``change`` returns into a table of the only index."""
    (path,) = (archive.folder / "index").glob("generation-*/data.mdb")
    with lmdb.open(str(path.parent), max_dbs=4) as environment:
        database = environment.open_db(table, create=False)
        with environment.begin(write=True, db=database) as transaction:
            rows = {bytes(key): bytes(value) for key, value in transaction.cursor()}
            for key, value in change(rows).items():
                transaction.put(key, value)


def test_a_list_that_the_index_takes_for_another_is_followed(quick_path: Path) -> None:
    """Where the index is wrong about a chunk list's number in its pack, the list still counts."""
    archive = logs_with_lists(quick_path / "archive")
    newest = list(archive.trees)[-1]
    lists = {
        name: content.extents[0].id
        for name, (content, _) in contents(archive, newest).items()
        if content.level
    }

    def take_for_another(rows: Rows) -> Rows:
        wrong, other = (ENTRY_VALUE.unpack(rows[lists[name]]) for name in ("z.log", "0.log"))
        assert wrong[0] == other[0]
        return {lists["z.log"]: ENTRY_VALUE.pack(wrong[0], other[1], *wrong[2:])}

    change_index(archive, b"chunks", take_for_another)
    with archive.open() as repository:
        options = PruneOptions(RetentionPolicy(keep_last=1), reclaim=DEAD_PACKS_ONLY)
        report = dedupstore.prune(repository, options)
    assert report.reclaim.packs_dead == 1
    assert archive.require_all_restore() == [newest]


def wrong_entry(rows: Rows, chance: random.Random) -> Rows:
    """Give one chunk one field of another chunk's place."""
    (key, value), (_, other) = chance.sample(sorted(rows.items()), 2)
    fields, others = list(ENTRY_VALUE.unpack(value)), ENTRY_VALUE.unpack(other)
    number = chance.randrange(len(fields))
    fields[number] = others[number]
    return {key: ENTRY_VALUE.pack(*fields)}


def wrong_place(rows: Rows, chance: random.Random) -> Rows:
    """Give one chunk, or one number of a pack, what belongs to another."""
    (key, _), (_, other) = chance.sample(sorted(rows.items()), 2)
    return {key: other}


def wrong_pack(rows: Rows, chance: random.Random) -> Rows:
    """Give one pack one field of another pack, or call it dead."""
    (key, value), (_, other) = chance.sample(sorted(rows.items()), 2)
    fields, others = list(PACK_VALUE.unpack(value)), PACK_VALUE.unpack(other)
    number = chance.randrange(len(fields))
    fields[number] = others[number] if number < len(fields) - 1 else not fields[number]
    return {key: PACK_VALUE.pack(*fields)}


WRONGS = (
    (b"chunks", wrong_entry),
    (b"chunks", wrong_place),
    (b"packs", wrong_pack),
    (b"pack numbers", wrong_place),
)


@pytest.mark.parametrize("seed", range(len(WRONGS)))
def test_whatever_is_wrong_in_the_index_costs_nothing(quick_path: Path, seed: int) -> None:
    """With any one value of the index wrong, a prune succeeds and keeps all that is needed."""
    chance = random.Random(seed)
    archive = logs_with_lists(quick_path / "archive")
    archive.write("0.log", 5000)
    archive.snapshot()
    pristine = archive.folder.rename(quick_path / "pristine")
    table, wrong = WRONGS[seed]
    for _ in range(FUZZ_ROUNDS):
        shutil.copytree(pristine, archive.folder)
        change_index(archive, table, lambda rows: wrong(rows, chance))
        reclaim = chance.choice((ReclaimOptions(), KEEP_ONE.reclaim, DEAD_PACKS_ONLY))
        policy = RetentionPolicy(keep_last=chance.choice((1, 2)))
        with archive.open(SilentMonitor()) as repository:
            dedupstore.prune(repository, PruneOptions(policy, reclaim=reclaim))
        shutil.rmtree(archive.folder / "index")
        assert len(archive.require_all_restore()) == policy.keep_last
        shutil.rmtree(archive.folder)


# An index that is shared.

SNAPSHOT_ELSEWHERE = """
import sys, dedupstore
with dedupstore.open_repository(sys.argv[1]) as repository:
    print(dedupstore.snapshot(repository, [sys.argv[2]]).bytes_new)
"""


@pytest.mark.parametrize("is_copied_first", [True, False])
def test_a_copy_by_hard_links_has_an_index_of_its_own(
    quick_path: Path, is_copied_first: bool
) -> None:
    """What is stored in a copy made by hard links is not taken for stored in the original."""
    archive = Archive(quick_path / "archive")
    archive.write("steady.log", 1)
    archive.snapshot()
    copy = quick_path / "copy"
    if is_copied_first:
        shutil.copytree(archive.folder, copy, copy_function=os.link)
    with archive.open() as original:
        assert original.index.packs()
        if not is_copied_first:
            shutil.copytree(archive.folder, copy, copy_function=os.link)
        archive.write("new.log", 500)
        command = [sys.executable, "-c", SNAPSHOT_ELSEWHERE, str(copy), str(archive.logs)]
        in_copy = int(subprocess.check_output(command, timeout=60))
        report = dedupstore.snapshot(original, [archive.logs])
    assert report.bytes_new == in_copy > 0
    assert report.snapshot is not None
    archive.trees[report.snapshot] = archive.tree()
    archive.prune()
    archive.require_all_restore()


# Chunks that are stored twice.


def store_again(archive: Archive, snapshot: SnapshotId) -> str:
    """Store the chunks of a snapshot's logs in another pack, too; return the name of that."""
    before = archive.packs()
    ids = sorted({id_ for _, ids in contents(archive, snapshot).values() for id_ in ids})
    with archive.open() as repository, ChunkReader(repository) as reader:
        chunks = [bytes(reader.read(id_)) for id_ in ids]
        with ChunkWriter(repository, Session(current_generation(repository.store))) as writer:
            for id_, chunk in zip(ids, chunks, strict=True):
                writer.copy_chunk(PackKind.DATA, id_, memoryview(chunk))
            writer.flush()
    (name,) = archive.packs() - before
    return name


def index_first(monkeypatch: pytest.MonkeyPatch, archive: Archive, name: str) -> None:
    """Let the index be lost; the next one places chunks in the pack ``name`` where it can."""

    def in_that_order(store: ReadStore) -> Iterator[StoredPack]:
        return iter(sorted(list_packs(store), key=lambda pack: pack.id.hex() != name))

    monkeypatch.setattr("dedupstore.engine.index_sync.list_packs", in_that_order)
    shutil.rmtree(archive.folder / "index")


def test_a_copy_of_what_a_damaged_pack_holds_is_kept(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of chunks that the index finds in a pack with a damaged table, another copy does not go."""
    archive = Archive(quick_path / "archive")
    archive.write("x.log", 1)
    oldest = archive.snapshot()
    (pack,) = (archive.folder / "packs" / "data").iterdir()
    archive.write("x.log", 2)
    archive.snapshot()
    archive.write("x.log", 1)
    newest = archive.snapshot()
    copy = store_again(archive, oldest)
    flip(pack, pack.stat().st_size - 60)
    index_first(monkeypatch, archive, pack.name)
    with archive.open(SilentMonitor()) as repository:
        assert dedupstore.prune(repository, KEEP_ONE).reclaim.packs_dead
    assert {pack.name, copy} < archive.packs()
    pack.unlink()
    shutil.rmtree(archive.folder / "index")
    assert archive.require_all_restore() == [newest]


@contextmanager
def machine(files: FaultFiles) -> Iterator[None]:
    """Let everything that opens a repository work on these files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dedupstore.engine.repository.LocalStore", partial(LocalStore, files=files))
        yield


def leave_unsynced(archive: Archive, files: FaultFiles, snapshot: SnapshotId) -> str:
    """Let a writer be killed when its pack has its name, which is not synced yet; return that."""

    def die(_: str) -> None:
        raise Killed

    before = archive.packs()
    with machine(files), pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "sync_folder", die)
        with pytest.raises(Killed):
            store_again(archive, snapshot)
    files.crash(Survival.ALL)
    (name,) = archive.packs() - before
    return name


def test_a_pack_whose_name_was_never_synced_is_no_reason_to_remove_another(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the power goes within a prune, what a killed writer left may vanish, and is not missed."""
    archive = Archive(quick_path / "archive")
    archive.write("x.log", 1)
    snapshot = archive.snapshot()
    shutil.copytree(archive.folder, quick_path / "pristine")
    for step in range(1, STEPS_MAX):
        shutil.rmtree(archive.folder)
        shutil.copytree(quick_path / "pristine", archive.folder)
        writing = FaultFiles(archive.folder)
        name = leave_unsynced(archive, writing, snapshot)
        with monkeypatch.context() as patch:
            index_first(patch, archive, name)
            writing.strike(Fault(Strike.KILL), step)
            with machine(writing), suppress(Killed), archive.open() as repository:
                assert dedupstore.prune(repository, KEEP_ALL).reclaim.packs_dead == 1
        is_struck = writing.struck
        writing.crash(Survival.REMOVALS)
        shutil.rmtree(archive.folder / "index", ignore_errors=True)
        assert archive.require_all_restore() == [snapshot]
        if not is_struck:
            break
    assert step > PRUNE_STEPS_MIN


# Stray files among the locks.


@pytest.mark.parametrize(
    "name", ["not-a-generation", "f" * 16, "0" * 14 + "_1", "7" + "f" * 15, "0" * 15 + "A"]
)
def test_files_with_other_names_among_the_locks_are_passed_over(
    quick_path: Path, name: str
) -> None:
    """What is not named as the lock of a generation is none, and keeps no prune from its work."""
    archive = Archive(quick_path / "archive")
    for number in range(2):
        archive.write("changing.log", number)
        archive.snapshot()
    stray = archive.folder / EPOCHS_FOLDER / name
    stray.touch()
    report = archive.prune().reclaim
    assert (report.packs_dead, report.swept) == (2, True)
    assert len(archive.require_all_restore()) == 1
    assert stray.exists()
