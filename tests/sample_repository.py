"""A small repository whose every byte is known: three snapshots of logs that grow and rotate."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dedupstore
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.keys import OBJECT_PREFIXES, pack_key
from dedupstore.engine.tree_reader import content_extents, manifest_entries
from dedupstore.format.entry import entry_contents
from dedupstore.format.pack import PackKind
from dedupstore.ids import ChunkId, SnapshotId

CHUNK_BYTES = 4096
START = datetime(2026, 3, 1, tzinfo=UTC)

Tree = dict[str, bytes]
"""Relative path → content of each file."""


class TickingClock:
    """A clock that moves on by one second whenever it is asked for the time of day."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._monotonic_seconds = 0.0

    def now(self) -> datetime:
        """Return a later time than before."""
        self._now += timedelta(seconds=1)
        return self._now

    def monotonic_seconds(self) -> float:
        """Return a hundredth of a second more than before."""
        self._monotonic_seconds += 0.01
        return self._monotonic_seconds


def log_lines(lines: int, seed: int) -> bytes:
    """Return that many lines of a log, the same for the same seed, which compress like logs do."""
    source = random.Random(seed)
    words = ("accepted", "refused", "retried", "queued", "timed out")
    return b"".join(
        b"2026-03-01T%02d:%02d:%02dZ worker-%d request %08x %s in %d ms\n"
        % (
            number // 3600 % 24,
            number // 60 % 60,
            number % 60,
            source.randrange(8),
            source.getrandbits(32),
            source.choice(words).encode(),
            source.randrange(2000),
        )
        for number in range(lines)
    )


def write_logs(folder: Path, step: int, seed: int = 0) -> None:
    """Bring a folder of logs to the state of ``step`` 0, 1 or 2; steps must come in order."""
    seed += step
    (folder / "web").mkdir(parents=True, exist_ok=True)
    if step < 2:
        # Some 60 chunks to begin with: more than an entry lists itself. In step 2 it rests, so
        # that a snapshot refers to the list that the one before it has stored.
        with (folder / "app.log").open("ab") as log:
            log.write(log_lines(4000 if step == 0 else 300, seed=seed))
    with (folder / "web" / "access.log").open("ab") as log:
        log.write(log_lines(200, seed=seed + 10))
    (folder / f"step-{step}.log").write_bytes(log_lines(150, seed=seed + 20))
    if step == 1:
        # Of its text some chunks are those of the log, one is not.
        text = (folder / "web" / "access.log").read_bytes()[:8_000]
        (folder / "web" / "access.log.2.gz").write_bytes(gzip.compress(text, mtime=0))
    if step == 0:
        (folder / "empty.log").touch()
        (folder / "current.log").symlink_to("app.log")
    if step == 2:
        (folder / "web" / "access.log").rename(folder / "web" / "access.log.1")
        (folder / "web" / "access.log").write_bytes(log_lines(50, seed=seed + 30))


def read_tree(folder: Path) -> Tree:
    """Return the contents of all files below a folder; symbolic links as their targets."""
    tree: Tree = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            tree[name] = b"-> " + os.fsencode(os.readlink(path))
        elif path.is_file():
            tree[name] = path.read_bytes()
    return tree


@dataclass
class SampleRepository:
    """A repository in ``folder`` that holds the states of ``logs`` in ``trees``, oldest first."""

    folder: Path
    logs: Path
    snapshots: list[SnapshotId] = field(default_factory=list)
    trees: list[Tree] = field(default_factory=list)

    def copy_to(self, folder: Path) -> SampleRepository:
        """Return a copy that may be damaged."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return SampleRepository(folder, self.logs, list(self.snapshots), list(self.trees))

    def open(self) -> dedupstore.Repository:
        """Open the repository; its index never leaves its folder."""
        return dedupstore.open_repository(self.folder)

    def tree_of(self, snapshot: SnapshotId) -> Tree:
        """Return the files a snapshot holds."""
        return self.trees[self.snapshots.index(snapshot)]

    def packs(self, kind: PackKind) -> list[Path]:
        """Return the packs of one kind in the order in which they were made."""
        folder = self.folder / os.path.dirname(pack_key(kind, bytes(32)))
        return sorted(folder.iterdir(), key=lambda path: (path.stat().st_mtime_ns, path.name))

    def record_of(self, number: int) -> Path:
        """Return the record of the snapshot with that number, counted from 0."""
        return self.folder / "snapshots" / self.snapshots[number].hex()

    def objects(self) -> dict[str, str]:
        """Return a digest of every object but the index: what no fault may change."""
        paths = [self.folder / "config"]
        for prefix in OBJECT_PREFIXES:
            paths += sorted((self.folder / prefix).iterdir())
        return {
            path.relative_to(self.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in paths
            if path.is_file()
        }


def make_sample_repository(folder: Path, logs: Path, seed: int = 0) -> SampleRepository:
    """Make a repository in ``folder`` and take three snapshots of ``logs`` as they grow.

    Another ``seed`` gives other logs.
    """
    sample = SampleRepository(folder, logs)
    clock = TickingClock()
    with dedupstore.init_repository(
        folder, chunk_bytes_target=CHUNK_BYTES, clock=clock
    ) as repository:
        for step in range(3):
            write_logs(logs, step, seed)
            take_snapshot(repository, sample)
    return sample


def take_snapshot(repository: dedupstore.Repository, sample: SampleRepository) -> SnapshotId:
    """Take a snapshot of the logs as they are now and remember what it must hold."""
    options = dedupstore.SnapshotOptions(set_name="sample", host="sample")
    report = dedupstore.snapshot(repository, [sample.logs], options)
    if report.snapshot is None:
        raise RuntimeError("the snapshot was not made")
    sample.snapshots.append(report.snapshot)
    sample.trees.append(read_tree(sample.logs))
    return report.snapshot


def restore_tree(
    repository: dedupstore.Repository, snapshot: dedupstore.Snapshot, target: Path, logs: Path
) -> tuple[Tree, dedupstore.RestoreReport]:
    """Restore a snapshot into an empty folder and return what came out, and the report."""
    shutil.rmtree(target, ignore_errors=True)
    report = dedupstore.restore(repository, snapshot, target)
    return read_tree(target / logs.relative_to("/")), report


def require_exact_restores(sample: SampleRepository, target: Path) -> None:
    """Fail unless every snapshot restores to exactly the files it was taken of."""
    with sample.open() as repository:
        listed = dedupstore.list_snapshots(repository)
        if [snapshot.id for snapshot in listed] != sample.snapshots:
            raise AssertionError("other snapshots are listed than were made")
        for snapshot in listed:
            tree, report = restore_tree(repository, snapshot, target, sample.logs)
            if report.failed or tree != sample.tree_of(snapshot.id):
                number = sample.snapshots.index(snapshot.id)
                raise AssertionError(f"snapshot {number} restores otherwise: {report.failed}")


def require_intact(sample: SampleRepository, target: Path) -> None:
    """Fail unless check finds nothing, reading all data, and every snapshot restores exactly."""
    with sample.open() as repository:
        report = dedupstore.check(repository, dedupstore.CheckOptions(data=True))
    if report.findings:
        raise AssertionError(f"check found {report.findings}")
    require_exact_restores(sample, target)


@dataclass
class Needs:
    """The keys of the packs that a snapshot needs: for its manifest, and for each of its files."""

    manifest: set[str]
    files: dict[str, set[str]]


class _RecordingReader:
    def __init__(self, reader: ChunkReader) -> None:
        self._reader = reader
        self.ids: set[ChunkId] = set()

    def read(self, id_: ChunkId) -> memoryview:
        self.ids.add(id_)
        return self._reader.read(id_)


def needs_of(sample: SampleRepository) -> dict[SnapshotId, Needs]:
    """Follow every snapshot of an undamaged repository to the packs that it needs."""
    with sample.open() as repository, ChunkReader(repository) as reader:

        def packs_of(ids: set[ChunkId]) -> set[str]:
            kinds = {pack.id: PackKind(pack.kind) for pack in repository.index.packs()}
            found = repository.index.find(list(ids)).values()
            return {pack_key(kinds[place.pack], place.pack) for place in found}

        def needs(snapshot: dedupstore.Snapshot) -> Needs:
            manifest = _RecordingReader(reader)
            record = snapshot.record
            entries = list(manifest_entries(manifest, record.manifest, record.manifest_level))
            files = dict(_ids_of_files(reader, entries, sample.logs))
            return Needs(packs_of(manifest.ids), {name: packs_of(files[name]) for name in files})

        return {snapshot.id: needs(snapshot) for snapshot in dedupstore.list_snapshots(repository)}


def _ids_of_files(
    reader: ChunkReader, entries: list[dedupstore.Entry], logs: Path
) -> Iterator[tuple[str, set[ChunkId]]]:
    for entry in entries:
        pieces = _RecordingReader(reader)
        lists = entry_contents(entry)
        extents = {extent.id for listed in lists for extent in content_extents(pieces, listed)}
        path = Path("/") / os.fsdecode(entry.path)
        if path.is_relative_to(logs):
            yield path.relative_to(logs).as_posix(), pieces.ids | extents
