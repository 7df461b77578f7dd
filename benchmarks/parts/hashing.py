"""Hashing of chunks: BLAKE3 as the engine calls it, beside hashes of the standard library."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial

from dedupstore.format.hashing import digest

from parts.contender import Contender, Group

_SLOW_BYTES = 50_000_000


def hashing(data: bytes, chunk_bytes: int) -> Group:
    """Return all that hashes `data` in pieces of `chunk_bytes`."""

    def contender(name: str, run: Callable[[memoryview], object], part: bytes) -> Contender:
        is_yardstick = run is not digest
        pieces = partial(_hash_pieces, run, part, chunk_bytes)
        return Contender(name, pieces, len(part), is_yardstick=is_yardstick)

    return Group(
        "hashing",
        "GB/s",
        10**9,
        [
            contender("BLAKE3", digest, data),
            contender("SHA-256", hashlib.sha256, data[:_SLOW_BYTES]),
            contender("BLAKE2b", hashlib.blake2b, data[:_SLOW_BYTES]),
        ],
    )


def _hash_pieces(run: Callable[[memoryview], object], data: bytes, piece_bytes: int) -> None:
    view = memoryview(data)
    for start in range(0, len(view), piece_bytes):
        run(view[start : start + piece_bytes])
