"""Generation records: what has been removed, and what waits to be (docs/format/repository.md)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from dedupstore.clock import format_time
from dedupstore.errors import FormatError, UnsupportedFormat
from dedupstore.format.canonical_json import JsonObject, decode_json, encode_json
from dedupstore.format.fields import (
    FORMAT_VERSION,
    check_version_and_features,
    take,
    take_count,
    take_id,
    take_time,
)
from dedupstore.format.hashing import digest
from dedupstore.format.pack_kind import PackKind
from dedupstore.ids import PackId, SnapshotId, is_id_hex
from dedupstore.limits import GENERATION_MAX, GENERATION_RECORD_BYTES_MAX

_WHAT = "a generation record"
_KINDS = {kind.name.lower(): kind for kind in PackKind}
_NAME = re.compile(r"[0-9a-f]{16}")


class Tombstone(NamedTuple):
    """A pack that no snapshot needs; ``generation`` is the one that declared it dead."""

    kind: PackKind
    generation: int


class GenerationRecord(NamedTuple):
    """The state of removals in a repository; the record with the highest number is the truth.

    ``tombstones`` are the packs that are dead and may still be there. ``forgotten`` are the
    snapshots that were removed on purpose and that others still name as the one before them.
    """

    generation: int = 0
    time: datetime | None = None
    tombstones: Mapping[PackId, Tombstone] = MappingProxyType({})
    forgotten: frozenset[SnapshotId] = frozenset()


def generation_name(generation: int) -> str:
    """Return the name of a generation's record: names sort as the numbers do."""
    return f"{generation:016x}"


def parse_generation_name(name: str) -> int | None:
    """Return the generation whose record is named so; ``None`` for what is no such name."""
    generation = int(name, 16) if _NAME.fullmatch(name) else 0
    return generation if 0 < generation <= GENERATION_MAX else None


def encode_generation_record(record: GenerationRecord) -> bytes:
    """Return a record as JSON with its own checksum in the field ``checksum``.

    Raises:
        ValueError: there is no record of such a generation, or it has no time.
    """
    if not 0 < record.generation <= GENERATION_MAX or record.time is None:
        raise ValueError(f"no record of generation {record.generation} can be stored")
    value: JsonObject = {
        "format": FORMAT_VERSION,
        "features_required": [],
        "generation": record.generation,
        "time": format_time(record.time),
        "tombstones": [
            {"pack": pack.hex(), "kind": stone.kind.name.lower(), "generation": stone.generation}
            for pack, stone in sorted(record.tombstones.items())
        ],
        "forgotten": [snapshot.hex() for snapshot in sorted(record.forgotten)],
    }
    value["checksum"] = _checksum(value)
    return encode_json(value)


def decode_generation_record(data: bytes, generation: int) -> GenerationRecord:
    """Read the record whose name says that it is of ``generation``.

    Raises:
        UnsupportedFormat: a newer format, an unknown required feature or kind of pack.
        FormatError: damaged or malformed, or of another generation.
    """
    value = decode_json(data, GENERATION_RECORD_BYTES_MAX, _WHAT)
    if take(value, "checksum", str, _WHAT) != _checksum(value):
        raise FormatError(f"{_WHAT} is damaged: its checksum is wrong")
    check_version_and_features(value, _WHAT)
    if take_count(value, "generation", _WHAT) != generation:
        raise FormatError(f"{_WHAT} is of another generation than its name says")
    return GenerationRecord(
        generation=generation,
        time=take_time(value, "time", _WHAT),
        tombstones=_take_tombstones(value, generation),
        forgotten=frozenset(_take_forgotten(value)),
    )


def _take_tombstones(value: JsonObject, generation: int) -> dict[PackId, Tombstone]:
    tombstones: dict[PackId, Tombstone] = {}
    for item in take(value, "tombstones", list, _WHAT):
        if not isinstance(item, dict):
            raise FormatError(f"{_WHAT} has a malformed tombstone")
        kind = take(item, "kind", str, _WHAT)
        declared = take_count(item, "generation", _WHAT)
        if not 0 < declared <= generation:
            raise FormatError(f"{_WHAT} has a tombstone of generation {declared}")
        if kind not in _KINDS:
            raise UnsupportedFormat(
                f"{_WHAT} names a pack of the kind {kind!r}, which this version does not know",
                hint="use a newer version of dedupstore",
            )
        tombstones[take_id(item, "pack", _WHAT)] = Tombstone(_KINDS[kind], declared)
    if len(tombstones) < len(value["tombstones"]):
        raise FormatError(f"{_WHAT} names a pack twice")
    _require_ascending(tombstones, "tombstones")
    return tombstones


def _take_forgotten(value: JsonObject) -> list[SnapshotId]:
    texts = take(value, "forgotten", list, _WHAT)
    if not all(isinstance(text, str) and is_id_hex(text) for text in texts):
        raise FormatError(f"{_WHAT} has something else than ids in 'forgotten'")
    snapshots = [bytes.fromhex(text) for text in texts]
    _require_ascending(snapshots, "forgotten")
    return snapshots


def _require_ascending(ids: Iterable[bytes], name: str) -> None:
    last = b""
    for id_ in ids:
        if id_ <= last:
            raise FormatError(f"{_WHAT} has {name!r} out of order")
        last = id_


def _checksum(value: JsonObject) -> str:
    without = {name: part for name, part in value.items() if name != "checksum"}
    return digest(encode_json(without)).hex()
