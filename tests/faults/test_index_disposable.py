"""The index may be lost, torn, old or wrong: the next command mends it, results are the same."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import pytest

import dedupstore
from dedupstore.engine.pack_reader import read_table_or_blocks
from dedupstore.errors import NoSpace
from dedupstore.format.pack import PackTable
from dedupstore.index.environment import IndexEnvironment
from dedupstore.index.location import ENTRY_VALUE, PACK_VALUE
from sample_repository import (
    SampleRepository,
    require_exact_restores,
    require_intact,
    restore_tree,
    take_snapshot,
)

Spoil = Callable[[SampleRepository], object]


def index_folder(sample: SampleRepository) -> Path:
    """Return the folder of the index."""
    return sample.folder / "index"


def data_file(sample: SampleRepository) -> Path:
    """Return the data file of the only generation."""
    (path,) = index_folder(sample).glob("generation-*/data.mdb")
    return path


def write_current(text: bytes) -> Spoil:
    """Return what writes a text into the file that names the current generation."""
    return lambda sample: (index_folder(sample) / "CURRENT").write_bytes(text)


def cut_data(length: int) -> Spoil:
    """Return what cuts the data file off, or lengthens it with zeros."""
    return lambda sample: os.truncate(data_file(sample), length)


def fill_data(seed: int) -> Spoil:
    """Return what replaces the data file by random bytes."""
    return lambda sample: data_file(sample).write_bytes(random.Random(seed).randbytes(100_000))


def leave_unfinished(sample: SampleRepository) -> None:
    """Make an unfinished generation the current one."""
    path = index_folder(sample) / "generation-0123456789abcdef"
    path.mkdir()
    with sample.open() as repository:
        identity = repository.config.repository_id
    IndexEnvironment(str(path), identity, create=True).close()
    (index_folder(sample) / "CURRENT").write_text(path.name)


def spoil_locks(content: bytes) -> Spoil:
    """Return what replaces LMDB's file of readers."""
    return lambda sample: data_file(sample).with_name("lock.mdb").write_bytes(content)


SPOILS: dict[str, Spoil] = {
    "index deleted": lambda sample: shutil.rmtree(index_folder(sample)),
    "CURRENT missing": lambda sample: (index_folder(sample) / "CURRENT").unlink(),
    "CURRENT empty": write_current(b""),
    "CURRENT binary": write_current(bytes(range(256))),
    "CURRENT pointing nowhere": write_current(b"generation-ffffffffffffffff\n"),
    "CURRENT pointing outside": write_current(b"generation-/../../packs\n"),
    "data missing": lambda sample: data_file(sample).unlink(),
    "data empty": cut_data(0),
    "data of 1 byte": cut_data(1),
    "data of 1 page": cut_data(4096),
    "data of 1 page and a bit": cut_data(4100),
    "data of 2 pages": cut_data(8192),
    "data of 3 pages": cut_data(3 * 4096),
    "data cut off by 1 byte": lambda sample: cut_data(data_file(sample).stat().st_size - 1)(sample),
    "data random": fill_data(5),
    "readers' file missing": lambda sample: data_file(sample).with_name("lock.mdb").unlink(),
    "readers' file empty": spoil_locks(b""),
    "readers' file random": spoil_locks(random.Random(1).randbytes(69_632)),
    "a generation left unfinished": leave_unfinished,
}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=list(SPOILS))
def test_the_next_command_mends_the_index(
    spoil: Spoil, quick_sample: SampleRepository, quick_path: Path
) -> None:
    """Whatever became of the index, everything restores exactly and then check finds nothing."""
    spoil(quick_sample)
    require_exact_restores(quick_sample, quick_path / "out")
    require_intact(quick_sample, quick_path / "out")


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=list(SPOILS))
def test_a_snapshot_over_a_spoiled_index_stores_nothing_twice(
    spoil: Spoil, quick_sample: SampleRepository, quick_path: Path
) -> None:
    """A snapshot of unchanged logs over a spoiled index knows every chunk and adds no data."""
    spoil(quick_sample)
    with quick_sample.open() as repository:
        report = dedupstore.snapshot(
            repository, [quick_sample.logs], dedupstore.SnapshotOptions(set_name="sample")
        )
    assert report.bytes_new == 0
    assert report.snapshot is not None


def test_only_one_generation_is_left(quick_sample: SampleRepository) -> None:
    """After a rebuild the folder of the index holds the current generation and no other."""
    leave_unfinished(quick_sample)
    with quick_sample.open() as repository:
        repository.rebuild_index()
    names = {path.name for path in index_folder(quick_sample).iterdir()}
    current = (index_folder(quick_sample) / "CURRENT").read_text().strip()
    assert names == {"CURRENT", current}


def test_a_stale_index_is_completed(quick_sample: SampleRepository, quick_path: Path) -> None:
    """An older copy of the index, put back after more snapshots, learns of the newer packs."""
    shutil.copytree(index_folder(quick_sample), quick_path / "older")
    with quick_sample.open() as repository:
        log = quick_sample.logs / "newer.log"
        log.write_bytes(random.Random(2).randbytes(50_000))
        try:
            take_snapshot(repository, quick_sample)
        finally:
            log.unlink()
    shutil.rmtree(index_folder(quick_sample))
    shutil.copytree(quick_path / "older", index_folder(quick_sample))
    require_intact(quick_sample, quick_path / "out")


def test_another_repositorys_index_is_not_used(
    quick_sample: SampleRepository, foreign: SampleRepository, quick_path: Path
) -> None:
    """An index that was copied from another repository is built anew."""
    shutil.rmtree(index_folder(quick_sample))
    shutil.copytree(index_folder(foreign), index_folder(quick_sample))
    require_exact_restores(quick_sample, quick_path / "out")
    require_intact(quick_sample, quick_path / "out")


# Entries that are wrong although LMDB is content.


def edit(sample: SampleRepository, table: bytes, change: Callable[[bytes], bytes | None]) -> None:
    """Pass every value of a table through ``change``; None deletes it."""
    with lmdb.open(str(data_file(sample).parent), max_dbs=4) as environment:
        database = environment.open_db(table, create=False)
        with environment.begin(write=True, db=database) as transaction:
            for key, value in list(transaction.cursor()):
                changed = change(bytes(value))
                if changed is None:
                    transaction.delete(key)
                else:
                    transaction.put(key, changed)


def change_entry(**wrong: int) -> Callable[[bytes], bytes]:
    """Return what overwrites fields of a chunk's entry."""
    names = ("pack", "ordinal", "block_offset", "block_bytes", "chunk_offset", "chunk_bytes")

    def change(value: bytes) -> bytes:
        fields = dict(zip(names, ENTRY_VALUE.unpack(value), strict=True))
        return ENTRY_VALUE.pack(*(fields | wrong).values())

    return change


def kill_pack(value: bytes) -> bytes:
    """Call a pack dead that is not."""
    *rest, _ = PACK_VALUE.unpack(value)
    return PACK_VALUE.pack(*rest, True)


def change_pack_kind(value: bytes) -> bytes:
    """Give a pack a kind that does not exist."""
    pack, _, *rest = PACK_VALUE.unpack(value)
    return PACK_VALUE.pack(pack, 77, *rest)


EDITS: dict[str, tuple[bytes, Callable[[bytes], bytes | None]]] = {
    "every entry deleted": (b"chunks", lambda value: None),
    "entries of no pack": (b"chunks", change_entry(pack=4000)),
    "entries of another pack": (b"chunks", change_entry(pack=1)),
    "entries at the wrong offset": (b"chunks", change_entry(block_offset=11)),
    "entries beyond the end": (b"chunks", change_entry(block_offset=1 << 31)),
    "entries of no bytes": (b"chunks", change_entry(block_bytes=0)),
    "entries of another ordinal": (b"chunks", change_entry(ordinal=(1 << 32) - 1)),
    "packs that are dead": (b"packs", kill_pack),
    "entries of 4 GiB": (b"chunks", change_entry(block_bytes=(1 << 32) - 1)),
    "entries cut off": (b"chunks", lambda value: value[:7]),
    "entries emptied": (b"chunks", lambda value: b""),
    "packs cut off": (b"packs", lambda value: value[:5]),
    "packs of no kind": (b"packs", change_pack_kind),
    "packs deleted": (b"packs", lambda value: None),
    "facts deleted": (b"facts", lambda value: None),
    "facts changed": (b"facts", lambda value: value + b"?"),
    "numbers deleted": (b"pack numbers", lambda value: None),
    "numbers cut off": (b"pack numbers", lambda value: value[:1]),
}


@pytest.mark.parametrize("wrong", EDITS.values(), ids=list(EDITS))
def test_wrong_entries_do_no_harm(
    wrong: tuple[bytes, Callable[[bytes], bytes | None]],
    quick_sample: SampleRepository,
    quick_path: Path,
) -> None:
    """Whatever the index says wrongly, everything restores exactly, and check sets it right."""
    edit(quick_sample, *wrong)
    untouched = quick_sample.copy_to(quick_path / "untouched")
    require_exact_restores(quick_sample, quick_path / "out")
    for checked in (untouched, quick_sample):
        with checked.open() as repository:
            assert dedupstore.check(repository, dedupstore.CheckOptions(data=True)).ok
        require_intact(checked, quick_path / "out")


@pytest.mark.parametrize("wrong", EDITS.values(), ids=list(EDITS))
def test_a_snapshot_over_wrong_entries_is_whole(
    wrong: tuple[bytes, Callable[[bytes], bytes | None]],
    quick_sample: SampleRepository,
    quick_path: Path,
) -> None:
    """A snapshot that is taken over an index with wrong entries restores exactly."""
    edit(quick_sample, *wrong)
    with quick_sample.open() as repository:
        take_snapshot(repository, quick_sample)
    with quick_sample.open() as repository:
        assert dedupstore.check(repository, dedupstore.CheckOptions(data=True)).ok
    require_intact(quick_sample, quick_path / "out")


@pytest.mark.parametrize("wrong", EDITS.values(), ids=list(EDITS))
def test_a_prune_over_wrong_entries_removes_nothing_needed(
    wrong: tuple[bytes, Callable[[bytes], bytes | None]],
    quick_sample: SampleRepository,
    quick_path: Path,
) -> None:
    """A prune over an index with wrong entries removes one snapshot and keeps all others whole."""
    edit(quick_sample, *wrong)
    forgotten, *kept = quick_sample.snapshots
    with quick_sample.open() as repository:
        report = dedupstore.forget(
            repository, [forgotten], dedupstore.ReclaimOptions(0.0, merge_packs_min=2)
        )
    assert report.removed == [forgotten]
    assert report.reclaim.chunks_lost == 0
    quick_sample.snapshots, quick_sample.trees = kept, quick_sample.trees[1:]
    require_intact(quick_sample, quick_path / "out")


def test_some_entries_deleted_are_missed_by_nobody(
    quick_sample: SampleRepository, quick_path: Path
) -> None:
    """With every third entry gone everything restores exactly and check says what it mended."""
    counted = iter(range(1_000_000))
    edit(quick_sample, b"chunks", lambda value: value if next(counted) % 3 else None)
    damaged = quick_sample.copy_to(quick_path / "damaged")
    require_exact_restores(quick_sample, quick_path / "out")
    with damaged.open() as repository:
        report = dedupstore.check(repository)
    assert report.ok
    assert [finding.kind for finding in report.findings] == ["index-wrong"]
    require_intact(damaged, quick_path / "out")


def test_check_removes_entries_that_lead_nowhere(
    quick_sample: SampleRepository, quick_path: Path
) -> None:
    """An entry for a chunk that no pack holds is found by check, before a snapshot trusts it."""
    with lmdb.open(str(data_file(quick_sample).parent), max_dbs=4) as environment:
        database = environment.open_db(b"chunks", create=False)
        with environment.begin(write=True, db=database) as transaction:
            transaction.put(b"\x55" * 32, ENTRY_VALUE.pack(1, 0, 8, 100, 0, 10))
    with quick_sample.open() as repository:
        assert repository.index.known([b"\x55" * 32])
        assert [finding.kind for finding in dedupstore.check(repository).findings] == [
            "index-wrong"
        ]
        assert not repository.index.known([b"\x55" * 32])
    require_intact(quick_sample, quick_path / "out")


# Rebuilding that does not come to its end.


def stop_at(step: int, error: BaseException) -> Callable[..., None]:
    """Return a function that raises from its call number ``step`` on and does nothing before."""
    calls = iter(range(1, 1_000_000))

    def call(*arguments: object, **options: object) -> None:
        if next(calls) >= step:
            raise error

    return call


@pytest.mark.parametrize("error", [KeyboardInterrupt(), NoSpace("full")], ids=["stop", "full"])
@pytest.mark.parametrize("step", [1, 3, 6])
def test_an_interrupted_rebuild_leaves_the_old_index(
    step: int,
    error: BaseException,
    quick_sample: SampleRepository,
    quick_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A rebuild that ends early leaves no trace, and the index that was there goes on."""
    before = sorted(path.name for path in index_folder(quick_sample).iterdir())
    stop = stop_at(step, error)

    def read(*arguments: Any) -> PackTable:
        stop()
        return read_table_or_blocks(*arguments)

    with monkeypatch.context() as patch, quick_sample.open() as repository:
        patch.setattr("dedupstore.engine.index_sync.read_table_or_blocks", read)
        with pytest.raises(type(error)):
            repository.rebuild_index()
        assert sorted(path.name for path in index_folder(quick_sample).iterdir()) == before
        with quick_sample.open() as other:
            listed = dedupstore.list_snapshots(other)
            tree, _ = restore_tree(other, listed[0], quick_path / "out", quick_sample.logs)
            assert tree == quick_sample.trees[0]
    require_intact(quick_sample, quick_path / "out")


def test_a_rebuild_that_cannot_be_published_leaves_the_old_index(
    quick_sample: SampleRepository, quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up when the new index is to become current costs nothing."""
    before = sorted(path.name for path in index_folder(quick_sample).iterdir())

    def refuse(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with quick_sample.open() as repository:
        with monkeypatch.context() as patch:
            patch.setattr("dedupstore.index.generations.os.rename", refuse)
            with pytest.raises(NoSpace):
                repository.rebuild_index()
        assert sorted(path.name for path in index_folder(quick_sample).iterdir()) == before
    require_intact(quick_sample, quick_path / "out")


# What may end a process rather than raise runs in one of its own.

SCRIPT = """
import sys
from pathlib import Path
import dedupstore
with dedupstore.open_repository(sys.argv[1]) as repository:
    for snapshot in dedupstore.list_snapshots(repository):
        target = Path(sys.argv[3]) / snapshot.id.hex()
        assert not dedupstore.restore(repository, snapshot, target).failed
    options = dedupstore.SnapshotOptions(set_name="sample", reread=True)
    dedupstore.snapshot(repository, [sys.argv[2]], options)
    assert dedupstore.check(repository, dedupstore.CheckOptions(data=True)).ok
"""


def spoil_pages(data: bytearray, source: random.Random) -> None:
    """Overwrite a page with random bytes."""
    page = source.randrange(len(data) // 4096)
    data[page * 4096 : page * 4096 + 4096] = source.randbytes(4096)


def spoil_page_bodies(data: bytearray, source: random.Random) -> None:
    """Overwrite the offsets of nodes in some pages and leave the pages' heads plausible."""
    for page in range(2, len(data) // 4096):
        begin = page * 4096 + 16
        data[begin : begin + 8] = source.randbytes(8)


def spoil_roots(data: bytearray, source: random.Random) -> None:
    """Overwrite a few bytes of each of the two pages that say where everything is."""
    for page in (0, 1):
        for _ in range(2):
            data[page * 4096 + 16 + source.randrange(136)] = source.randrange(256)


def spoil_bits(data: bytearray, source: random.Random) -> None:
    """Flip forty bits anywhere."""
    for _ in range(40):
        data[source.randrange(len(data))] ^= 1 << source.randrange(8)


def zero_pages(data: bytearray, source: random.Random) -> None:
    """Zero half of the pages, as a crash of the machine may."""
    for page in range(2, len(data) // 4096):
        if source.random() < 0.5:
            data[page * 4096 : page * 4096 + 4096] = bytes(4096)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "spoil", [spoil_pages, spoil_page_bodies, spoil_roots, spoil_bits, zero_pages]
)
def test_garbage_in_the_data_file_ends_no_process(
    spoil: Callable[[bytearray, random.Random], None],
    seed: int,
    quick_sample: SampleRepository,
    quick_path: Path,
) -> None:
    """A data file with garbage in its pages is used or built anew, and no process dies of it."""
    path = data_file(quick_sample)
    data = bytearray(path.read_bytes())
    spoil(data, random.Random(seed))
    path.write_bytes(data)
    out = quick_path / "out"
    ended = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT, quick_sample.folder, quick_sample.logs, out],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    with quick_sample.open() as repository:
        assert dedupstore.check(repository, dedupstore.CheckOptions(data=True)).ok


def test_an_index_that_cannot_be_written_is_kept_outside(
    sample: SampleRepository, tmp_path: Path
) -> None:
    """A file where the folder of the index should be stops nobody: the index is built elsewhere."""
    shutil.rmtree(index_folder(sample))
    index_folder(sample).write_text("in the way\n")
    require_exact_restores(sample, tmp_path / "out")
    with sample.open() as repository:
        take_snapshot(repository, sample)
    require_exact_restores(sample, tmp_path / "out")
    index_folder(sample).unlink()
    require_exact_restores(sample, tmp_path / "out")
    assert data_file(sample).exists()
