"""The byte layouts of docs/format as a second, independent implementation that can lie.

Every part of an object can be given: what is left out is made right, so that a case has exactly
the defect that it is named for.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

from dedupstore.format.hashing import digest

HELLO = b"hello\n"
WORLD = b"world\n"

Chunk = tuple[bytes, int]
Extent = tuple[int, bytes]


def chunk_of(data: bytes) -> Chunk:
    """Return id and length of a chunk."""
    return digest(data), len(data)


def directory_of(chunks: Sequence[Chunk]) -> bytes:
    """Return the directory of a block."""
    return b"".join(struct.pack("<32sI", *chunk) for chunk in chunks)


def block(
    originals: Sequence[bytes] = (HELLO,),
    *,
    magic: bytes = b"DBLK",
    version: int = 1,
    codec: int = 0,
    flags: int = 0,
    chunk_count: int | None = None,
    original_bytes: int | None = None,
    payload_bytes: int | None = None,
    notes_bytes: int | None = None,
    directory: bytes | None = None,
    notes: bytes = b"",
    payload: bytes | None = None,
    checksum: bytes | None = None,
) -> bytes:
    """Return a block."""
    payload = b"".join(originals) if payload is None else payload
    if directory is None:
        directory = directory_of([chunk_of(original) for original in originals])
    fixed = magic + struct.pack(
        "<BBHIIII",
        version,
        codec,
        flags,
        len(originals) if chunk_count is None else chunk_count,
        sum(map(len, originals)) if original_bytes is None else original_bytes,
        len(payload) if payload_bytes is None else payload_bytes,
        len(notes) if notes_bytes is None else notes_bytes,
    )
    rest = directory + notes + payload
    return fixed + (checksum or digest(fixed + rest)[:16]) + rest


def zstd_raw_frame(data: bytes, *, declared_bytes: int | None = None) -> bytes:
    """Return a zstd frame of one raw block, up to 255 bytes long (RFC 8878, 3.1.1)."""
    declared = len(data) if declared_bytes is None else declared_bytes
    block_header = (len(data) << 3 | 1).to_bytes(3, "little")
    return bytes.fromhex("28b52ffd20") + bytes((declared,)) + block_header + data


def pack_header(
    *, magic: bytes = b"DSPK", version: int = 1, kind: int = 1, flags: int = 0
) -> bytes:
    """Return the header of a pack."""
    return magic + struct.pack("<BBH", version, kind, flags)


def table(
    blocks: Sequence[tuple[int, int, int, Sequence[Chunk]]],
    *,
    magic: bytes = b"DTBL",
    block_count: int | None = None,
    chunk_counts: Sequence[int] | None = None,
) -> bytes:
    """Return a table of blocks, each given as offset, stored bytes, original bytes and chunks."""
    counts = chunk_counts or [len(chunks) for *_, chunks in blocks]
    rows = [
        struct.pack("<IIII", *row[:3], count) for row, count in zip(blocks, counts, strict=True)
    ]
    directories = [directory_of(chunks) for *_, chunks in blocks]
    count = len(blocks) if block_count is None else block_count
    return magic + struct.pack("<I", count) + b"".join(rows + directories)


def pack(
    header: bytes,
    stored: bytes,
    table: bytes,
    *,
    table_offset: int | None = None,
    table_bytes: int | None = None,
    generation: int = 0,
    checksum: bytes | None = None,
    flags: int = 0,
    magic: bytes = b"DEND",
) -> bytes:
    """Return a pack with a right trailer."""
    offset = len(header) + len(stored) if table_offset is None else table_offset
    table_bytes = len(table) if table_bytes is None else table_bytes
    place = struct.pack("<QQQ", offset, table_bytes, generation)
    end = struct.pack("<I", flags) + magic
    checksum = checksum or digest(header[:8] + table + place + end)[:16]
    return header + stored + table + place + checksum + end


def parity(
    shards: Sequence[bytes],
    parity_shards: Sequence[bytes],
    pack_bytes: int,
    *,
    magic: bytes = b"DPAR",
    version: int = 1,
    code: int = 1,
    flags: int = 0,
    shard_bytes: int | None = None,
    counts: tuple[int, int] | None = None,
    pack: bytes | None = None,
    checksum: bytes | None = None,
) -> bytes:
    """Return a parity object of data shards and parity shards."""
    fixed = magic + struct.pack(
        "<BBHIIHH32s",
        version,
        code,
        flags,
        pack_bytes,
        len(shards[0]) if shard_bytes is None else shard_bytes,
        *(counts or (len(shards), len(parity_shards))),
        digest(b"".join(shards)[:pack_bytes]) if pack is None else pack,
    )
    directory = b"".join(digest(shard)[:16] for shard in (*shards, *parity_shards))
    header = fixed + (checksum or digest(fixed + directory)[:16])
    return header + directory + b"".join(parity_shards) + directory + header


def piece(level: int, body: bytes, *, magic: bytes = b"DM", version: int = 1) -> bytes:
    """Return a piece."""
    return magic + bytes((version, level)) + body


def extents_of(extents: Sequence[Extent]) -> bytes:
    """Return a list of extents."""
    return b"".join(struct.pack("<Q32s", *extent) for extent in extents)


def field(tag: int, value: bytes, *, value_bytes: int | None = None) -> bytes:
    """Return a field of an entry."""
    return struct.pack("<HI", tag, len(value) if value_bytes is None else value_bytes) + value


def entry(
    path: bytes = b"var/log/app.log",
    kind: int = 1,
    content: bytes | None = None,
    fields: bytes = b"",
    *,
    flags: int = 0,
    mode: int = 0o640,
    owner: tuple[int, int] = (0, 0),
    times: tuple[int, int] = (0, 0),
    size: int = 0,
    place: tuple[int, int] = (0, 0),
    entry_bytes: int | None = None,
    path_bytes: int | None = None,
    content_bytes: int | None = None,
) -> bytes:
    """Return an entry; without more, one of an empty file."""
    if content is None:
        content = {1: b"\0", 2: b"", 3: b"target"}.get(kind, b"")
    rest = path + content + fields
    fixed = struct.pack(
        "<IBBHIIIqqQQQI",
        64 + len(rest) if entry_bytes is None else entry_bytes,
        kind,
        flags,
        len(path) if path_bytes is None else path_bytes,
        mode,
        *owner,
        *times,
        size,
        *place,
        len(content) if content_bytes is None else content_bytes,
    )
    return fixed + rest


def twin(
    recipe: bytes = b"\xffR",
    *,
    scheme: int = 1,
    plain_bytes: int = 0,
    file_id: bytes = bytes(range(32)),
) -> bytes:
    """Return the field of a twin; ``recipe`` is its form and what follows."""
    return field(0x8001, struct.pack("<BQ", scheme, plain_bytes) + file_id + recipe)


def verified(
    rows: Sequence[tuple[bytes, int, int]],
    *,
    magic: bytes = b"DVRF",
    version: int = 1,
    flags: int = 0,
    checksum: bytes | None = None,
    behind: bytes = b"",
) -> bytes:
    """Return the memory of check, of rows of a pack's id, the number of a run and a time."""
    header = magic + struct.pack("<HH", version, flags)
    rest = b"".join(struct.pack("<32sQq", *row) for row in rows) + behind
    return header + (checksum or digest(header + rest)[:16]) + rest


def json_text(value: dict[str, Any]) -> str:
    """Return the one text of a JSON object."""
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def config_text(**changes: Any) -> str:
    """Return a config with a right checksum; changes set fields, ``None`` takes one away."""
    fields: dict[str, Any] = {
        "format": 1,
        "features_required": [],
        "repository_id": "11" * 32,
        "created": "2026-03-01T12:00:00Z",
        "chunking": {
            "algorithm": "gear-line-1",
            "seed": b"published".hex(),
            "bytes_min": 16384,
            "bytes_target": 65536,
            "bytes_max": 262144,
            "line_bound_bytes": 16384,
        },
    }
    fields.update(changes)
    fields = {name: value for name, value in fields.items() if value is not None}
    fields.setdefault("checksum", digest(json_text(fields).encode()).hex())
    return json_text(fields)


MISSING = object()


def snapshot_fields(**changes: Any) -> dict[str, Any]:
    """Return the fields of a snapshot record; ``MISSING`` takes one away."""
    fields: dict[str, Any] = {
        "format": 1,
        "features_required": [],
        "repository_id": "11" * 32,
        "time": "2026-03-01T12:00:00.000250Z",
        "set": "web-1",
        "host": "web-1",
        "paths": ["/var/log", {"b64": "L3Zhci+ATA=="}],
        "tags": ["nightly"],
        "manifest": "22" * 32,
        "manifest_level": 1,
        "counts": {"files": 2, "directories": 1, "symlinks": 1, "bytes": 12, "unreadable": 0},
        "previous": None,
        "program": "dedupstore 0.1.0",
    }
    fields.update(changes)
    return {name: value for name, value in fields.items() if value is not MISSING}


def policy_text(**changes: Any) -> str:
    """Return a policy with a right checksum; changes set fields, ``MISSING`` takes one away."""
    fields: dict[str, Any] = {
        "format": 1,
        "features_required": [],
        "set": None,
        "keep_last": 0,
        "keep_hourly": 0,
        "keep_daily": 14,
        "keep_weekly": 0,
        "keep_monthly": 12,
        "keep_yearly": 0,
        "keep_within_seconds": None,
        "keep_tags": [],
        "timezone": "UTC",
    }
    checksum = changes.pop("checksum", None)
    fields.update(changes)
    fields = {name: value for name, value in fields.items() if value is not MISSING}
    if checksum is not MISSING:
        fields["checksum"] = checksum or digest(json_text(fields).encode()).hex()
    return json_text(fields)


def tombstone(pack: str, kind: str, generation: int) -> dict[str, Any]:
    """Return a tombstone of a generation record."""
    return {"pack": pack, "kind": kind, "generation": generation}


def generation_text(**changes: Any) -> str:
    """Return a record of generation 7 with a right checksum; changes as for ``policy_text``."""
    fields: dict[str, Any] = {
        "format": 1,
        "features_required": [],
        "generation": 7,
        "time": "2026-03-01T12:00:00Z",
        "tombstones": [],
        "forgotten": [],
    }
    checksum = changes.pop("checksum", None)
    fields.update(changes)
    fields = {name: value for name, value in fields.items() if value is not MISSING}
    if checksum is not MISSING:
        fields["checksum"] = checksum or digest(json_text(fields).encode()).hex()
    return json_text(fields)
