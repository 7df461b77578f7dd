"""Makes the golden repository of the current format: a tar, and what must come out of it in JSON.

    PYTHONPATH=tests python -P -m golden.repositories.make_repository --logs /srv/logs

Run it once for a new format version, and never again when that version has been released: what old
versions have written must stay readable. The folder of the logs must not exist. Their paths become
part of the repository; the folder is made for them and removed afterwards.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import random
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path

import dedupstore
from dedupstore.format.fields import FORMAT_VERSION
from dedupstore.ids import SnapshotId
from golden.repositories.expected_state import describe_repository
from sample_repository import TickingClock

HERE = Path(__file__).resolve().parent
MTIME_NS = 1_767_225_600_123_456_789


def lines(first: int, count: int) -> bytes:
    """Return lines of a log that compress well, so that a long log makes a small repository."""
    return b"".join(
        b'{"time": "2026-01-01T00:%02d:%02d.%03dZ", "level": "info", "number": %d, "said": "ok"}\n'
        % (number // 60 % 60, number % 60, number % 1000, number)
        for number in range(first, first + count)
    )


def flushed_gzip(first: int, count: int) -> bytes:
    """Return lines as a gzip file whose writer flushed each: its recipe is long."""
    compressor = zlib.compressobj(wbits=31)
    parts = [
        compressor.compress(line) + compressor.flush(zlib.Z_SYNC_FLUSH)
        for line in lines(first, count).splitlines(keepends=True)
    ]
    return b"".join(parts) + compressor.flush()


def write_step(folder: Path, step: int) -> None:
    """Bring the logs to the state of step 0 to 4, in that order."""
    if step == 0:
        (folder / "web").mkdir(parents=True)
        (folder / "app.log").write_bytes(lines(0, 2600))
        (folder / "web" / "access.log").write_bytes(lines(50_000, 100))
        packed = gzip.compress(lines(40_000, 100), mtime=0)
        (folder / "web" / "access.log.2.gz").write_bytes(packed)
        (folder / "web" / "access.log.3.gz").write_bytes(flushed_gzip(30_000, 300))
        (folder / "empty.log").touch()
        (folder / "current").symlink_to("web/access.log")
        (folder / "noise.bin").write_bytes(random.Random(1).randbytes(3000))
        Path(os.fsdecode(bytes(folder) + b"/caf\xe9.log")).write_bytes(b"not UTF-8\n")
        with (folder / "sparse.dat").open("wb") as sparse:
            sparse.write(b"begin\n")
            sparse.seek(1 << 20)
            sparse.write(b"end\n")
    elif step < 3:
        (folder / "mistake.log").write_bytes(lines(70_000 + 1000 * step, 60))
    elif step == 3:
        (folder / "mistake.log").unlink()
        with (folder / "app.log").open("ab") as log:
            log.write(lines(2600, 300))
        (folder / "web" / "access.log").rename(folder / "web" / "access.log.1")
        (folder / "web" / "access.log").write_bytes(lines(60_000, 20))
    else:
        with (folder / "web" / "access.log").open("ab") as log:
            log.write(lines(60_020, 20))
    modes = {"app.log": 0o640, "noise.bin": 0o600}
    for path in sorted(folder.rglob("*"), reverse=True):
        if not path.is_symlink():
            path.chmod(modes.get(path.name, 0o755 if path.is_dir() else 0o644))
        os.utime(path, ns=(MTIME_NS, MTIME_NS + step), follow_symlinks=False)
    os.utime(folder, ns=(MTIME_NS, MTIME_NS + step))


def make(repository_folder: Path, logs: Path) -> None:
    """Make a repository with something of all that the format knows.

    Four snapshots are left: the first of the logs, which is held, the last two, of which the
    policy would remove one, and that of a stream. Two have been forgotten; packs of the second wait
    to be removed, since somebody was at work.
    """
    clock = TickingClock()
    with dedupstore.init_repository(
        repository_folder, chunk_bytes_target=4096, clock=clock
    ) as repository:
        first, *mistakes, _, _ = [take_snapshot(repository, logs, step) for step in range(5)]
        dedupstore.hold_snapshot(repository, first)
        reading, writing = os.pipe()
        os.write(writing, lines(90_000, 30))
        os.close(writing)
        options = dedupstore.SnapshotOptions(set_name="stream", host="golden")
        dedupstore.snapshot_stream(repository, "stream.log", reading, options)
        os.close(reading)
        dedupstore.forget(repository, mistakes[:1])
        with repository.session():
            dedupstore.forget(repository, mistakes[1:])
        daily = dedupstore.RetentionPolicy(keep_daily=7, keep_tags=("größer",))
        dedupstore.set_policy(repository, daily)
        last = dedupstore.RetentionPolicy(keep_last=1, timezone="Europe/Paris")
        dedupstore.set_policy(repository, last, set_name="golden")
        dedupstore.protect(repository, percent=10)
        # What check found is remembered.
        report = dedupstore.check(repository, dedupstore.CheckOptions(data=True, twins=True))
        if not report.ok:
            raise RuntimeError(f"the repository is damaged: {report.findings}")


def take_snapshot(repository: dedupstore.Repository, logs: Path, step: int) -> SnapshotId:
    """Take a snapshot of the logs as they are after a step."""
    write_step(logs, step)
    tags = ("first", "größer") if step == 0 else ()
    options = dedupstore.SnapshotOptions(set_name="golden", host="golden", tags=tags)
    report = dedupstore.snapshot(repository, [logs], options)
    if report.snapshot is None:
        raise RuntimeError("the snapshot was not made")
    return report.snapshot


def pack_up(folder: Path, archive: Path) -> None:
    """Write a repository as a tar, without index and reserve, which are no part of the format."""
    shutil.rmtree(folder / "index")
    (folder / "reserve").unlink(missing_ok=True)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(folder.rglob("*")):
            member = tar.gettarinfo(path, path.relative_to(folder).as_posix())
            member.uid = member.gid = member.mtime = 0
            member.uname = member.gname = ""
            with path.open("rb") if path.is_file() else io.BytesIO() as content:
                tar.addfile(member, content)
    archive.write_bytes(packed.getvalue())


def main() -> None:
    """Make the tar and the JSON of the current format version."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logs", type=Path, required=True)
    logs: Path = parser.parse_args().logs.absolute()
    golden = HERE / f"format-{FORMAT_VERSION}"
    golden.mkdir(exist_ok=True)
    logs.mkdir(parents=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder) / "repository", logs)
            with dedupstore.open_repository(Path(folder) / "repository") as repository:
                expected = describe_repository(repository, Path(folder) / "restored")
            pack_up(Path(folder) / "repository", golden / "repository.tar")
    finally:
        shutil.rmtree(logs)
    text = json.dumps(expected, indent=1, sort_keys=True)
    (golden / "expected.json").write_text(text + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
