"""Snapshot records: small JSON objects that make a manifest exist (docs/format/snapshots.md)."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from dedupstore.clock import format_time
from dedupstore.errors import FormatError
from dedupstore.format.canonical_json import (
    JsonObject,
    bytes_from_json,
    bytes_to_json,
    decode_json,
    encode_json,
)
from dedupstore.format.fields import (
    FORMAT_VERSION,
    check_version_and_features,
    take,
    take_count,
    take_id,
    take_texts,
    take_time,
)
from dedupstore.format.hashing import digest
from dedupstore.ids import ChunkId, SnapshotId
from dedupstore.limits import SNAPSHOT_RECORD_BYTES_MAX, TREE_LEVELS_MAX

_WHAT = "a snapshot record"


class SnapshotCounts(NamedTuple):
    """What a snapshot holds, and what it could not take."""

    files: int
    directories: int
    symlinks: int
    content_bytes: int
    unreadable: int


class SnapshotRecord(NamedTuple):
    """The root of a snapshot.

    ``manifest`` is the id of the manifest's top piece and ``manifest_level`` that piece's level;
    ``previous`` is the snapshot of the same set that was newest when this one was made.
    """

    repository_id: bytes
    time: datetime
    set_name: str
    host: str
    paths: tuple[bytes, ...]
    tags: tuple[str, ...]
    manifest: ChunkId
    manifest_level: int
    counts: SnapshotCounts
    previous: SnapshotId | None
    program: str

    @property
    def complete(self) -> bool:
        """True when nothing of the sources was unreadable."""
        return self.counts.unreadable == 0


def encode_snapshot_record(record: SnapshotRecord) -> tuple[SnapshotId, bytes]:
    """Return the id of a record, which is the BLAKE3 of its text, and the text."""
    counts = record.counts
    value: JsonObject = {
        "format": FORMAT_VERSION,
        "features_required": [],
        "repository_id": record.repository_id.hex(),
        "time": format_time(record.time),
        "set": record.set_name,
        "host": record.host,
        "paths": [bytes_to_json(path) for path in record.paths],
        "tags": list(record.tags),
        "manifest": record.manifest.hex(),
        "manifest_level": record.manifest_level,
        "counts": {
            "files": counts.files,
            "directories": counts.directories,
            "symlinks": counts.symlinks,
            "bytes": counts.content_bytes,
            "unreadable": counts.unreadable,
        },
        "previous": record.previous.hex() if record.previous else None,
        "program": record.program,
    }
    data = encode_json(value)
    return digest(data), data


def decode_snapshot_record(snapshot_id: SnapshotId, data: bytes) -> SnapshotRecord:
    """Read a record whose id is ``snapshot_id``.

    Raises:
        UnsupportedFormat: a newer format, or an unknown required feature.
        FormatError: the text is not the one the id names, or is malformed.
    """
    if digest(data) != snapshot_id:
        raise FormatError(f"snapshot {snapshot_id.hex()[:12]} is damaged: its id does not match")
    value = decode_json(data, SNAPSHOT_RECORD_BYTES_MAX, _WHAT)
    check_version_and_features(value, _WHAT)
    counts = take(value, "counts", dict, _WHAT)
    level = take_count(value, "manifest_level", _WHAT)
    if level > TREE_LEVELS_MAX:
        raise FormatError(f"{_WHAT} has a manifest of level {level}")
    paths = take(value, "paths", list, _WHAT)
    return SnapshotRecord(
        repository_id=take_id(value, "repository_id", _WHAT),
        time=take_time(value, "time", _WHAT),
        set_name=take(value, "set", str, _WHAT),
        host=take(value, "host", str, _WHAT),
        paths=tuple(bytes_from_json(path, _WHAT) for path in paths),
        tags=take_texts(value, "tags", _WHAT),
        manifest=take_id(value, "manifest", _WHAT),
        manifest_level=level,
        counts=SnapshotCounts(
            files=take_count(counts, "files", _WHAT),
            directories=take_count(counts, "directories", _WHAT),
            symlinks=take_count(counts, "symlinks", _WHAT),
            content_bytes=take_count(counts, "bytes", _WHAT),
            unreadable=take_count(counts, "unreadable", _WHAT),
        ),
        previous=_take_previous(value),
        program=take(value, "program", str, _WHAT),
    )


def _take_previous(value: JsonObject) -> SnapshotId | None:
    if value.get("previous", "") is None:
        return None
    return take_id(value, "previous", _WHAT)
