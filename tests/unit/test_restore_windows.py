"""What a restore does at once: how often it reads, what it holds, and what it leaves behind."""

from __future__ import annotations

import errno
import os
import random
import resource
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import dedupstore
from dedupstore import Overwrite, Repository, RestoreOptions, RestoreReport
from dedupstore.engine.monitor import SilentMonitor
from dedupstore.errors import NoSpace
from dedupstore.format import block as block_format
from dedupstore.format.codecs import decode_payload, decode_payload_into
from dedupstore.operations.restore import run as restore_run
from dedupstore.operations.restore import window_run, windows
from dedupstore.operations.restore.windows import WindowBounds
from dedupstore.operations.restore.writer import Draft
from sample_repository import log_lines
from small_archive import noise
from twin_files import gzip_of

LONG_LINES = 1200
"""So many lines of noise are more than is held in memory of a file."""


class Watching(SilentMonitor):
    """Adds up what it is told, and does ``then`` whenever bytes have been written."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.done_bytes = 0
        self.items = 0
        self._then = then

    def advance(self, done_bytes: int, items: int = 0) -> None:
        """See ``Monitor.advance``."""
        self.done_bytes += done_bytes
        self.items += items
        self._then()


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Return an empty folder for logs."""
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


def write_logs(logs: Path, count: int, lines: int = LONG_LINES) -> dict[str, bytes]:
    """Write so many logs, each like no other, and return them by name."""
    tree = {f"{number:03d}.log": noise(number, lines) for number in range(count)}
    for name, content in tree.items():
        (logs / name).write_bytes(content)
    return tree


def restore_latest(
    repository: Repository, target: Path, options: RestoreOptions | None = None
) -> RestoreReport:
    """Restore the newest snapshot."""
    latest = dedupstore.find_snapshot(repository, "latest")
    return dedupstore.restore(repository, latest, target, options)


def restored(target: Path, logs: Path) -> dict[str, bytes]:
    """Return what has been restored of the logs, by name."""
    folder = target / logs.relative_to("/")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def open_descriptors() -> int:
    """Return how many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Counter[bytes]:
    """Count how often each payload of a block is decoded."""
    counts: Counter[bytes] = Counter()
    lock = threading.Lock()

    def count(payload: bytes | memoryview) -> None:
        with lock:
            counts[bytes(payload)] += 1

    def counted(codec: int, payload: bytes | memoryview, length: int) -> bytes | memoryview:
        count(payload)
        return decode_payload(codec, payload, length)

    def counted_into(
        codec: int, payload: bytes | memoryview, buffer: bytearray | memoryview
    ) -> None:
        count(payload)
        decode_payload_into(codec, payload, buffer)

    monkeypatch.setattr(block_format, "decode_payload", counted)
    monkeypatch.setattr(block_format, "decode_payload_into", counted_into)
    return counts


def take_hourly_snapshots(repository: Repository, logs: Path, names: int, hours: int) -> None:
    """Let logs grow by a little every hour, and take a snapshot each time."""
    for hour in range(hours):
        for number in range(names):
            with (logs / f"{number:03d}.log").open("ab") as log:
                log.write(noise(1000 * hour + number, 150))
        dedupstore.snapshot(repository, [logs])


def test_each_block_is_decoded_once(
    repository: Repository, logs: Path, tmp_path: Path, decoded: Counter[bytes]
) -> None:
    """Where each of many blocks has a piece of every log, a restore decodes none of them twice."""
    take_hourly_snapshots(repository, logs, names=20, hours=12)
    decoded.clear()
    report = restore_latest(repository, tmp_path / "out")
    assert report.files == 20
    assert restored(tmp_path / "out", logs) == {
        path.name: path.read_bytes() for path in logs.iterdir()
    }
    assert set(decoded.values()) == {1}
    assert len(decoded) >= 12


def test_each_block_is_decoded_once_in_a_window(
    repository: Repository,
    logs: Path,
    tmp_path: Path,
    decoded: Counter[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where a window takes half of the logs, no block is decoded more often than twice."""
    take_hourly_snapshots(repository, logs, names=20, hours=12)
    monkeypatch.setattr(
        restore_run, "window_bounds", lambda: WindowBounds(steps=10 + len(logs.parts))
    )
    decoded.clear()
    restore_latest(repository, tmp_path / "out")
    assert max(decoded.values()) == 2


def test_compressed_files_and_logs_share_what_is_decoded(
    repository: Repository, logs: Path, tmp_path: Path, decoded: Counter[bytes]
) -> None:
    """Files that are kept as their text come from the same blocks as logs, none decoded twice."""
    for number in range(4):
        text = log_lines(4000, seed=number)
        (logs / f"app.log.{number}").write_bytes(text)
        dedupstore.snapshot(repository, [logs])
        (logs / f"app.log.{number}.gz").write_bytes(gzip_of(text))
        (logs / f"short.log.{number}.gz").write_bytes(gzip_of(text[:4000]))
    report = dedupstore.snapshot(repository, [logs])
    assert report.twins == 8
    decoded.clear()
    assert restore_latest(repository, tmp_path / "out").files == 12
    assert restored(tmp_path / "out", logs) == {
        path.name: path.read_bytes() for path in logs.iterdir()
    }
    assert set(decoded.values()) == {1}


def test_few_descriptors_are_open(
    repository: Repository, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While many long files are restored, no more are open than the bound of a window says."""
    tree = write_logs(logs, 40)
    dedupstore.snapshot(repository, [logs])
    monkeypatch.setattr(restore_run, "window_bounds", lambda: WindowBounds(descriptors=8))
    most = 0

    def look() -> None:
        nonlocal most
        most = max(most, open_descriptors())

    repository.monitor = Watching(look)
    before = open_descriptors()
    restore_latest(repository, tmp_path / "out")
    assert restored(tmp_path / "out", logs) == tree
    # Beside the files: each folder twice, and packs that are being read.
    assert most - before <= 8 + 2 * len(logs.parts) + 6
    assert open_descriptors() == before


def test_folders_are_not_kept_open_twice(repository: Repository, logs: Path) -> None:
    """A tree so deep that its folders take most of the descriptors is restored whole."""
    depth = 120
    folder = logs
    for number in range(depth):
        folder /= "d"
        folder.mkdir()
        (folder / "a.log").write_bytes(b"%d\n" % number)
    dedupstore.snapshot(repository, [logs])
    most, _ = limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        few = open_descriptors() + depth + 60
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(few, most), limits[1]))
        report = restore_latest(repository, logs.parent / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert not report.failed
    assert report.files == depth


@pytest.mark.parametrize("refused", [errno.EMFILE, errno.ENFILE])
def test_files_that_cannot_be_open_together_come_alone(
    repository: Repository,
    logs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refused: int,
) -> None:
    """Where the system lets fewer files be open than planned, all are restored nevertheless."""
    tree = write_logs(logs, 20)
    dedupstore.snapshot(repository, [logs])
    open_drafts: set[Draft] = set()
    make, close = Draft.__init__, Draft.close

    def make_few(draft: Draft, folder: int) -> None:
        if len(open_drafts) >= 10:
            raise OSError(refused, os.strerror(refused))
        make(draft, folder)
        open_drafts.add(draft)

    def forget(draft: Draft) -> None:
        close(draft)
        open_drafts.discard(draft)

    monkeypatch.setattr(Draft, "__init__", make_few)
    monkeypatch.setattr(Draft, "close", forget)
    report = restore_latest(repository, tmp_path / "out")
    assert report.failed == []
    assert restored(tmp_path / "out", logs) == tree
    assert not open_drafts


def test_a_full_target_keeps_what_fits(
    repository: Repository, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where long files together do not fit, as many as fit are whole, and nothing else is left."""
    tree = write_logs(logs, 12)
    dedupstore.snapshot(repository, [logs])
    room_bytes = 5 * len(tree["000.log"]) + 1000
    write = Draft.write
    used: dict[Draft, int] = {}
    remove = Draft.remove
    placed: set[Draft] = set()

    def write_if_room(draft: Draft, data: bytes | memoryview, offset: int) -> None:
        if sum(used.values()) + len(data) > room_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        used[draft] = used.get(draft, 0) + len(data)
        write(draft, data, offset)

    def give_room_back(draft: Draft, folder: int) -> None:
        if draft not in placed:
            used.pop(draft, None)
        remove(draft, folder)

    place = Draft.place

    def keep(draft: Draft, folder: int, name: bytes, overwrite: Overwrite) -> bool:
        placed.add(draft)
        return place(draft, folder, name, overwrite)

    monkeypatch.setattr(Draft, "write", write_if_room)
    monkeypatch.setattr(Draft, "remove", give_room_back)
    monkeypatch.setattr(Draft, "place", keep)
    before = open_descriptors()
    with pytest.raises(NoSpace):
        restore_latest(repository, tmp_path / "out")
    assert restored(tmp_path / "out", logs) == {name: tree[name] for name in sorted(tree)[:5]}
    assert open_descriptors() == before


def test_on_a_full_disk_no_file_is_closed_that_a_thread_writes_to(
    repository: Repository, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one thread finds the target full, files stay open until the others have ended."""
    for count in (1, 2):
        tree = write_logs(logs, count)
        dedupstore.snapshot(repository, [logs])
    both_write = threading.Barrier(2)
    closed: list[bool] = []
    write = Draft.write
    calls = iter(range(1 << 30))

    def write_slowly(draft: Draft, data: bytes | memoryview, offset: int) -> None:
        number = next(calls)
        if number < 2:
            both_write.wait(5)
        if number == 0:
            raise OSError(errno.ENOSPC, "full for a test")
        if number == 1:
            time.sleep(0.1)
            closed.append(draft.descriptor < 0)
        write(draft, data, offset)

    monkeypatch.setattr(window_run, "worker_count", lambda: 2)
    monkeypatch.setattr(Draft, "write", write_slowly)
    report = restore_latest(repository, tmp_path / "out")
    assert closed == [False]
    assert not report.failed
    assert restored(tmp_path / "out", logs) == tree


class Interrupted(BaseException):
    """Stands for a signal."""


def test_an_interruption_leaves_nothing_half_done(
    repository: Repository, logs: Path, tmp_path: Path
) -> None:
    """Interrupted while blocks are written, a restore leaves whole files, and no temporary ones."""
    tree = write_logs(logs, 20)
    dedupstore.snapshot(repository, [logs])

    def interrupt() -> None:
        raise Interrupted

    repository.monitor = Watching(interrupt)
    before = open_descriptors()
    with pytest.raises(Interrupted):
        restore_latest(repository, tmp_path / "out")
    assert restored(tmp_path / "out", logs).items() <= tree.items()
    assert open_descriptors() == before


def test_a_folder_that_becomes_a_link_leads_nowhere(
    repository: Repository, logs: Path, tmp_path: Path
) -> None:
    """A folder that is replaced by a link, while files in it are written, is not followed."""
    tree = write_logs(logs, 6) | {"short.log": b"short\n"}
    (logs / "short.log").write_bytes(b"short\n")
    dedupstore.snapshot(repository, [logs])
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = tmp_path / "out" / logs.relative_to("/")

    def replace() -> None:
        if not folder.is_symlink():
            folder.rename(tmp_path / "moved")
            folder.symlink_to(outside)

    repository.monitor = Watching(replace)
    report = restore_latest(repository, tmp_path / "out")
    assert list(outside.iterdir()) == []
    assert {Path(os.fsdecode(event.path)).name for event in report.failed} >= {"short.log"}
    left = {path.name: path.read_bytes() for path in (tmp_path / "moved").iterdir()}
    assert left.items() <= tree.items()


def test_progress_adds_up(repository: Repository, logs: Path, tmp_path: Path) -> None:
    """What is told while a restore goes on is all of its bytes and files, each once."""
    write_logs(logs, 5)
    (logs / "short.log").write_bytes(noise(99, 10))
    (logs / "empty.log").touch()
    os.truncate(logs / "000.log", 10 << 20)
    dedupstore.snapshot(repository, [logs])
    latest = dedupstore.find_snapshot(repository, "latest")
    repository.monitor = monitor = Watching()
    report = dedupstore.restore(repository, latest, tmp_path / "out")
    assert monitor.done_bytes == latest.record.counts.content_bytes == report.restored_bytes
    assert monitor.items == report.files == 7


@pytest.mark.parametrize("overwrite", Overwrite)
def test_paths_that_fall_together_are_met_one_after_another(
    repository: Repository, logs: Path, tmp_path: Path, overwrite: Overwrite
) -> None:
    """Where stripping gives two files one path, the policy decides as if each came alone."""
    for folder, seed in (("a", 1), ("b", 2)):
        (logs / folder).mkdir()
        (logs / folder / "app.log").write_bytes(noise(seed, LONG_LINES))
        os.utime(logs / folder / "app.log", (seed, seed))
    dedupstore.snapshot(repository, [logs])
    options = RestoreOptions(strip_components=len(logs.parts), overwrite=overwrite)
    report = restore_latest(repository, tmp_path / "out", options)
    first_stays = overwrite is Overwrite.NEVER
    assert (report.files, report.skipped) == ((1, 1) if first_stays else (2, 0))
    expected = noise(1 if first_stays else 2, LONG_LINES)
    assert (tmp_path / "out" / "app.log").read_bytes() == expected


def test_wanted_holes_take_no_room(repository: Repository, logs: Path, tmp_path: Path) -> None:
    """Files of holes, in the middle and at the end, come back with their holes."""
    source = random.Random(3)
    (logs / "a.log").write_bytes(source.randbytes(100_000))
    os.truncate(logs / "a.log", 300 << 20)
    with (logs / "a.log").open("ab") as log:
        log.write(source.randbytes(1000))
    os.truncate(logs / "a.log", 1 << 30)
    dedupstore.snapshot(repository, [logs])
    restore_latest(repository, tmp_path / "out")
    status = (tmp_path / "out" / (logs / "a.log").relative_to("/")).stat()
    assert status.st_size == 1 << 30
    assert status.st_blocks * 512 < 1 << 20


def test_the_bounds_follow_the_limit_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows leave most of the descriptors that a process may have to others."""

    found = []
    for soft in (1, 64, 256, 1024, 1 << 20, resource.RLIM_INFINITY):
        monkeypatch.setattr(resource, "getrlimit", lambda which, soft=soft: (soft, soft))
        found.append(windows.window_bounds().descriptors)
    assert found == [1, 16, 64, 256, 512, 512]
