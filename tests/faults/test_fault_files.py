"""The faulty machine itself: what survives a crash on it is what survives one on a real machine."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dedupstore.storage.files import Files
from faults.fault_files import (
    DISK_BLOCK_BYTES,
    Fault,
    FaultFiles,
    Killed,
    Strike,
    Survival,
)
from sample_repository import read_tree


def write_file(files: Files, path: Path, content: bytes, *, sync: bool = True) -> None:
    """Make a file as a store does, but do not sync its folder."""
    descriptor = files.create(str(path))
    try:
        while content:
            content = content[files.write(descriptor, [content]) :]
        if sync:
            files.sync(descriptor)
    finally:
        files.close(descriptor)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that holds one old file and one empty folder."""
    (tmp_path / "old").write_bytes(b"old bytes")
    (tmp_path / "below").mkdir()
    return tmp_path


def test_without_a_fault_it_is_a_file_system(folder: Path) -> None:
    """Every operation does what the real one does."""
    files = FaultFiles(folder)
    files.make_folder(str(folder / "new"))
    write_file(files, folder / "new" / "a", b"abc")
    files.rename(str(folder / "new" / "a"), str(folder / "below" / "b"))
    files.unlink(str(folder / "old"))
    files.sync_folder(str(folder / "below"))
    descriptor = files.open(str(folder / "below" / "b"))
    assert files.read(descriptor, 10, 1) == b"bc"
    files.close(descriptor)
    with files.scan(str(folder)) as scan:
        assert {item.name for item in scan} == {"new", "below"}
    assert files.status(str(folder / "below" / "b")).st_size == 3
    with pytest.raises(FileNotFoundError):
        files.sync_folder(str(folder / "nowhere"))
    with pytest.raises(FileExistsError):
        files.make_folder(str(folder / "new"))
    assert read_tree(folder) == {"below/b": b"abc"}


@pytest.mark.parametrize("survival", list(Survival))
def test_what_was_synced_survives_every_crash(folder: Path, survival: Survival) -> None:
    """Synced bytes under a synced name are there after any crash, and an unlinked name is not."""
    files = FaultFiles(folder)
    write_file(files, folder / "below" / "a", b"abc")
    files.sync_folder(str(folder / "below"))
    files.unlink(str(folder / "old"))
    files.sync_folder(str(folder))
    files.crash(survival)
    assert read_tree(folder) == {"below/a": b"abc"}


def test_a_name_that_was_not_synced_is_undone(folder: Path) -> None:
    """A power cut undoes files, folders, renames and removals whose folder was not synced."""
    files = FaultFiles(folder)
    write_file(files, folder / "below" / "a", b"abc")
    files.make_folder(str(folder / "new"))
    write_file(files, folder / "new" / "b", b"bcd")
    files.sync_folder(str(folder / "new"))
    files.rename(str(folder / "old"), str(folder / "below" / "moved"))
    files.crash(Survival.SYNCED)
    assert read_tree(folder) == {"old": b"old bytes"}
    assert not (folder / "new").exists()


def test_a_replaced_file_comes_back(folder: Path) -> None:
    """A power cut before the sync of the folder brings back what a rename has replaced."""
    files = FaultFiles(folder)
    write_file(files, folder / "new", b"new bytes")
    files.rename(str(folder / "new"), str(folder / "old"))
    assert read_tree(folder) == {"old": b"new bytes"}
    files.crash(Survival.SYNCED)
    assert read_tree(folder) == {"old": b"old bytes"}


def test_a_move_of_which_one_folder_was_synced_is_half_done(folder: Path) -> None:
    """Once the new folder alone was synced, a power cut leaves the file in both."""
    files = FaultFiles(folder)
    files.rename(str(folder / "old"), str(folder / "below" / "moved"))
    files.sync_folder(str(folder / "below"))
    files.crash(Survival.SYNCED)
    assert read_tree(folder) == {"old": b"old bytes", "below/moved": b"old bytes"}


def test_a_move_of_which_the_old_folder_was_synced_is_done(folder: Path) -> None:
    """Once the removal of the old name was synced, the new name is there, whatever came before."""
    files = FaultFiles(folder)
    write_file(files, folder / "below" / "moved", b"in the way")
    files.rename(str(folder / "old"), str(folder / "below" / "moved"))
    files.sync_folder(str(folder))
    files.crash(Survival.MIXED)
    assert read_tree(folder) == {"below/moved": b"old bytes"}


def test_bytes_that_were_not_synced_are_lost_or_torn(folder: Path) -> None:
    """A file whose name was synced and whose bytes were not is empty, or half there."""
    left = {}
    for survival in (Survival.SYNCED, Survival.TORN):
        files = FaultFiles(folder)
        path = folder / survival.name
        write_file(files, path, b"0123456789", sync=False)
        files.sync_folder(str(folder))
        files.crash(survival)
        left[survival] = path.read_bytes()
    assert left == {
        Survival.SYNCED: b"",
        Survival.TORN: b"01234",
    }


def test_chance_leaves_each_thing_in_every_way(folder: Path) -> None:
    """Over some seeds, a mixed crash leaves each combination of two names and of a file's bytes."""
    seen = set()
    for seed in range(200):
        files = FaultFiles(folder, seed=seed)
        write_file(files, folder / "a", b"01", sync=False)
        write_file(files, folder / "b", b"23")
        files.crash(Survival.MIXED)
        tree = read_tree(folder)
        seen.add((tree.get("a"), tree.get("b")))
        for name in tree.keys() - {"old"}:
            (folder / name).unlink()
    assert seen == {(a, b) for a in (None, b"", b"0", b"01") for b in (None, b"23")}


def test_a_crash_is_the_beginning_of_another_life(folder: Path) -> None:
    """What a first crash left is durable, and a second one undoes only what came after it."""
    files = FaultFiles(folder)
    write_file(files, folder / "a", b"abc")
    files.crash(Survival.TORN)
    write_file(files, folder / "b", b"bcd")
    files.crash(Survival.SYNCED)
    assert read_tree(folder) == {"old": b"old bytes", "a": b"abc"}


def test_what_a_killed_process_leaves_is_not_durable(folder: Path) -> None:
    """The end of a process changes nothing on the disk, and syncs nothing either."""
    files = FaultFiles(folder)
    write_file(files, folder / "a", b"abc", sync=False)
    write_file(files, folder / "below" / "b", b"bcd")
    files.crash(Survival.ALL)
    assert read_tree(folder) == {"old": b"old bytes", "a": b"abc", "below/b": b"bcd"}
    files.sync_folder(str(folder / "below"))
    files.crash(Survival.SYNCED)
    assert read_tree(folder) == {"old": b"old bytes", "below/b": b"bcd"}


def test_nothing_reaches_the_disk_after_a_kill(folder: Path) -> None:
    """From the step of a kill on, every operation but closing ends in Killed and does nothing."""
    files = FaultFiles(folder, Fault(Strike.KILL), at=2)
    descriptor = files.create(str(folder / "a"))
    operations: list[Callable[[], object]] = [
        lambda: files.write(descriptor, [b"abc"]),
        lambda: files.sync(descriptor),
        lambda: files.allocate(descriptor, 10),
        lambda: files.create(str(folder / "b")),
        lambda: files.rename(str(folder / "a"), str(folder / "c")),
        lambda: files.unlink(str(folder / "a")),
        lambda: files.make_folder(str(folder / "d")),
        lambda: files.sync_folder(str(folder)),
        lambda: files.open(str(folder / "a")),
        lambda: files.scan(str(folder)),
        lambda: files.status(str(folder)),
    ]
    for operation in operations:
        with pytest.raises(Killed):
            operation()
    files.close(descriptor)
    assert files.struck
    assert read_tree(folder) == {"old": b"old bytes", "a": b""}


def test_a_kill_may_tear_a_write(folder: Path) -> None:
    """A torn write has written half of its bytes when the process ends."""
    files = FaultFiles(folder, Fault(Strike.TEAR), at=2)
    descriptor = files.create(str(folder / "a"))
    with pytest.raises(Killed):
        files.write(descriptor, [b"0123", b"4567"])
    files.close(descriptor)
    assert (folder / "a").read_bytes() == b"0123"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_refused_step_is_refused_once(folder: Path, number: int) -> None:
    """A step that fails has no effect, and the next one succeeds."""
    files = FaultFiles(folder, Fault(Strike.FAIL, number), at=1)
    with pytest.raises(OSError, match=os.strerror(number)):
        files.unlink(str(folder / "old"))
    assert (folder / "old").exists()
    files.unlink(str(folder / "old"))


def test_reads_are_counted_only_where_they_are_to_fail(folder: Path) -> None:
    """A fault of reads strikes at the read of its number, whatever is written before."""
    files = FaultFiles(folder, Fault(Strike.FAIL, errno.EIO, reads=True), at=2)
    write_file(files, folder / "a", b"abc")
    descriptor = files.open(str(folder / "a"))
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        files.read(descriptor, 3, 0)
    assert files.read(descriptor, 3, 0) == b"abc"
    files.close(descriptor)


def test_a_full_disk_takes_what_was_given_back(folder: Path) -> None:
    """From its step on a full disk takes nothing new, and after a removal as much as was freed."""
    (folder / "large").write_bytes(bytes(3 * DISK_BLOCK_BYTES))
    files = FaultFiles(folder, Fault(Strike.FILL), at=1)
    refusals: list[Callable[[], object]] = [
        lambda: write_file(files, folder / "a", b"abc"),
        lambda: files.make_folder(str(folder / "new")),
        files.step_outside,
    ]
    for refused in refusals:
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            refused()
    assert files.free_bytes(str(folder)) == 0
    files.unlink(str(folder / "large"))
    assert files.free_bytes(str(folder)) == 3 * DISK_BLOCK_BYTES
    files.step_outside()
    write_file(files, folder / "b", bytes(2 * DISK_BLOCK_BYTES + 1))
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        write_file(files, folder / "c", b"abc")
    files.heal()
    write_file(files, folder / "d", b"abc")


def test_an_almost_full_disk_takes_a_part_of_a_write(folder: Path) -> None:
    """A write that does not fit is done as far as it fits, and the next one is refused."""
    (folder / "large").write_bytes(bytes(DISK_BLOCK_BYTES))
    files = FaultFiles(folder, Fault(Strike.FILL), at=1)
    files.unlink(str(folder / "large"))
    descriptor = files.create(str(folder / "a"))
    assert files.write(descriptor, [bytes(DISK_BLOCK_BYTES + 5)]) == DISK_BLOCK_BYTES
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        files.write(descriptor, [b"more"])
    files.close(descriptor)


def test_a_reserve_takes_its_room(folder: Path) -> None:
    """What is allocated counts as taken, and is given back by removing the file."""
    files = FaultFiles(folder)
    descriptor = files.create(str(folder / "reserve"))
    files.allocate(descriptor, 2 * DISK_BLOCK_BYTES)
    files.close(descriptor)
    assert (folder / "reserve").stat().st_size == 2 * DISK_BLOCK_BYTES
    full = FaultFiles(folder, Fault(Strike.FILL), at=1)
    full.unlink(str(folder / "reserve"))
    assert full.free_bytes(str(folder)) == 2 * DISK_BLOCK_BYTES
