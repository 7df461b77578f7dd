"""Makes a repository like that of a log host at work for weeks: real, but without the logs.

Every object is written by the engine's own writers; only the walk over files is left out, and the
chunks are small, so that a million of them take minutes. One snapshot an hour is taken of a host
on which

* most files do not change; an application or two write their small files anew each hour;
* logs of services grow, are renamed each day, and expire after three days;
* logs of batch jobs come each hour and expire after six;
* logs of audits grow at every third hour, and are kept for ever.

So every hour leaves two small packs, long chunk lists are trees that change at their ends, and
once old snapshots are forgotten, many packs are dead and others hold little that is needed. The
same arguments give the same chunks.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from pathlib import Path

from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.commit import commit_snapshot
from dedupstore.engine.repository import Repository, init_repository
from dedupstore.engine.tree_writer import ExtentTreeWriter, ManifestWriter
from dedupstore.errors import DedupstoreError
from dedupstore.format.entry import Entry, EntryType, encode_entry, path_sort_key
from dedupstore.format.pieces import Extent
from dedupstore.format.snapshot_record import SnapshotCounts, SnapshotRecord
from dedupstore.ids import SnapshotId

from generated_logs import LogPattern

FIRST_HOUR = datetime(2026, 1, 1, tzinfo=UTC)

_CHUNK_BYTES_MIN, _CHUNK_BYTES_MAX = 100, 400
_SERVICES = 8
_ROTATE_EVERY_HOURS = 24
_ROTATIONS_KEPT = 3
_BATCH_JOBS = 4
_BATCH_KEPT_HOURS = 6
_AUDITS = 4
_AUDIT_EVERY_HOURS = 3
_AUDIT_SHARE = 0.3
_SERVICE_SHARE = 0.35
_STATE_SHARE = 0.25
_FILES_PER_FOLDER = 100


class NewChunks:
    """Stores chunks of log lines, no two alike."""

    def __init__(self, writer: ChunkWriter, seed: int) -> None:
        self._writer = writer
        self._numbers = random.Random(seed)
        self._text = bytes(LogPattern(seed).text)
        self._made = 0

    def store(self, count: int) -> list[Extent]:
        """Store `count` chunks and return them as extents."""
        chunks = [self._next() for _ in range(count)]
        ids = self._writer.add_data([memoryview(chunk) for chunk in chunks])
        return [Extent(len(chunk), id_) for chunk, id_ in zip(chunks, ids, strict=True)]

    def _next(self) -> bytes:
        self._made += 1
        stamp = b"%012d " % self._made
        body_bytes = self._numbers.randint(_CHUNK_BYTES_MIN, _CHUNK_BYTES_MAX) - len(stamp)
        begin = self._numbers.randrange(len(self._text) - _CHUNK_BYTES_MAX)
        return stamp + self._text[begin : begin + body_bytes]


class Host:
    """The files of a host, as entries of a manifest, and how they change from hour to hour."""

    def __init__(self, writer: ChunkWriter, chunks: NewChunks, seed: int, files: int) -> None:
        """Begin with `files` small files of one chunk each."""
        self._tree = ExtentTreeWriter(writer.add_piece)
        self._chunks = chunks
        self._numbers = random.Random(seed)
        self._entries: dict[bytes, Entry] = {}
        self._encoded: dict[bytes, bytes] = {}
        self._growing: dict[bytes, list[Extent]] = {}
        self._batches: deque[list[bytes]] = deque()
        self._files_made = 0
        self._hour = 0
        self._states = [
            b"var/lib/app-%04d/state-%06d.json" % (number // _FILES_PER_FOLDER, number)
            for number in range(files)
        ]
        for path, extent in zip(self._states, chunks.store(files), strict=True):
            self._write(path, [extent])

    @property
    def files(self) -> int:
        """How many files there are now."""
        return len(self._entries)

    @property
    def content_bytes(self) -> int:
        """The size of all files together."""
        return sum(entry.size for entry in self._entries.values())

    def live_an_hour(self, chunks: int) -> None:
        """Let an hour pass in which `chunks` new chunks are written."""
        if self._hour and self._hour % _ROTATE_EVERY_HOURS == 0:
            for service in range(_SERVICES):
                self._rotate(_service_log(service))
        grown = 0
        if self._hour % _AUDIT_EVERY_HOURS == 0:
            grown = int(chunks * _AUDIT_SHARE)
            audit = self._hour // _AUDIT_EVERY_HOURS % _AUDITS
            self._grow(b"var/log/audit/audit-%d.log" % audit, grown)
        served, rewritten = int(chunks * _SERVICE_SHARE), int(chunks * _STATE_SHARE)
        for service, share in enumerate(_shares(served, _SERVICES)):
            self._grow(_service_log(service), share)
        self._rewrite_states(rewritten)
        self._run_batches(chunks - grown - served - rewritten)
        self._hour += 1

    def encoded_entries(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the path and the bytes of each entry, in the order of a manifest."""
        for path in sorted(self._encoded, key=path_sort_key):
            yield path, self._encoded[path]

    def _grow(self, path: bytes, chunks: int) -> None:
        """Append to a log, which is made where there is none."""
        if chunks:
            extents = self._growing.setdefault(path, [])
            extents += self._chunks.store(chunks)
            self._write(path, extents)

    def _rotate(self, log: bytes) -> None:
        """Rename each `.N` to `.N+1` and the log to `.1`; the oldest goes."""
        names = [log, *(b"%s.%d" % (log, number) for number in range(1, _ROTATIONS_KEPT + 1))]
        self._remove(names[-1])
        for older, newer in reversed(list(pairwise(names))):
            if older in self._entries:
                renamed = replace(self._entries[older], path=newer)
                self._remove(older)
                self._keep(renamed)
        self._growing.pop(log, None)

    def _rewrite_states(self, chunks: int) -> None:
        """Write neighbours among the small files anew, of one chunk each if there are enough."""
        first = self._numbers.randrange(len(self._states))
        count = min(chunks, len(self._states))
        for place, share in enumerate(_shares(chunks, count), first):
            self._write(self._states[place % len(self._states)], self._chunks.store(share))

    def _run_batches(self, chunks: int) -> None:
        paths = []
        for job, share in enumerate(_shares(chunks, _BATCH_JOBS)):
            if share:
                paths.append(b"var/log/batch/run-%06d-%d.log" % (self._hour, job))
                self._write(paths[-1], self._chunks.store(share))
        self._batches.append(paths)
        if len(self._batches) > _BATCH_KEPT_HOURS:
            for path in self._batches.popleft():
                self._remove(path)

    def _write(self, path: bytes, extents: Sequence[Extent]) -> None:
        """Give a file, which may be new, the content `extents`."""
        known = self._entries.get(path)
        if known is None:
            self._files_made += 1
        for extent in extents:
            self._tree.add(extent)
        content = self._tree.finish()
        time_ns = int((FIRST_HOUR + timedelta(hours=self._hour)).timestamp()) * 10**9
        self._keep(
            Entry(
                path=path,
                type=EntryType.FILE,
                mode=0o640,
                mtime_ns=time_ns,
                ctime_ns=time_ns,
                size=content.content_bytes,
                device=1,
                inode=known.inode if known else self._files_made,
                content=content,
                user=b"root",
                group=b"adm",
            )
        )

    def _keep(self, entry: Entry) -> None:
        self._entries[entry.path] = entry
        self._encoded[entry.path] = encode_entry(entry)

    def _remove(self, path: bytes) -> None:
        self._entries.pop(path, None)
        self._encoded.pop(path, None)


def generate(
    location: Path, *, chunks: int, snapshots: int, files: int, set_name: str, seed: int
) -> None:
    """Make a repository in the folder `location`, which must be empty or not exist.

    It holds `snapshots` snapshots of about `files` files, and `chunks` chunks of logs, all
    different; the pieces of manifests and chunk lists come on top.

    Raises DedupstoreError if something cannot be stored.
    """
    with (
        init_repository(location) as repository,
        repository.session() as session,
        ChunkWriter(repository, session) as writer,
    ):
        host = Host(writer, NewChunks(writer, seed), seed, files)
        previous: SnapshotId | None = None
        for hour, share in enumerate(_uneven_shares(chunks - files, snapshots, seed)):
            host.live_an_hour(share)
            record = _take(repository, writer, host, hour, set_name, previous)
            previous, _ = commit_snapshot(repository, session, writer, record)


def _take(
    repository: Repository,
    writer: ChunkWriter,
    host: Host,
    hour: int,
    set_name: str,
    previous: SnapshotId | None,
) -> SnapshotRecord:
    manifest = ManifestWriter(writer.add_piece)
    for path, encoded in host.encoded_entries():
        manifest.add_encoded(path, encoded)
    top, level = manifest.finish()
    return SnapshotRecord(
        repository_id=repository.config.repository_id,
        time=FIRST_HOUR + timedelta(hours=hour),
        set_name=set_name,
        host="log-host",
        paths=(b"var/lib", b"var/log"),
        tags=("generated",),
        manifest=top,
        manifest_level=level,
        counts=SnapshotCounts(
            files=host.files,
            directories=0,
            symlinks=0,
            content_bytes=host.content_bytes,
            unreadable=0,
        ),
        previous=previous,
        program="benchmarks/generated_repository.py",
    )


def _service_log(service: int) -> bytes:
    return b"var/log/service-%d/service.log" % service


def _shares(total: int, count: int) -> list[int]:
    """Return `count` numbers that add up to `total` and differ by at most one."""
    return [(total * (place + 1) // count) - (total * place // count) for place in range(count)]


def _uneven_shares(total: int, count: int, seed: int) -> list[int]:
    """Return `count` numbers that add up to `total`; the largest are seven times the smallest."""
    numbers = random.Random(seed)
    ends = list(accumulate(numbers.uniform(0.25, 1.75) for _ in range(count)))
    bounds = [0, *(round(total * end / ends[-1]) for end in ends)]
    return [end - begin for begin, end in pairwise(bounds)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make a repository; return 0, or 1 if it could not be made."""
    parser = argparse.ArgumentParser(description="Makes a repository to measure with.")
    parser.add_argument("repository", type=Path, metavar="DIR", help="an empty or a new folder")
    parser.add_argument("--chunks", type=int, default=1_000_000, metavar="N", help="of logs")
    parser.add_argument("--snapshots", type=int, default=1000, metavar="N")
    parser.add_argument("--files", type=int, default=2000, metavar="N", help="in each snapshot")
    parser.add_argument("--set", default="log-host", metavar="NAME", help="set of the snapshots")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="another one: other logs")
    options = parser.parse_args(arguments)
    if options.chunks < options.files or min(options.snapshots, options.files) < 1:
        parser.error("--snapshots and --files must be 1 or more, and --chunks at least --files")
    try:
        generate(
            options.repository,
            chunks=options.chunks,
            snapshots=options.snapshots,
            files=options.files,
            set_name=options.set,
            seed=options.seed,
        )
    except DedupstoreError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
