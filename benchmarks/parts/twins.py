"""Twins: proving and rebuilding a gzip file, beside packing and unpacking its text."""

from __future__ import annotations

import gzip
import zlib
from functools import partial

from dedupstore.twins import Prover, rebuild

from parts.contender import Contender, Group

_TEXT_BYTES = 16_000_000
_STEP_BYTES = 1 << 20
_LEVEL = 6


def twins(data: bytes) -> Group:
    """Return all that goes through the gzip file of a text; speeds are those of the text."""
    text = data[:_TEXT_BYTES]
    packed = gzip.compress(text, _LEVEL, mtime=0)
    proof = _prove(packed)
    pack, unpack = partial(zlib.compress, text, _LEVEL), partial(zlib.decompress, packed, 31)
    contenders = [
        Contender("proving", partial(_prove, packed), len(text), _recipe_note(packed, proof)),
        Contender("rebuilding", partial(_rebuild, proof, text), len(text)),
        Contender(f"zlib {_LEVEL}", pack, len(text), is_yardstick=True),
        Contender("zlib, unpacking", unpack, len(text), is_yardstick=True),
    ]
    return Group("twins", "GB/s", 10**9, contenders)


def _prove(packed: bytes) -> bytes:
    prover = Prover()
    for begin in range(0, len(packed), _STEP_BYTES):
        prover.feed(packed[begin : begin + _STEP_BYTES])
    proof = prover.finish()
    if proof is None:
        raise ValueError(f"no twin: {prover.refusal}")
    return proof.recipe


def _rebuild(recipe: bytes, text: bytes) -> int:
    view = memoryview(text)
    pieces = (view[begin : begin + _STEP_BYTES] for begin in range(0, len(view), _STEP_BYTES))
    return sum(map(len, rebuild(recipe, pieces)))


def _recipe_note(packed: bytes, recipe: bytes) -> str:
    return f"recipe {len(recipe)} bytes for {len(packed):,}"
