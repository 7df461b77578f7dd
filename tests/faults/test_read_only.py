"""A repository that cannot be written to: reading works, writing fails clearly."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from dedupstore.errors import StorageError
from sample_repository import SampleRepository, require_intact, take_snapshot

Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(params=["mounted read-only", "without permission"])
def read_only(
    request: pytest.FixtureRequest, sample: SampleRepository, tmp_path: Path
) -> Iterator[Run]:
    """Return what runs the command line where the repository cannot be written to."""
    protect = mount_read_only if request.param == "mounted read-only" else take_permission
    with protect(sample.folder) as prefix:
        command = [*prefix, sys.executable, "-P", "-m", "dedupstore", "--repo", str(sample.folder)]
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}

        def run(*arguments: object, **variables: str) -> subprocess.CompletedProcess[bytes]:
            return subprocess.run(
                command + [str(argument) for argument in arguments],
                check=False,
                capture_output=True,
                timeout=60,
                env=environment | variables,
            )

        yield run


@contextmanager
def mount_read_only(folder: Path) -> Iterator[list[str]]:
    """Make a folder read-only by a mount; skip where that is not permitted."""
    place = str(folder)
    for options in (["--bind", place, place], ["-o", "remount,ro,bind", place]):
        try:
            subprocess.run(["mount", *options], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"a folder cannot be mounted read-only here: {error}")
    try:
        yield []
    finally:
        subprocess.run(["umount", "--lazy", place], check=False)


@contextmanager
def take_permission(folder: Path) -> Iterator[list[str]]:
    """Take the permission to write away, from the superuser, too; skip where that is impossible."""
    prefix: list[str] = []
    if os.getuid() == 0:
        # Without capabilities, permissions hold for the superuser as for anybody.
        prefix = ["setpriv", "--bounding-set=-all"]
        try:
            subprocess.run([*prefix, "true"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"the superuser's capabilities cannot be dropped here: {error}")
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o400)
    for path in folders:
        path.chmod(0o500)
    try:
        yield prefix
    finally:
        for path in folders:
            path.chmod(0o700)


def test_reading_commands_work(
    read_only: Run,
    sample: SampleRepository,
    tmp_path: Path,
) -> None:
    """Listing, cat, restore, diff, stats and check work on a repository that cannot be written."""
    objects = sample.objects()
    name = sample.logs / "web" / "access.log"
    target = tmp_path / "target"
    for arguments in (
        ["list"],
        ["ls", "latest"],
        ["restore", "latest", "--target", target],
        ["diff", "latest~1", "latest"],
        ["stats"],
        ["check", "--data"],
    ):
        ended = read_only(*arguments)
        assert ended.returncode == 0, ended.stderr
    ended = read_only("cat", "latest", name)
    assert ended.stdout == sample.trees[-1]["web/access.log"]
    restored = target / name.relative_to("/")
    assert restored.read_bytes() == sample.trees[-1]["web/access.log"]
    assert sample.objects() == objects


def test_reading_works_without_a_cache(
    read_only: Run, sample: SampleRepository, tmp_path: Path
) -> None:
    """Where indexes cannot be kept either, each command builds its own and leaves nothing."""
    (tmp_path / "cache").write_bytes(b"in the way")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    ended = read_only("cat", "latest", sample.logs / "app.log", TMPDIR=str(scratch))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == sample.trees[-1]["app.log"]
    assert list(scratch.iterdir()) == []


def test_readers_share_one_cached_index(
    read_only: Run, sample: SampleRepository, tmp_path: Path
) -> None:
    """Commands that read at once share the index that the first of them has built."""
    with ThreadPoolExecutor(4) as executor:
        running = [executor.submit(read_only, "ls", "latest") for _ in range(4)]
        ended = [future.result() for future in running]
    assert [process.returncode for process in ended] == [0] * 4
    assert sum(b"index-rebuilt" in process.stderr for process in ended) == 1
    assert len(list((tmp_path / "cache").rglob("data.mdb"))) == 1


def test_a_snapshot_fails_clearly(
    read_only: Run,
    sample: SampleRepository,
    tmp_path: Path,
) -> None:
    """A snapshot into a repository that cannot be written fails with 1, a reason and a hint."""
    objects = sample.objects()
    log = tmp_path / "new.log"
    log.write_bytes(b"a line\n" * 1000)
    for arguments in (["snapshot", log], ["hold", "latest"]):
        ended = read_only(*arguments)
        assert ended.returncode == 1, ended.stderr
        assert b"error: cannot write " in ended.stderr
        assert b"\nhint: " in ended.stderr
    assert sample.objects() == objects


@pytest.mark.parametrize("lost", ["tmp", "holds", "locks"])
def test_a_copy_without_empty_folders_is_whole(
    lost: str, sample: SampleRepository, tmp_path: Path
) -> None:
    """A repository whose empty folders a copy tool left out is read and written as before."""
    shutil.rmtree(sample.folder / lost)
    require_intact(sample, tmp_path / "out")
    with sample.open() as repository:
        take_snapshot(repository, sample)
    require_intact(sample, tmp_path / "out")


def test_a_repository_that_vanishes_is_not_made_again(
    sample: SampleRepository, tmp_path: Path
) -> None:
    """A command at work on a repository that is moved away fails and makes no new one."""
    with sample.open() as repository:
        assert repository.index.chunk_count()
        sample.folder.rename(tmp_path / "elsewhere")
        with pytest.raises(StorageError):
            take_snapshot(repository, sample)
        assert not sample.folder.exists()
    (tmp_path / "elsewhere").rename(sample.folder)
    require_intact(sample, tmp_path / "out")
