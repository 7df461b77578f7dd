"""Gzip files to keep as twins, and the kernels to do it with."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from dedupstore.twins.kernel import Kernel, available_kernels
from dedupstore.twins.prover import Proof, Prover
from dedupstore.twins.rebuilding import rebuild
from golden.chunking.inputs import log_lines

GOLDEN_TWINS = Path(__file__).parent / "golden" / "twins"

KERNELS = ("python", "native")

LOG = log_lines("a log to gzip", 20_000)

RECIPE_BYTES_WITHOUT_CORRECTIONS = 64
"""A recipe of one stream with one or two blocks is shorter, if its writer is zlib's twin."""


def kernel_or_skip(name: str) -> Kernel:
    """Return a kernel by its name; skip the test where it was not built."""
    kernels = {kernel.name: kernel for kernel in available_kernels()}
    if name not in kernels:
        pytest.skip("the native extension is not built")
    return kernels[name]


def zlib_gzip(
    text: bytes,
    level: int = 6,
    *,
    window_bits: int = 15,
    memory_level: int = 8,
    strategy: int = zlib.Z_DEFAULT_STRATEGY,
) -> bytes:
    """Return a text as zlib compresses it."""
    writer = zlib.compressobj(level, zlib.DEFLATED, 16 + window_bits, memory_level, strategy)
    return writer.compress(text) + writer.flush()


def flushed_gzip(parts: Iterable[bytes], flush: int, level: int = 6) -> bytes:
    """Return parts of a text as zlib compresses them when it is flushed behind each."""
    writer = zlib.compressobj(level, zlib.DEFLATED, 31)
    compressed = [writer.compress(part) + writer.flush(flush) for part in parts]
    return b"".join(compressed) + writer.flush()


def wrapped(deflated: bytes, text: bytes) -> bytes:
    """Return a deflate stream of a text as a gzip file."""
    end = struct.pack("<II", zlib.crc32(text), len(text) & 0xFFFFFFFF)
    return bytes.fromhex("1f8b0800000000000003") + deflated + end


def pieces_of(data: bytes, sizes: Sequence[int]) -> Iterable[bytes]:
    """Yield data in pieces of some sizes, over and over."""
    begin = number = 0
    while begin < len(data):
        end = begin + sizes[number % len(sizes)]
        yield data[begin:end]
        begin = end
        number += 1


def prove(kernel: Kernel, file: bytes, sizes: Sequence[int] = (1 << 20,)) -> Proof | str:
    """Return what is proved of a file that comes in pieces, or why it is refused."""
    prover = Prover(kernel)
    for piece in pieces_of(file, sizes):
        prover.feed(piece)
    proof = prover.finish()
    assert prover.refused == (proof is None) == bool(prover.refusal)
    return proof or prover.refusal


def proof_of(kernel: Kernel, file: bytes) -> Proof:
    """Return the proof of a file that must not be refused."""
    proof = prove(kernel, file)
    assert isinstance(proof, Proof), proof
    return proof


def check_twin(kernel: Kernel, file: bytes, text: bytes) -> Proof:
    """Prove a file and check that its recipe makes it of the text."""
    proof = proof_of(kernel, file)
    assert proof.plain_bytes == len(text)
    assert b"".join(rebuild(proof.recipe, [text], kernel)) == file
    return proof
