"""What restore writes, what it leaves alone, and the tar it makes instead."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from cli.conftest import Archive
from cli.installed_command import Dedupstore

FEW_OPEN_FILES = """
import resource
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (128, most))
"""
OLD_NS = 1_600_000_000_123_456_789


@pytest.fixture
def logs(dedupstore: Dedupstore) -> Path:
    """Return a folder with two files and a link, which has been snapshotted."""
    folder = dedupstore.folder / "logs"
    folder.mkdir()
    (folder / "a.log").write_text("archived a\n")
    (folder / "b.log").write_text("archived b\n")
    os.symlink("a.log", folder / "link")
    for name in ("a.log", "b.log"):
        os.utime(folder / name, ns=(OLD_NS, OLD_NS))
    dedupstore.snapshot("logs")
    return folder


def restore(command: Dedupstore, logs: Path, *more: str, expect: int = 0) -> dict[str, object]:
    """Restore the contents of the folder into ``out`` and return the report."""
    depth = len(logs.parts) - 1
    given = ("--target", "out", "--strip-components", str(depth), "--json")
    result: dict[str, object] = command.run("restore", "latest", *given, *more, expect=expect).json
    return result


def test_what_exists_is_left_alone(dedupstore: Dedupstore, logs: Path) -> None:
    """Without --overwrite, and with never, existing files stay and count as skipped."""
    out = dedupstore.folder / "out"
    out.mkdir()
    (out / "a.log").write_text("precious\n")
    for more in ((), ("--overwrite", "never")):
        report = restore(dedupstore, logs, *more)
        assert (out / "a.log").read_text() == "precious\n"
        assert (out / "b.log").read_text() == "archived b\n"
        assert report["skipped"] == (3 if more else 1)


def test_if_changed_goes_by_size_and_time(dedupstore: Dedupstore, logs: Path) -> None:
    """if-changed replaces what differs in size, time, kind or target, and skips all else."""
    out = dedupstore.folder / "out"
    restore(dedupstore, logs)
    assert restore(dedupstore, logs, "--overwrite", "if-changed")["skipped"] == 3
    (out / "a.log").write_text("changed, longer\n")
    assert restore(dedupstore, logs, "--overwrite", "if-changed")["skipped"] == 2
    assert (out / "a.log").read_text() == "archived a\n"
    os.utime(out / "a.log")
    assert restore(dedupstore, logs, "--overwrite", "if-changed")["skipped"] == 2
    (out / "link").unlink()
    os.symlink("elsewhere", out / "link")
    assert restore(dedupstore, logs, "--overwrite", "if-changed")["skipped"] == 2
    assert os.readlink(out / "link") == "a.log"


def test_always_replaces(dedupstore: Dedupstore, logs: Path) -> None:
    """always replaces every file and link, also where a link to a file elsewhere is in the way."""
    out = dedupstore.folder / "out"
    out.mkdir()
    elsewhere = dedupstore.folder / "elsewhere"
    elsewhere.write_text("untouched\n")
    os.symlink(elsewhere, out / "a.log")
    (out / "b.log").write_text("archived b\n")
    report = restore(dedupstore, logs, "--overwrite", "always")
    assert (report["files"], report["skipped"]) == (2, 0)
    assert not (out / "a.log").is_symlink()
    assert (out / "a.log").read_text() == "archived a\n"
    assert elsewhere.read_text() == "untouched\n"


def test_a_folder_in_the_way_is_3(dedupstore: Dedupstore, logs: Path) -> None:
    """A folder in the place of a file is never removed: that file fails, the rest is restored."""
    out = dedupstore.folder / "out"
    (out / "a.log").mkdir(parents=True)
    (out / "a.log" / "kept").write_text("kept\n")
    report = restore(dedupstore, logs, "--overwrite", "always", expect=3)
    assert [failed["kind"] for failed in report["failed"]] == ["unwritable"]  # type: ignore[attr-defined]
    assert (out / "a.log" / "kept").read_text() == "kept\n"
    assert (out / "b.log").read_text() == "archived b\n"
    assert sorted(os.listdir(out)) == ["a.log", "b.log", "link"]


def test_a_dry_run_writes_nothing(dedupstore: Dedupstore, logs: Path) -> None:
    """--dry-run makes no target and counts what a restore would do, over what is there too."""
    report = restore(dedupstore, logs, "--dry-run")
    assert (report["files"], report["bytes"]) == (2, 22)
    assert not (dedupstore.folder / "out").exists()
    restore(dedupstore, logs)
    assert restore(dedupstore, logs, "--dry-run")["skipped"] == 3
    assert restore(dedupstore, logs, "--dry-run", "--overwrite", "always")["files"] == 2


def test_metadata_comes_back(dedupstore: Dedupstore) -> None:
    """Mode and times of files and folders, targets and times of links are restored exactly."""
    logs = dedupstore.folder / "logs"
    (logs / "sub" / "empty").mkdir(parents=True)
    (logs / "sub" / "script").write_text("#!/bin/sh\n")
    (logs / "sub" / "script").chmod(0o4751)
    os.symlink("nowhere/at all", logs / "dangling")
    os.utime(logs / "sub" / "script", ns=(OLD_NS, OLD_NS))
    os.utime(logs / "dangling", ns=(OLD_NS, OLD_NS), follow_symlinks=False)
    (logs / "sub" / "empty").chmod(0o1750)
    (logs / "sub").chmod(0o500)
    for folder in (logs / "sub" / "empty", logs / "sub", logs):
        os.utime(folder, ns=(-OLD_NS, -OLD_NS))
    dedupstore.snapshot("logs")
    restore(dedupstore, logs)
    out = dedupstore.folder / "out"
    for name in ("", "dangling", "sub", "sub/script", "sub/empty"):
        if name:
            before, after = os.lstat(logs / name), os.lstat(out / name)
            assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns), name
    assert os.readlink(out / "dangling") == "nowhere/at all"


def test_parts_are_chosen_by_name_and_glob(archive: Archive, tmp_path: Path) -> None:
    """Paths and globs choose what is restored; folders with all they hold; parents are made."""
    run = archive.command.run
    chosen = [str(archive.logs / "nginx"), "**/*.log.1"]
    run("restore", "latest", *chosen, "--set", "web", "--target", tmp_path)
    below = tmp_path / archive.logs.relative_to("/")
    found = {path.relative_to(below).as_posix() for path in below.rglob("*")}
    assert found == {"app.log.1", "nginx", "nginx/access.log", "nginx/empty"}


def test_a_target_that_is_a_file_is_1(archive: Archive, tmp_path: Path) -> None:
    """A target that cannot be a folder fails with 1 and one line, before anything is read."""
    (tmp_path / "file").write_text("kept")
    outcome = archive.command.run("restore", "latest", "--target", tmp_path / "file", expect=1)
    assert outcome.stderr.count("\n") == 1
    assert (tmp_path / "file").read_text() == "kept"


def test_a_tar_holds_the_same(dedupstore: Dedupstore) -> None:
    """The tar on stdout holds every entry with its bytes, mode, target and nanoseconds."""
    logs = dedupstore.folder / "logs"
    (logs / "empty folder").mkdir(parents=True)
    (logs / "big.log").write_bytes(os.urandom(200_000))
    (logs / "empty.log").write_bytes(b"")
    (logs / ("n" * 200)).write_text("long name\n")
    (logs / "old").write_text("before the epoch\n")
    os.utime(logs / "old", ns=(-1_500_000_001, -1_500_000_001))
    odd = os.fsencode(logs) + b"/caf\xe9\n.log"
    Path(os.fsdecode(odd)).write_text("odd\n")
    with (logs / "sparse").open("wb") as sparse:
        sparse.truncate(1 << 20)
        sparse.seek(300_000)
        sparse.write(b"island")
    os.symlink("big.log", logs / "link")
    os.utime(logs / "big.log", ns=(OLD_NS, OLD_NS))
    dedupstore.snapshot("logs")
    data = dedupstore.run("restore", "latest", "--tar").stdout
    with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape") as tar:
        members = {os.fsencode("/" + member.name): member for member in tar.getmembers()}
        paths = [os.fsencode(path) for path in (logs, *logs.rglob("*"))]
        assert sorted(members) == sorted(paths)
        for path, member in members.items():
            status = os.lstat(path)
            assert member.mode == stat.S_IMODE(status.st_mode)
            assert member.pax_headers["mtime"] == _decimal(status.st_mtime_ns)
            if member.isfile():
                extracted = tar.extractfile(member)
                assert extracted is not None
                assert extracted.read() == Path(os.fsdecode(path)).read_bytes()
            assert member.linkname == ("big.log" if member.issym() else "")


def test_a_tar_says_what_it_lacks(archive: Archive) -> None:
    """A tar of paths of which one is not held has the others, names the missing one, exits 3."""
    outcome = archive.command.run(
        "restore", "latest", archive.logs / "new.log", "/missing", "--tar", "--set", "web", expect=3
    )
    with tarfile.open(fileobj=io.BytesIO(outcome.stdout)) as tar:
        assert tar.getnames() == [str(archive.logs / "new.log")[1:]]
    assert "/missing" in outcome.stderr


def test_deep_trees_need_no_special_limits(dedupstore: Dedupstore) -> None:
    """A tree with more levels than files may be open by default is restored whole."""
    deep = dedupstore.folder / "logs" / "/".join("d" * 400)
    deep.mkdir(parents=True)
    (deep / "bottom.log").write_text("bottom\n")
    dedupstore.snapshot("logs")
    outcome = dedupstore.run_after(FEW_OPEN_FILES, "restore", "latest", "--target", "out")
    assert (outcome.code, outcome.stderr) == (0, "")
    restored = dedupstore.folder / "out" / deep.relative_to("/") / "bottom.log"
    assert restored.read_text() == "bottom\n"


def _decimal(nanoseconds: int) -> str:
    seconds, fraction = divmod(abs(nanoseconds), 10**9)
    return f"{'-' * (nanoseconds < 0)}{seconds}.{fraction:09d}"


@pytest.mark.parametrize("below", ["", "packs", "new/folder"])
def test_the_repository_is_no_target(dedupstore: Dedupstore, logs: Path, below: str) -> None:
    """Restoring into the repository, whatever way leads there, is wrong usage and does nothing."""
    config = (dedupstore.repository / "config").read_bytes()
    (dedupstore.folder / "way").symlink_to(dedupstore.repository)
    for target in (dedupstore.repository / below, dedupstore.folder / "way" / below):
        given = ("--target", target, "--overwrite", "always", "--strip-components", "1")
        outcome = dedupstore.run("restore", "latest", *given, expect=2)
        assert "lies in the repository" in outcome.stderr
    assert (dedupstore.repository / "config").read_bytes() == config
    assert not (dedupstore.repository / "new").exists()
    assert dedupstore.run("check", "--data", "--json").json["findings"] == []


def test_no_path_leads_into_the_repository(dedupstore: Dedupstore) -> None:
    """A file whose path leads into the repository fails; its config and packs stay as they are."""
    repository = dedupstore.repository
    name = str(repository / "config").lstrip("/")
    dedupstore.run("snapshot", "--stdin-name", name, stdin=b"not a config\n")
    before = (repository / "config").read_bytes()
    given = ("--target", "/", "--overwrite", "always", "--json")
    report = dedupstore.run("restore", "latest", *given, expect=3).json
    assert [failed["path"] for failed in report["failed"]] == [f"/{name}"]
    assert (repository / "config").read_bytes() == before
