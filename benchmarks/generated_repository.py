"""Makes a repository like that of a log host at work for weeks: real, but without the logs.

Every object is encoded by the format's own writers; the walk over files, looking chunks up and
syncing each pack are left out (``generated_packs``), and the chunks are small, so that ten million
of them take minutes. One snapshot an hour is taken of a host on which

* most files do not change; an application or two write their small files anew each hour;
* logs of services grow, are renamed each day, and expire after three days;
* logs of batch jobs come each hour and expire after six;
* logs of audits grow at every third hour, and are kept for ever.

So every hour leaves two small packs or more, long chunk lists are trees that change at their ends,
the manifest shares all but a few pieces with the one before, and once old snapshots are forgotten,
many packs are dead and others hold little that is needed. The same arguments give the same chunks.
There is no index: the first command that needs one builds it.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from datetime import timedelta
from itertools import accumulate, pairwise
from pathlib import Path

from dedupstore.engine.keys import snapshot_key
from dedupstore.engine.repository import Repository, init_repository
from dedupstore.errors import DedupstoreError
from dedupstore.format.pack import PackKind
from dedupstore.format.snapshot_record import SnapshotCounts, SnapshotRecord, encode_snapshot_record
from dedupstore.ids import SnapshotId
from dedupstore.limits import PACK_CHUNKS_TARGET
from dedupstore.storage.files import Files
from dedupstore.storage.local import LocalStore

from generated_host import FIRST_HOUR, Host
from generated_packs import GeneratedPacks, GeneratedPieces, NewChunks


class UnsyncedFiles(Files):
    """The file system, but nothing is waited for: what is generated may be lost in a crash."""

    def sync(self, descriptor: int) -> None:
        """Leave it to the system when a file becomes durable."""

    def sync_folder(self, path: str) -> None:
        """Leave it to the system when the names in a folder become durable."""


def generate(
    location: Path,
    *,
    chunks: int,
    snapshots: int,
    files: int,
    set_name: str,
    seed: int,
    pack_chunks: int = PACK_CHUNKS_TARGET,
) -> None:
    """Make a repository in the folder `location`, which must be empty or not exist.

    It holds `snapshots` snapshots of about `files` files, and `chunks` chunks of logs, all
    different, at most `pack_chunks` to a pack; the pieces of manifests and chunk lists come on top.

    Raises DedupstoreError if something cannot be stored.
    """
    with init_repository(location) as repository:
        store = LocalStore(repository.location, UnsyncedFiles())
        data = GeneratedPacks(store, PackKind.DATA, pack_chunks)
        manifests = GeneratedPacks(store, PackKind.MANIFEST, PACK_CHUNKS_TARGET)
        host = Host(GeneratedPieces(manifests), NewChunks(data, seed), seed, files)
        previous: SnapshotId | None = None
        for hour, share in enumerate(_uneven_shares(chunks - files, snapshots, seed)):
            host.live_an_hour(share)
            record = _record(repository, host, hour, set_name, previous)
            data.close_pack()
            manifests.close_pack()
            previous, encoded = encode_snapshot_record(record)
            store.put(snapshot_key(previous), [encoded])


def _record(
    repository: Repository, host: Host, hour: int, set_name: str, previous: SnapshotId | None
) -> SnapshotRecord:
    top, level = host.write_manifest()
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
    parser.add_argument(
        "--pack-chunks", type=int, default=PACK_CHUNKS_TARGET, metavar="N", help="in a pack at most"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="another one: other logs")
    options = parser.parse_args(arguments)
    if (
        options.chunks < options.files
        or min(options.snapshots, options.files, options.pack_chunks) < 1
    ):
        parser.error("all must be 1 or more, and --chunks at least --files")
    try:
        generate(
            options.repository,
            chunks=options.chunks,
            snapshots=options.snapshots,
            files=options.files,
            set_name=options.set,
            seed=options.seed,
            pack_chunks=options.pack_chunks,
        )
    except DedupstoreError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
