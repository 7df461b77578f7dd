"""Reads vectors with the program, and puts what they mean into JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dedupstore.clock import format_time
from dedupstore.engine.tree_reader import content_extents, manifest_entries
from dedupstore.format.block import decode_block, encode_block
from dedupstore.format.config import decode_config, encode_config
from dedupstore.format.entry import (
    Content,
    Entry,
    Twin,
    decode_entry,
    encode_entry,
    split_entries,
)
from dedupstore.format.generation_record import (
    decode_generation_record,
    encode_generation_record,
)
from dedupstore.format.pack import (
    PACK_HEADER_BYTES,
    TRAILER_BYTES,
    PackTable,
    decode_table,
    decode_trailer,
    encode_pack_header,
    encode_table_and_trailer,
)
from dedupstore.format.parity import (
    PARITY_HEAD_BYTES_MAX,
    decode_parity_foot,
    decode_parity_head,
    encode_parity,
)
from dedupstore.format.pieces import (
    Extent,
    decode_extents,
    encode_extents,
    encode_piece,
    piece_body,
)
from dedupstore.format.policy import decode_policy, encode_policy
from dedupstore.format.snapshot_record import decode_snapshot_record, encode_snapshot_record
from dedupstore.format.verified import decode_verified, encode_verified
from dedupstore.twins import rebuild
from dedupstore.twins.python_kernel.recipe import decode_recipe, encode_recipe
from golden.format.vectors import Vector
from stored_pieces import StoredPieces

Read = tuple[Any, bytes | None]
"""What bytes mean, as JSON, and the bytes that writing it gives."""


def read_vector(vector: Vector) -> Read:
    """Read a vector.

    Raises:
        DamageError, UnsupportedFormat: the program refuses it.
    """
    return READERS[vector.decoder](vector)


def read_pack_table(data: bytes) -> PackTable:
    """Return the table of a whole pack, read as the engine does: trailer first.

    Raises:
        FormatError, UnsupportedFormat: the pack is refused.
    """
    trailer = decode_trailer(data[-TRAILER_BYTES:], len(data))
    table = data[trailer.table_offset : len(data) - TRAILER_BYTES]
    return decode_table(data[:PACK_HEADER_BYTES], table, trailer)


def _joined(vector: Vector) -> bytes:
    return b"".join(vector.parts())


def _read_config(vector: Vector) -> Read:
    config = decode_config(_joined(vector))
    chunking = config.chunking
    value: dict[str, Any] = {
        "repository_id": config.repository_id.hex(),
        "created": format_time(config.created),
        "chunking": {
            "algorithm": chunking.algorithm,
            "seed": chunking.seed.hex(),
            "bytes_min": chunking.bytes_min,
            "bytes_target": chunking.bytes_target,
            "bytes_max": chunking.bytes_max,
            "line_bound_bytes": chunking.line_bound_bytes,
        },
    }
    if config.parity_percent is not None:
        value["parity_percent"] = config.parity_percent
    return value, encode_config(config)


def _read_policy(vector: Vector) -> Read:
    stored = decode_policy(_joined(vector))
    policy = stored.policy
    value = {
        "set": stored.set_name,
        **policy.counts(),
        "keep_within_seconds": policy.keep_within_seconds,
        "keep_tags": list(policy.keep_tags),
        "timezone": policy.timezone,
    }
    return value, encode_policy(stored)


def _read_snapshot(vector: Vector) -> Read:
    record = decode_snapshot_record(bytes.fromhex(vector.arguments["id"]), _joined(vector))
    names = ("files", "directories", "symlinks", "content_bytes", "unreadable")
    value = {
        "repository_id": record.repository_id.hex(),
        "time": format_time(record.time),
        "set_name": record.set_name,
        "host": record.host,
        "paths": [path.hex() for path in record.paths],
        "tags": list(record.tags),
        "manifest": record.manifest.hex(),
        "manifest_level": record.manifest_level,
        "counts": {name: getattr(record.counts, name) for name in names},
        "previous": record.previous.hex() if record.previous else None,
        "program": record.program,
    }
    return value, encode_snapshot_record(record)[1]


def _read_block(vector: Vector) -> Read:
    block = decode_block(_joined(vector))
    value = {
        "codec": block.header.codec,
        "chunks": [{"id": chunk.id.hex(), "bytes": chunk.chunk_bytes} for chunk in block.chunks],
        "notes": bytes(block.notes).hex(),
        "original": bytes(block.original()).hex(),
    }
    level = block.header.level
    if level:
        value["level"] = level
    return value, encode_block(block.header.codec, block.chunks, bytes(block.payload), level=level)


def _read_pack(vector: Vector) -> Read:
    data = _joined(vector)
    table = read_pack_table(data)
    blocks = [
        {
            "offset": block.offset,
            "stored_bytes": block.stored_bytes,
            "original_bytes": block.original_bytes,
            "chunks": [
                {"id": chunk.id.hex(), "bytes": chunk.chunk_bytes} for chunk in block.chunks
            ],
        }
        for block in table.blocks
    ]
    stored = b"".join(
        data[block.offset : block.offset + block.stored_bytes] for block in table.blocks
    )
    header, end = encode_pack_header(table.kind), encode_table_and_trailer(table)
    value = {"kind": table.kind.name.lower(), "generation": table.generation, "blocks": blocks}
    if table.level:
        value["level"] = table.level
    return value, header + stored + end


def _read_parity(vector: Vector) -> Read:
    data = _joined(vector)
    front, end = data[:PARITY_HEAD_BYTES_MAX], data[-PARITY_HEAD_BYTES_MAX:]
    head = decode_parity_foot(end) if vector.arguments.get("foot") else decode_parity_head(front)
    layout = head.layout
    shards = [
        data[layout.parity_offset(number) :][: layout.shard_bytes]
        for number in range(layout.parity_count)
    ]
    value = {
        "pack": head.pack.hex(),
        "pack_bytes": layout.pack_bytes,
        "shard_bytes": layout.shard_bytes,
        "data_checksums": [checksum.hex() for checksum in head.data_checksums],
        "parity_checksums": [checksum.hex() for checksum in head.parity_checksums],
        "parity": [shard.hex() for shard in shards],
    }
    return value, b"".join(encode_parity(head, shards))


def _read_piece(vector: Vector) -> Read:
    level = vector.arguments["level"]
    body = piece_body(_joined(vector), level)
    if level:
        extents = decode_extents(body)
        return _extents_to_json(extents), encode_piece(level, encode_extents(extents))
    entries = [decode_entry(data) for data in split_entries(body)]
    written = encode_piece(0, b"".join(map(encode_entry, entries)))
    return [_entry_to_json(entry) for entry in entries], written


def _entry_to_json(entry: Entry) -> dict[str, Any]:
    value: dict[str, Any] = {
        "path": entry.path.hex(),
        "type": entry.type.name.lower(),
        "mode": entry.mode,
        "owner": [entry.uid, entry.gid],
        "times": [entry.mtime_ns, entry.ctime_ns],
        "size": entry.size,
        "place": [entry.device, entry.inode],
        "level": entry.content.level,
        "extents": _extents_to_json(entry.content.extents),
        "link_target": entry.link_target.hex(),
        "user": entry.user.hex(),
        "group": entry.group.hex(),
    }
    if entry.lineage:
        value["lineage"] = entry.lineage.hex()
    if entry.twin is not None:
        value["twin"] = _twin_to_json(entry.twin)
    return value


def _twin_to_json(twin: Twin) -> dict[str, Any]:
    value: dict[str, Any] = {"plain_bytes": twin.plain_bytes, "file_id": twin.file_id.hex()}
    if twin.recipe:
        return value | {"recipe": twin.recipe.hex()}
    listed = twin.recipe_content
    extents = _extents_to_json(listed.extents)
    return value | {"recipe_level": listed.level, "recipe_extents": extents}


def _extents_to_json(extents: list[Extent] | tuple[Extent, ...]) -> list[list[Any]]:
    return [[extent.extent_bytes, extent.id.hex()] for extent in extents]


def _read_content(vector: Vector) -> Read:
    extents = tuple(Extent(size, bytes.fromhex(id_)) for size, id_ in vector.arguments["extents"])
    content = Content(vector.arguments["level"], extents)
    return _extents_to_json(list(content_extents(StoredPieces(*vector.parts()), content))), None


def _read_manifest(vector: Vector) -> Read:
    top = bytes.fromhex(vector.arguments["manifest"])
    reader = StoredPieces(*vector.parts())
    entries = manifest_entries(reader, top, vector.arguments["level"])
    return [entry.path.hex() for entry in entries], None


def _read_verified(vector: Vector) -> Read:
    verified = decode_verified(_joined(vector))
    value = [[id_.hex(), row.run, row.time_seconds] for id_, row in verified.items()]
    return value, encode_verified(verified)


def _read_generation(vector: Vector) -> Read:
    record = decode_generation_record(_joined(vector), vector.arguments["number"])
    value = {
        "generation": record.generation,
        "time": format_time(record.time) if record.time else None,
        "tombstones": [
            {"pack": pack.hex(), "kind": stone.kind.name.lower(), "generation": stone.generation}
            for pack, stone in record.tombstones.items()
        ],
        "forgotten": [snapshot.hex() for snapshot in sorted(record.forgotten)],
    }
    return value, encode_generation_record(record)


def _read_recipe(vector: Vector) -> Read:
    recipe = _joined(vector)
    file = b"".join(rebuild(recipe, [vector.arguments["text"].encode()]))
    return {"file": file.hex()}, encode_recipe(decode_recipe(recipe))


READERS: dict[str, Callable[[Vector], Read]] = {
    "config": _read_config,
    "generation": _read_generation,
    "policy": _read_policy,
    "snapshot": _read_snapshot,
    "block": _read_block,
    "pack": _read_pack,
    "parity": _read_parity,
    "piece": _read_piece,
    "content": _read_content,
    "manifest": _read_manifest,
    "verified": _read_verified,
    "recipe": _read_recipe,
}
