"""The config of a repository: made once by init, never changed (docs/format/repository.md)."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from dedupstore.clock import format_time
from dedupstore.errors import FormatError
from dedupstore.format.canonical_json import JsonObject, decode_json, encode_json
from dedupstore.format.fields import (
    FORMAT_VERSION,
    check_version_and_features,
    take,
    take_count,
    take_hex,
    take_id,
    take_time,
)
from dedupstore.format.hashing import digest
from dedupstore.limits import CONFIG_BYTES_MAX

CHUNKING_ALGORITHM = "gear-line-1"
"""The one way of cutting that there is (docs/format/chunking.md)."""

_WHAT = "the repository's config"


class ChunkingConfig(NamedTuple):
    """How streams are cut; lengths in bytes, ``seed`` makes the gear table."""

    algorithm: str
    seed: bytes
    bytes_min: int
    bytes_target: int
    bytes_max: int
    line_bound_bytes: int


class RepositoryConfig(NamedTuple):
    """What is fixed for the life of a repository.

    ``parity_percent`` is how much parity is stored with each pack, 1 to 100, or ``None``.
    """

    repository_id: bytes
    created: datetime
    chunking: ChunkingConfig
    parity_percent: int | None = None


def encode_config(config: RepositoryConfig) -> bytes:
    """Return the config as JSON with its own checksum in the field ``checksum``."""
    chunking = config.chunking
    record: JsonObject = {
        "format": FORMAT_VERSION,
        "features_required": [],
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
        record["parity_percent"] = config.parity_percent
    record["checksum"] = _checksum(record)
    return encode_json(record)


def decode_config(data: bytes) -> RepositoryConfig:
    """Read a config.

    Raises:
        UnsupportedFormat: a newer format, or an unknown required feature.
        FormatError: damaged or malformed.
    """
    record = decode_json(data, CONFIG_BYTES_MAX, _WHAT)
    if take(record, "checksum", str, _WHAT) != _checksum(record):
        raise FormatError(f"{_WHAT} is damaged: its checksum is wrong")
    check_version_and_features(record, _WHAT)
    chunking = take(record, "chunking", dict, _WHAT)
    return RepositoryConfig(
        repository_id=take_id(record, "repository_id", _WHAT),
        created=take_time(record, "created", _WHAT),
        chunking=ChunkingConfig(
            algorithm=take(chunking, "algorithm", str, _WHAT),
            seed=take_hex(chunking, "seed", _WHAT),
            bytes_min=take_count(chunking, "bytes_min", _WHAT),
            bytes_target=take_count(chunking, "bytes_target", _WHAT),
            bytes_max=take_count(chunking, "bytes_max", _WHAT),
            line_bound_bytes=take_count(chunking, "line_bound_bytes", _WHAT),
        ),
        parity_percent=_take_parity_percent(record),
    )


def _take_parity_percent(record: JsonObject) -> int | None:
    if "parity_percent" not in record:
        return None
    percent = take_count(record, "parity_percent", _WHAT)
    if not 1 <= percent <= 100:
        raise FormatError(f"{_WHAT} has 'parity_percent' out of range")
    return percent


def _checksum(record: JsonObject) -> str:
    without = {name: value for name, value in record.items() if name != "checksum"}
    return digest(encode_json(without)).hex()
