"""Vectors of parity (docs/format/parity.md)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from dedupstore.format.hashing import digest
from golden.format.layouts import parity
from golden.format.vectors import Vector, accepted, refused

damaged = partial(refused, "damaged")
newer = partial(refused, "newer")

PACK = bytes(range(40))
DATA = (PACK[:16], PACK[16:32], PACK[32:] + bytes(8))


def _doubled(value: int) -> int:
    return value << 1 ^ (0x11D if value & 0x80 else 0)


def product(left: int, right: int) -> int:
    """Multiply in the field of 256, one bit after the other."""
    result = 0
    while right:
        result ^= left if right & 1 else 0
        left, right = _doubled(left), right >> 1
    return result


def inverse(value: int) -> int:
    """Return the number that gives 1 when ``value`` is multiplied by it."""
    return next(other for other in range(1, 256) if product(value, other) == 1)


def parity_of(shards: tuple[bytes, ...], count: int) -> list[bytes]:
    """Return parity shards, as the page defines them byte for byte."""
    made = []
    for row in range(len(shards), len(shards) + count):
        shard = bytearray(len(shards[0]))
        for number, data in enumerate(shards):
            for place, byte in enumerate(data):
                shard[place] ^= product(inverse(row ^ number), byte)
        made.append(bytes(shard))
    return made


PARITY = parity_of(DATA, 2)


def cases() -> Iterator[Vector]:
    """Yield all vectors of this page."""
    yield from _accepted()
    yield from _refused_layouts()
    yield from _refused_heads()


def _value() -> dict[str, Any]:
    return {
        "pack": digest(PACK).hex(),
        "pack_bytes": len(PACK),
        "shard_bytes": len(DATA[0]),
        "data_checksums": [digest(shard)[:16].hex() for shard in DATA],
        "parity_checksums": [digest(shard)[:16].hex() for shard in PARITY],
        "parity": [shard.hex() for shard in PARITY],
    }


def _parity(**changes: Any) -> bytes:
    return parity(DATA, PARITY, len(PACK), **changes)


def _accepted() -> Iterator[Vector]:
    yield accepted("parity", "parity", "E-04", _parity(), _value())
    yield accepted("parity-foot", "parity", "E-07", _parity(), _value(), foot=True)
    data = _parity(flags=0x0081)
    yield Vector("parity-optional-flags", "parity", ("E-06",), "accepted", (data,), {}, _value())
    largest = (bytes(16),) * 128
    data = parity(largest, largest, 2048)
    value = {
        "pack": digest(bytes(2048)).hex(),
        "pack_bytes": 2048,
        "shard_bytes": 16,
        "data_checksums": [digest(bytes(16))[:16].hex()] * 128,
        "parity_checksums": [digest(bytes(16))[:16].hex()] * 128,
        "parity": ["00" * 16] * 128,
    }
    yield accepted("parity-256-shards", "parity", "E-02", data, value)


def _refused_layouts() -> Iterator[Vector]:
    yield damaged("parity-empty", "parity", "E-01", b"")
    yield damaged("parity-magic-wrong", "parity", "E-01", _parity(magic=b"DPAX"))
    yield damaged("parity-cut-off-in-header", "parity", "E-01", _parity()[:67])
    yield damaged("parity-foot-cut-off", "parity", "E-01", _parity()[:-1], foot=True)
    yield damaged("parity-without-data-shards", "parity", "E-02", _parity(counts=(0, 2)))
    yield damaged("parity-without-parity-shards", "parity", "E-02", _parity(counts=(3, 0)))
    yield damaged("parity-257-shards", "parity", "E-02", _parity(counts=(255, 2)))
    yield damaged("parity-count-max", "parity", "E-02", _parity(counts=(65535, 65535)))
    yield damaged("parity-of-nothing", "parity", "E-03", parity(DATA[:1], PARITY, 0))
    yield damaged("parity-shards-too-short", "parity", "E-03", parity(DATA, PARITY, 49))
    yield damaged("parity-shards-too-many", "parity", "E-03", parity(DATA, PARITY, 32))
    yield damaged("parity-shard-bytes-max", "parity", "E-03", _parity(shard_bytes=(1 << 32) - 1))


def _refused_heads() -> Iterator[Vector]:
    whole = _parity()
    yield damaged("parity-cut-off-in-directory", "parity", "E-04", whole[: 68 + 79])
    yield damaged("parity-foot-of-itself", "parity", "E-04", whole[-68:], foot=True)
    yield damaged("parity-checksum-wrong", "parity", "E-04", _parity(checksum=bytes(16)))
    flipped = whole[:70] + bytes([whole[70] ^ 1]) + whole[71:]
    yield damaged("parity-directory-flipped", "parity", "E-04", flipped)
    yield damaged("parity-version-flipped", "parity", "E-04", whole[:4] + b"\2" + whole[5:])
    yield newer("parity-version-2", "parity", "E-05", _parity(version=2))
    yield newer("parity-code-unknown", "parity", "E-05", _parity(code=2))
    yield newer("parity-required-flag", "parity", "E-05", _parity(flags=0x0100))
