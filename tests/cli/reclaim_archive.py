"""A repository with snapshots of two sets to remove, and what of it must not change."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.installed_command import Dedupstore
from dedupstore.engine.holds import hold_snapshot
from dedupstore.engine.keys import snapshot_key
from dedupstore.engine.reclaim.run import ReclaimReport, reclaim
from dedupstore.engine.repository import Repository
from dedupstore.format.canonical_json import decode_json, encode_json
from dedupstore.format.hashing import checksum, digest
from dedupstore.format.pack import TRAILER_BYTES
from dedupstore.ids import SnapshotId
from dedupstore.limits import SNAPSHOT_RECORD_BYTES_MAX
from small_archive import noise

RECLAIM_FIELDS = {
    "bytes_left_over",
    "bytes_written",
    "chunks_lost",
    "freed_bytes",
    "packs_dead",
    "packs_recompressed",
    "packs_repacked",
    "packs_undecided",
    "pieces_read",
    "plan",
    "seconds",
    "swept",
    "switch_seconds",
}
LEFT_OUT = {"index", "locks"}
MEANWHILE = "not removed, since it has been held or removed meanwhile: "


@dataclass(frozen=True)
class Removable:
    """A repository with three snapshots of a set ``web`` and two of ``db``, oldest first.

    Each of ``web`` holds a log of 60 KiB that no other has, and all share one.
    """

    command: Dedupstore
    web: tuple[str, ...]
    db: tuple[str, ...]

    def listed(self) -> list[str]:
        """Return the ids of the snapshots that there are, oldest first."""
        return [item["snapshot"] for item in self.command.run("list", "--json").json]

    def state(self) -> dict[str, bytes]:
        """Return all files of the repository but the index and the locks."""
        folder = self.command.repository
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.relative_to(folder).parts[0] not in LEFT_OUT
        }

    def require_sound(self) -> None:
        """Fail unless check finds nothing, reading all data."""
        assert self.command.run("check", "--data", "--json").json["findings"] == []


def make_removable(command: Dedupstore) -> Removable:
    """Fill an empty repository."""
    logs = command.folder / "logs"
    logs.mkdir()
    (logs / "steady.log").write_bytes(noise(1))

    def take(set_name: str, day: int, *more: str) -> str:
        time = f"2026-03-0{day}T12:00:00Z"
        return str(command.snapshot("logs", "--set", set_name, "--time", time, *more)["snapshot"])

    web = []
    for day in (1, 2, 3):
        (logs / "changing.log").write_bytes(noise(100 + day, 1000))
        web.append(take("web", day, *(("--tag", "release") if day == 1 else ())))
    (logs / "changing.log").unlink()
    return Removable(command, tuple(web), (take("db", 4), take("db", 5)))


def hold_meanwhile(
    repository: Repository, snapshots: list[SnapshotId], *more: Any, **options: Any
) -> ReclaimReport:
    """Do what ``reclaim`` does, after somebody held the first snapshot that is to be removed."""
    hold_snapshot(repository, snapshots[0])
    return reclaim(repository, snapshots, *more, **options)


def add_newer_pack(repository: Path) -> None:
    """Add a pack of a newer version, as it would be signed by that."""
    source = min((repository / "packs" / "data").iterdir())
    data = bytearray(source.read_bytes())
    data[4] = 9
    trailer = data[-TRAILER_BYTES:]
    table_offset = int.from_bytes(trailer[:8], "little")
    signed = trailer[:24] + trailer[40:]
    data[-24:-8] = checksum(data[:8], data[table_offset:-TRAILER_BYTES], signed)
    (source.parent / digest(data).hex()).write_bytes(data)


def add_newer_snapshot(repository: Path) -> None:
    """Add a snapshot record of a newer version."""
    record = min((repository / "snapshots").iterdir())
    value = decode_json(record.read_bytes(), SNAPSHOT_RECORD_BYTES_MAX, "a snapshot record")
    value["format"] = 2
    data = encode_json(value)
    (repository / snapshot_key(digest(data))).write_bytes(data)


def add_newer_generation(repository: Path) -> None:
    """Add a generation record of a newer version."""
    fields = {"features_required": [], "forgotten": [], "format": 2, "generation": 9,
              "time": "2026-03-01T12:00:00Z", "tombstones": []}  # fmt: skip
    fields["checksum"] = digest(encode_json(fields)).hex()
    (repository / "generations" / f"{9:016x}").write_bytes(encode_json(fields))


def packs_by_age(repository: Path, kind: str) -> list[Path]:
    """Return the packs of a kind in the order in which they were made."""
    folder = repository / "packs" / kind
    return sorted(folder.iterdir(), key=lambda path: os.stat(path).st_mtime_ns)
