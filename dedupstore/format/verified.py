"""The memory of check: when the data of each pack was last verified (docs/format/repository.md).

It only helps to choose what to verify next. Without it, nothing is lost but that choice.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import NamedTuple

from dedupstore.errors import FormatError, UnsupportedFormat
from dedupstore.format.block import REQUIRED_FLAGS
from dedupstore.format.hashing import CHECKSUM_BYTES, checksum
from dedupstore.ids import PackId
from dedupstore.limits import VERIFIED_PACKS_MAX

VERIFIED_MAGIC = b"DVRF"
VERIFIED_VERSION = 1
CHECK_RUN_MAX = (1 << 62) - 1
"""No number of a check run is higher."""

_HEADER = struct.Struct("<4sHH")
_ROW = struct.Struct("<32sQq")
_ROWS_BEGIN = _HEADER.size + CHECKSUM_BYTES

VERIFIED_BYTES_MAX = _ROWS_BEGIN + VERIFIED_PACKS_MAX * _ROW.size


class Verification(NamedTuple):
    """The last time that a pack was found sound.

    ``run`` is the number of the check run, from 1: what decides which of two is older.
    ``time_seconds`` is what the clock said, in seconds since 1970, for people.
    """

    run: int
    time_seconds: int


def encode_verified(verified: Mapping[PackId, Verification]) -> bytes:
    """Return the object that remembers these packs.

    Raises:
        ValueError: there are more packs than it can hold.
    """
    if len(verified) > VERIFIED_PACKS_MAX:
        raise ValueError(f"{len(verified)} packs are too many to remember")
    header = _HEADER.pack(VERIFIED_MAGIC, VERIFIED_VERSION, 0)
    rows = b"".join([_ROW.pack(id_, *verified[id_]) for id_ in sorted(verified)])
    return header + checksum(header, rows) + rows


def decode_verified(data: bytes) -> dict[PackId, Verification]:
    """Read what ``encode_verified`` wrote.

    Raises:
        UnsupportedFormat: a newer version.
        FormatError: damaged or malformed.
    """
    if len(data) < _ROWS_BEGIN or len(data) > VERIFIED_BYTES_MAX:
        raise FormatError(f"the memory of check cannot be {len(data)} bytes long")
    magic, version, flags = _HEADER.unpack_from(data)
    if magic != VERIFIED_MAGIC:
        raise FormatError("the memory of check does not begin as one")
    rows = memoryview(data)[_ROWS_BEGIN:]
    if checksum(data[: _HEADER.size], rows) != data[_HEADER.size : _ROWS_BEGIN]:
        raise FormatError("the memory of check is damaged: its checksum is wrong")
    if version != VERIFIED_VERSION or flags & REQUIRED_FLAGS:
        raise UnsupportedFormat(
            "the memory of check was made by a newer version",
            hint="use a newer version of dedupstore",
        )
    if len(rows) % _ROW.size:
        raise FormatError("the memory of check is cut off inside a row")
    verified: dict[PackId, Verification] = {}
    last_id = b""
    for id_, run, time_seconds in _ROW.iter_unpack(rows):
        if id_ <= last_id:
            raise FormatError("the memory of check is out of order")
        if not 0 < run <= CHECK_RUN_MAX:
            raise FormatError(f"the memory of check names the check run {run}")
        verified[id_] = Verification(run, time_seconds)
        last_id = id_
    return verified
