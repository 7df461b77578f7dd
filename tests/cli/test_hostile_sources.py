"""Sources as they are met in the wild: odd types, names and sizes, and changing all the time."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import dedupstore
from dedupstore import (
    FileChange,
    Repository,
    RestoreOptions,
    Snapshot,
    SnapshotOptions,
    SnapshotReport,
)
from dedupstore.errors import SourceError
from dedupstore.operations.snapshot import entries as entries_module

HOLE_BYTES = 12 << 30


def _replace_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _replace_by_socket(path: Path) -> None:
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """Return an empty repository beside the logs."""
    with dedupstore.init_repository(tmp_path / "repository", chunk_bytes_target=4096) as made:
        yield made


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Return a folder with one ordinary log in it."""
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "ordinary.log").write_text("ordinary\n")
    return folder


def latest(repository: Repository) -> Snapshot:
    """Return the newest snapshot."""
    return dedupstore.find_snapshot(repository, "latest")


def names(repository: Repository, folder: Path) -> set[str]:
    """Return what the newest snapshot holds below a folder."""
    below = os.fsencode(folder).lstrip(b"/") + b"/"
    entries = dedupstore.list_entries(repository, latest(repository))
    return {
        os.fsdecode(entry.path.removeprefix(below))
        for entry in entries
        if entry.path.startswith(below)
    }


def restore_beside(repository: Repository, folder: Path, target: Path) -> None:
    """Restore what the newest snapshot holds of a folder into ``target``."""
    depth = len(folder.parts) - 1
    options = RestoreOptions(paths=(os.fsencode(folder),), strip_components=depth)
    report = dedupstore.restore(repository, latest(repository), target, options)
    assert report.failed == []


def at_open_of(name: str, act: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something to the file of a name just before the snapshot opens it."""
    original = os.open

    def open_after(path: bytes, flags: int, *more: int) -> int:
        if os.fsdecode(path).endswith(name):
            act(Path(os.fsdecode(path)))
        return original(path, flags, *more)

    monkeypatch.setattr(entries_module.os, "open", open_after)  # type: ignore[attr-defined]


def at_first_read(act: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something when the first bytes of a file have been read, 1000 at most at a time."""
    original = os.preadv
    pending = [act]

    def preadv(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        got = original(descriptor, [buffers[0][:1000]], offset)
        if pending:
            pending.pop()()
        return got

    monkeypatch.setattr(os, "preadv", preadv)


def test_what_is_no_file_is_counted_and_passed_over(repository: Repository, logs: Path) -> None:
    """Sockets, FIFOs and devices are skipped at once, counted by kind, and no fault."""
    os.mkfifo(logs / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(logs / "socket"))
        expected = {"FIFO": 1, "socket": 1}
        try:
            os.mknod(logs / "null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
            expected["character device"] = 1
        except PermissionError:
            pass
        report = dedupstore.snapshot(repository, [logs])
    assert report.skipped == expected
    assert report.complete
    assert names(repository, logs) == {"ordinary.log"}


def test_a_pipe_given_as_a_source_does_not_hang(repository: Repository, logs: Path) -> None:
    """A FIFO named as the only source is nothing to take a snapshot of."""
    os.mkfifo(logs / "pipe")
    with pytest.raises(SourceError):
        dedupstore.snapshot(repository, [logs / "pipe"])


def test_links_are_kept_not_followed(repository: Repository, logs: Path, tmp_path: Path) -> None:
    """Loops, dangling links and links to folders are stored as links, also as sources."""
    links = {"loop": "loop", "up": "..", "gone": "/nowhere/at/all", "root": "/", "x" * 255: "y"}
    for name, target in links.items():
        os.symlink(target, logs / name)
    (tmp_path / "alias").symlink_to(logs)
    report = dedupstore.snapshot(repository, [logs, tmp_path / "alias"])
    assert (report.symlinks, report.files, report.directories) == (len(links) + 1, 1, 1)
    restore_beside(repository, logs, tmp_path / "out")
    assert {name: os.readlink(tmp_path / "out" / name) for name in links} == links


@pytest.mark.parametrize(
    ("kind", "replace"),
    [
        ("symbolic link now", lambda path: (path.unlink(), path.symlink_to("/etc/hostname"))),
        ("socket", _replace_by_socket),
        ("file that became something else", _replace_by_pipe),
        ("file that became something else", lambda path: (path.unlink(), path.mkdir())),
    ],
    ids=["link", "socket", "pipe", "folder"],
)
def test_a_file_that_changes_its_type_is_left_out(
    repository: Repository,
    logs: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    replace: Callable[[Path], None],
) -> None:
    """What took a file's place between listing and opening is never read, and is counted."""
    (logs / "changing").write_text("a file when it was listed\n")
    at_open_of("changing", replace, monkeypatch)
    report = dedupstore.snapshot(repository, [logs])
    assert report.skipped == {kind: 1}
    assert names(repository, logs) == {"ordinary.log"}


def test_a_file_that_vanishes_is_no_fault(
    repository: Repository, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was listed and is gone is counted; the snapshot is complete."""
    (logs / "expiring").write_text("soon gone\n")
    at_open_of("expiring", Path.unlink, monkeypatch)
    report = dedupstore.snapshot(repository, [logs])
    assert (report.files_vanished, report.files, report.complete) == (1, 1, True)


def test_growth_while_reading_is_normal(
    repository: Repository, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that grows while it is read is stored as long as it was when it was opened."""
    log = logs / "ordinary.log"
    log.write_bytes(b"line\n" * 1000)

    def grow() -> None:
        with log.open("ab") as file:
            file.write(b"meanwhile\n" * 500)

    at_first_read(grow, monkeypatch)
    report = dedupstore.snapshot(repository, [logs])
    assert (report.content_bytes, report.complete, report.events) == (5000, True, [])
    again = dedupstore.snapshot(repository, [logs])
    assert (again.content_bytes, again.changes[FileChange.GROWN]) == (10_000, 1)


@pytest.mark.parametrize("size", [0, 1000, 4999])
def test_shrinking_while_reading_is_told(
    repository: Repository, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A file truncated while it is read is stored as far as it could be read, and that is told."""
    log = logs / "ordinary.log"
    log.write_bytes(bytes(range(1, 251)) * 20)
    at_first_read(lambda: os.truncate(log, size), monkeypatch)
    report = dedupstore.snapshot(repository, [logs])
    assert [event.kind for event in report.events] == ["shrank"]
    assert report.content_bytes == max(size, 1000)
    monkeypatch.undo()
    restore_beside(repository, logs, tmp_path / "out")
    stored = (tmp_path / "out" / "ordinary.log").read_bytes()
    assert stored == (bytes(range(1, 251)) * 20)[: max(size, 1000)]
    assert dedupstore.snapshot(repository, [logs]).content_bytes == size


def test_names_may_hold_any_byte(repository: Repository, logs: Path, tmp_path: Path) -> None:
    """Names with any byte but NUL and slash, up to 255 of them, are stored and restored."""
    odd = [bytes([byte]) for byte in range(1, 256) if byte not in b"/."]
    odd += [b"n" * 255, b"\xff" * 255, b"...", b"  ", b"-rf", b"\xed\xa0\x80"]
    folder = os.fsencode(logs)
    for name in odd:
        with open(folder + b"/" + name, "wb") as file:
            file.write(name)
    report = dedupstore.snapshot(repository, [logs])
    assert report.files == len(odd) + 1
    restore_beside(repository, logs, tmp_path / "out")
    for name in odd:
        with open(os.fsencode(tmp_path / "out") + b"/" + name, "rb") as file:
            assert file.read() == name
    for name in (b"*", b"?", b"[", b"\\", b"\n"):
        entries = list(
            dedupstore.list_entries(repository, latest(repository), [folder + b"/" + name])
        )
        assert folder[1:] + b"/" + name in [entry.path for entry in entries]


def test_deep_trees(repository: Repository, logs: Path, tmp_path: Path) -> None:
    """A tree of 200 levels is stored and restored; what lies beyond the longest path is named."""
    deep = logs
    for _ in range(200):
        deep /= "level"
    deep.mkdir(parents=True)
    (deep / "bottom.log").write_text("bottom\n")
    report = dedupstore.snapshot(repository, [logs])
    assert (report.directories, report.files, report.complete) == (201, 2, True)
    restore_beside(repository, logs, tmp_path / "out")
    assert (tmp_path / "out" / deep.relative_to(logs) / "bottom.log").read_text() == "bottom\n"
    descriptor = os.open(logs, os.O_RDONLY)
    try:
        for _ in range(20):
            os.mkdir(b"d" * 250, dir_fd=descriptor)
            below = os.open(b"d" * 250, os.O_RDONLY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        report = dedupstore.snapshot(repository, [logs])
    finally:
        os.close(descriptor)
        shutil.rmtree(logs, ignore_errors=True)
    assert not report.complete
    assert {event.detail for event in report.warnings} == {"File name too long"}
    assert dedupstore.check(repository).ok


def test_large_holes_cost_nothing(repository: Repository, logs: Path, tmp_path: Path) -> None:
    """A file with a hole of 12 GiB is stored and restored in moments, and is sparse again."""
    sparse = logs / "sparse.log"
    with sparse.open("wb") as file:
        file.write(b"before the hole\n")
        file.seek(HOLE_BYTES)
        file.write(b"after the hole\n")
        file.truncate(HOLE_BYTES + (1 << 20))
    if sparse.stat().st_blocks * 512 > 1 << 20:
        pytest.skip("this file system has no holes")
    started = time.monotonic()
    report = dedupstore.snapshot(repository, [logs])
    restore_beside(repository, logs, tmp_path / "out")
    assert time.monotonic() - started < 5
    assert report.bytes_read < 1 << 20
    assert report.bytes_stored < 1 << 20
    restored = tmp_path / "out" / "sparse.log"
    assert restored.stat().st_size == sparse.stat().st_size
    assert restored.stat().st_blocks * 512 < 1 << 20
    with restored.open("rb") as file:
        assert file.read(16) == b"before the hole\n"
        file.seek(HOLE_BYTES)
        assert file.read(15) == b"after the hole\n"
    assert dedupstore.snapshot(repository, [logs], SnapshotOptions(reread=True)).bytes_new == 0


@pytest.mark.parametrize("line_bytes", [20 << 20, pytest.param(100 << 20, marks=pytest.mark.slow)])
def test_endless_lines(repository: Repository, logs: Path, tmp_path: Path, line_bytes: int) -> None:
    """A line of many megabytes is stored and restored like any other file."""
    log = logs / "one line.log"
    log.write_bytes(os.urandom(1 << 20) * (line_bytes >> 20))
    dedupstore.snapshot(repository, [logs])
    restore_beside(repository, logs, tmp_path / "out")
    assert (tmp_path / "out" / "one line.log").read_bytes() == log.read_bytes()


def test_the_repository_is_no_source_of_itself(
    repository: Repository, logs: Path, tmp_path: Path
) -> None:
    """A repository inside what is snapshotted, or given itself, is left out."""
    report = dedupstore.snapshot(repository, [tmp_path])
    assert (report.files, report.excluded) == (1, 1)
    assert not any(name.startswith("repository") for name in names(repository, tmp_path))
    with pytest.raises(SourceError):
        dedupstore.snapshot(repository, [repository.location])


def test_sources_may_overlap(
    repository: Repository, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same path twice, one inside another, with slashes, dots and .. counts once."""
    (logs / "sub").mkdir()
    (logs / "sub" / "b.log").write_text("b\n")
    monkeypatch.chdir(logs / "sub")
    given: list[str | bytes | Path] = [
        logs,
        str(logs) + "//",
        logs / "sub",
        ".",
        "..",
        "../sub/./b.log",
        b"b.log",
    ]
    report = dedupstore.snapshot(repository, given)
    assert (report.files, report.directories) == (2, 2)
    assert latest(repository).record.paths == (os.fsencode(logs),)
    report = dedupstore.snapshot(repository, ["b.log", "../ordinary.log"])
    assert report.files == 2
    assert latest(repository).record.paths == (
        os.fsencode(logs / "ordinary.log"),
        os.fsencode(logs / "sub" / "b.log"),
    )


def test_the_root_is_a_source_like_any(repository: Repository, logs: Path, tmp_path: Path) -> None:
    """The root, in any spelling, holds all other sources, and its entries have no leading slash."""
    top = f"/{logs.parts[1]}"
    others = [f"/{name}" for name in os.listdir("/") if f"/{name}" != top]
    keep = [os.fsencode(path).replace(b"[", b"[[]") for path in others]
    siblings = [
        os.fsencode(above / name).replace(b"[", b"[[]")
        for above in logs.parents
        if above != Path("/")
        for name in os.listdir(above)
        if above / name not in (logs, *logs.parents)
    ]
    options = SnapshotOptions(exclude=(*keep, *siblings))
    report = dedupstore.snapshot(repository, ["//", "/", logs], options)
    assert report.files == 1
    assert latest(repository).record.paths == (b"/",)
    paths = [entry.path for entry in dedupstore.list_entries(repository, latest(repository))]
    assert paths[0] == os.fsencode(top[1:])
    assert os.fsencode(logs / "ordinary.log")[1:] in paths


def test_far_times_do_no_harm(repository: Repository, logs: Path, tmp_path: Path) -> None:
    """Times long before 1970, or beyond 64 bits of nanoseconds, stop nothing."""
    for name, year_seconds in (("past", -2_000_000_000), ("future", 13_569_465_600)):
        (logs / name).write_text(name)
        os.utime(logs / name, (year_seconds, year_seconds))
    dedupstore.snapshot(repository, [logs])
    (logs / "future").rename(logs / "renamed")
    report = dedupstore.snapshot(repository, [logs])
    assert (report.files, report.complete) == (3, True)
    restore_beside(repository, logs, tmp_path / "out")
    assert (tmp_path / "out" / "past").stat().st_mtime == -2_000_000_000
    assert (tmp_path / "out" / "renamed").read_text() == "future"


def test_empty_files_and_folders(repository: Repository, logs: Path, tmp_path: Path) -> None:
    """Empty files and folders are held and come back, and cost nothing when seen again."""
    (logs / "empty.log").touch()
    (logs / "empty folder").mkdir()
    first = dedupstore.snapshot(repository, [logs])
    assert (first.files, first.directories) == (2, 2)
    restore_beside(repository, logs, tmp_path / "out")
    assert (tmp_path / "out" / "empty.log").stat().st_size == 0
    assert os.listdir(tmp_path / "out" / "empty folder") == []
    time.sleep(0.03)
    report: SnapshotReport = dedupstore.snapshot(repository, [logs])
    assert report.bytes_new == 0
