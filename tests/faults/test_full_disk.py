"""A disk that is really full: a small file system in memory, where mounting one is permitted."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import dedupstore
from dedupstore.engine.repository import RESERVE_BYTES_MIN
from dedupstore.engine.reserve import reserve_bytes
from sample_repository import (
    SampleRepository,
    read_tree,
    require_exact_restores,
    require_intact,
)
from small_archive import Archive

DISK_BYTES = 4 << 20
SNAPSHOTS_MANY = 70

Mount = Callable[[str], Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Return a function that mounts a small file system with some options; skip if it may not."""
    mounted: list[Path] = []

    def mount_at(options: str) -> Path:
        place = tmp_path / f"disk-{len(mounted)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"a file system cannot be mounted here: {error}")
        mounted.append(place)
        return place

    yield mount_at
    for place in mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=False)


def run_cli(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, which a full disk might end with SIGBUS."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "dedupstore", *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


def fill(disk: Path, free_bytes: int) -> Path:
    """Fill a file system up but for ``free_bytes`` and return the file that does."""
    filler = disk / "filler"
    available = shutil.disk_usage(disk).free - free_bytes
    descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
    os.posix_fallocate(descriptor, 0, available)
    os.close(descriptor)
    return filler


@pytest.mark.parametrize("free_bytes", [0, 4096, 40_960, 131_072, 409_600])
def test_a_snapshot_onto_a_full_disk_changes_nothing(
    free_bytes: int, pristine: SampleRepository, mount: Mount, tmp_path: Path
) -> None:
    """A snapshot that does not fit exits with 13, and once there is room, succeeds."""
    disk = mount(f"size={DISK_BYTES}")
    sample = pristine.copy_to(disk / "repository")
    log = tmp_path / "incompressible.log"
    log.write_bytes(random.Random(6).randbytes(1 << 20))
    filler = fill(disk, free_bytes)
    ended = run_cli("--repo", sample.folder, "snapshot", "--set", "other", log)
    assert ended.returncode == 13, ended.stderr
    assert ended.stderr.startswith("error: ")
    assert "hint: " in ended.stderr
    require_exact_restores(sample, tmp_path / "out")
    filler.unlink()
    require_intact(sample, tmp_path / "out")
    ended = run_cli("--repo", sample.folder, "snapshot", "--set", "other", log)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("free_bytes", [0, *range(73_728, 204_800, 8192)])
def test_a_full_disk_keeps_nobody_from_restoring(
    free_bytes: int, pristine: SampleRepository, mount: Mount, tmp_path: Path
) -> None:
    """Where an index does not fit, it is built outside of the repository, and restore goes on."""
    disk = mount(f"size={DISK_BYTES}")
    sample = pristine.copy_to(disk / "repository")
    shutil.rmtree(sample.folder / "index")
    filler = fill(disk, free_bytes)
    target = tmp_path / "target"
    ended = run_cli("--repo", sample.folder, "restore", "latest", "--target", target)
    assert ended.returncode == 0, ended.stderr
    assert read_tree(target / sample.logs.relative_to("/")) == sample.trees[-1]
    if "index-outside" in ended.stderr:
        assert list((sample.folder / "index").glob("generation-*")) == []
    filler.unlink()
    require_exact_restores(sample, tmp_path / "out")
    require_intact(sample, tmp_path / "out")


@pytest.mark.parametrize("free_bytes", [0, 4096, 200_000])
def test_a_restore_into_a_full_target_says_so(
    free_bytes: int, sample: SampleRepository, mount: Mount
) -> None:
    """A restore that does not fit exits with 13, and each file in the target is whole."""
    disk = mount(f"size={DISK_BYTES}")
    fill(disk, free_bytes)
    target = disk / "target"
    ended = run_cli("--repo", sample.folder, "restore", "latest", "--target", target)
    assert ended.returncode == 13, ended.stderr
    logs = target / sample.logs.relative_to("/")
    whole = sample.trees[-1]
    for path in logs.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert path.read_bytes() == whole[path.relative_to(logs).as_posix()]


def test_a_repository_is_not_made_on_a_full_disk(mount: Mount) -> None:
    """Init on a full disk exits with 13, and succeeds where it left off once there is room."""
    disk = mount(f"size={DISK_BYTES}")
    filler = fill(disk, 0)
    assert run_cli("--repo", disk / "repository", "init").returncode == 13
    filler.unlink()
    assert run_cli("--repo", disk / "repository", "init").returncode == 0
    with dedupstore.open_repository(disk / "repository") as repository:
        assert dedupstore.check(repository).findings == []


def grown_repository(base: Path, folder: Path) -> tuple[Archive, int]:
    """Make a repository in ``folder`` with garbage to come; return it and what its packs take.

    Of three snapshots the first two are to go, and with them most of what is stored: whole packs.
    """
    archive = Archive(base, folder)
    archive.write("steady.log", 1, lines=500)
    for number in range(3):
        archive.write("changing.log", 100 + number, lines=3000)
        archive.snapshot()
    return archive, stored_bytes(archive)


def stored_bytes(archive: Archive) -> int:
    """Return what all packs take."""
    packs = (archive.folder / "packs").rglob("*")
    return sum(path.stat().st_size for path in packs if path.is_file())


REMOVALS = [
    ("prune", "--keep-last", "1", "--max-unused", "0", "--json"),
    ("forget", "latest~2", "latest~1", "--max-unused", "0", "--json"),
]


@pytest.mark.parametrize("arguments", REMOVALS, ids=lambda arguments: str(arguments[0]))
@pytest.mark.parametrize("free_bytes", [0, 4096, 16_384, 65_536, 262_144])
def test_a_full_disk_can_be_pruned(
    free_bytes: int, arguments: tuple[str, ...], mount: Mount, tmp_path: Path
) -> None:
    """On a full disk prune and forget succeed and make room, and the reserve is there again."""
    archive, before = grown_repository(tmp_path, mount(f"size={2 * DISK_BYTES}") / "repository")
    assert (archive.folder / "reserve").stat().st_size == RESERVE_BYTES_MIN
    filler = fill(archive.folder.parent, free_bytes)
    ended = run_cli("--repo", archive.folder, *arguments)
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert report["freed_bytes"] == before - stored_bytes(archive) > before / 4
    assert len(archive.require_all_restore()) == 1
    filler.unlink()
    ended = run_cli("--repo", archive.folder, "prune", "--keep-last", "1", "--max-unused", "0")
    assert ended.returncode == 0, ended.stderr
    assert (archive.folder / "reserve").stat().st_size == RESERVE_BYTES_MIN
    assert len(archive.require_all_restore()) == 1


def test_a_full_disk_of_many_packs_can_be_pruned(mount: Mount, tmp_path: Path) -> None:
    """The reserve grows with the packs, so that declaring them all dead at once has room."""
    archive = Archive(tmp_path, mount(f"size={4 * DISK_BYTES}") / "repository")
    for number in range(SNAPSHOTS_MANY):
        archive.write("changing.log", number, lines=20)
        archive.snapshot()
    packs = len(archive.packs())
    assert packs == 2 * SNAPSHOTS_MANY
    reserve = archive.folder / "reserve"
    assert reserve.stat().st_size == reserve_bytes(packs) > RESERVE_BYTES_MIN
    fill(archive.folder.parent, 0)
    ended = run_cli("--repo", archive.folder, "prune", "--keep-last", "1")
    assert ended.returncode == 0, ended.stderr
    assert "postponed" not in ended.stderr
    assert len(archive.packs()) == 2
    assert reserve.stat().st_size == RESERVE_BYTES_MIN
    assert len(archive.require_all_restore()) == 1


@pytest.mark.parametrize("arguments", REMOVALS, ids=lambda arguments: str(arguments[0]))
@pytest.mark.parametrize("free_bytes", [0, 4096, 8192, 16_384, 65_536, 262_144])
def test_a_full_disk_without_a_reserve_loses_nothing(
    free_bytes: int, arguments: tuple[str, ...], mount: Mount, tmp_path: Path
) -> None:
    """Where the reserve is gone, a removal succeeds, or exits with 13 and nothing is lost."""
    archive, before = grown_repository(tmp_path, mount(f"size={2 * DISK_BYTES}") / "repository")
    (archive.folder / "reserve").unlink()
    filler = fill(archive.folder.parent, free_bytes)
    ended = run_cli("--repo", archive.folder, *arguments)
    assert ended.returncode in (0, 13), ended.stderr
    left = archive.require_all_restore()
    if ended.returncode == 0:
        assert len(left) == 1
        assert stored_bytes(archive) < before
    else:
        assert "hint: " in ended.stderr
    filler.unlink()
    ended = run_cli("--repo", archive.folder, "prune", "--keep-last", "1", "--max-unused", "0")
    assert ended.returncode == 0, ended.stderr
    assert len(archive.require_all_restore()) == 1
    assert (archive.folder / "reserve").stat().st_size == RESERVE_BYTES_MIN


def test_what_does_not_fit_is_repacked_another_time(mount: Mount, tmp_path: Path) -> None:
    """Dead packs go even where there is no room to repack others, which is told, and done later."""
    archive = Archive(tmp_path, mount(f"size={2 * DISK_BYTES}") / "repository")
    # Two snapshots with a pack each: of the first nothing is needed later, of the second most is.
    archive.write("small.log", 1, lines=100)
    archive.snapshot()
    (archive.logs / "small.log").unlink()
    archive.write("large.log", 2, lines=60_000)
    archive.write("other.log", 3, lines=10_000)
    archive.snapshot()
    (archive.logs / "other.log").unlink()
    archive.snapshot()
    before = archive.packs()
    filler = fill(archive.folder.parent, 0)
    arguments = ("prune", "--keep-last", "1", "--max-unused", "0")
    ended = run_cli("--repo", archive.folder, *arguments)
    assert ended.returncode == 0, ended.stderr
    assert "repack-postponed: " in ended.stderr
    assert archive.packs() < before
    assert len(archive.require_all_restore()) == 1
    filler.unlink()
    ended = run_cli("--repo", archive.folder, *arguments, "--json")
    assert json.loads(ended.stdout)["packs_repacked"] >= 1, ended.stderr
    assert "postponed" not in ended.stderr
    assert len(archive.require_all_restore()) == 1
