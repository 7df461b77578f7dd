"""Hostile sizes cost nothing: memory follows the bytes at hand, not what they claim."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import suppress

import pytest

from dedupstore.errors import DamageError, UnsupportedFormat
from dedupstore.format.block import ChunkInfo, decode_block, encode_block
from dedupstore.format.codecs import CODEC_ZSTD
from dedupstore.format.hashing import digest
from dedupstore.limits import BLOCK_BYTES_MAX, CHUNK_BYTES_MAX
from format_decoders import DECODERS, samples
from golden.format.reading import read_vector
from golden.format.vectors import Vector, load_all

MIB = 1 << 20
REFUSED = [vector for vector in load_all() if vector.outcome != "accepted"]


def zstd_frame_of_one_letter(original_bytes: int, *, declared_bytes: int) -> bytes:
    """Return a zstd frame of blocks that repeat one byte 128 KiB long (RFC 8878, 3.1.1.2)."""
    run_bytes = 128 << 10
    last = original_bytes // run_bytes - 1
    runs = (
        (run_bytes << 3 | 2 | (number == last)).to_bytes(3, "little") + b"A"
        for number in range(last + 1)
    )
    return bytes.fromhex("28b52ffda0") + declared_bytes.to_bytes(4, "little") + b"".join(runs)


def peak_bytes_of_reading(vector: Vector) -> int:
    """Return how much memory a refusal takes at its highest, besides the bytes given."""
    vector.parts()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        with suppress(DamageError, UnsupportedFormat):
            read_vector(vector)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("vector", REFUSED, ids=lambda vector: vector.name)
def test_a_refusal_allocates_little(vector: Vector) -> None:
    """Refusing bytes takes little more memory than they do, whatever sizes they claim."""
    given_bytes = sum(map(len, vector.parts()))
    assert peak_bytes_of_reading(vector) < 3 * given_bytes + MIB


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_a_field_that_claims_much_costs_little(name: str) -> None:
    """Whatever four or eight bytes of an object claim, reading it takes little memory."""
    tracemalloc.start()
    try:
        for sample in samples(name, bytes_max=1024):
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            for lie in lies(sample):
                DECODERS[name].try_to_read(lie)
            assert tracemalloc.get_traced_memory()[1] - before < MIB, sample
    finally:
        tracemalloc.stop()


def lies(sample: bytes) -> Iterator[bytes]:
    """Yield an object with large numbers at each place in its beginning and its end."""
    ends = {*range(4, min(len(sample), 120) + 1, 2), *range(len(sample), 4, -2)[:40]}
    for end in sorted(ends):
        for number in (b"\xff" * 4, b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff\0\0\0\0"):
            begin = max(0, end - len(number))
            yield sample[:begin] + number[: end - begin] + sample[end:]


def test_a_frame_that_decodes_to_more_than_it_declares_is_cut_short() -> None:
    """A zstd bomb of 128 MiB that declares 1 MiB is refused without being unpacked."""
    frame = zstd_frame_of_one_letter(128 * MIB, declared_bytes=MIB)
    data = encode_block(CODEC_ZSTD, [ChunkInfo(digest(b""), MIB)], frame)
    vector = Vector("bomb", "block", (), "damaged", (data,))
    assert peak_bytes_of_reading(vector) < 2 * MIB
    with pytest.raises(DamageError):
        read_vector(vector)


def test_the_largest_block_is_read() -> None:
    """A block of as many original bytes as a block may hold is read, from a frame of a kilobyte."""
    frame = zstd_frame_of_one_letter(BLOCK_BYTES_MAX, declared_bytes=BLOCK_BYTES_MAX)
    id_ = digest(b"A" * CHUNK_BYTES_MAX)
    chunks = [ChunkInfo(id_, CHUNK_BYTES_MAX)] * (BLOCK_BYTES_MAX // CHUNK_BYTES_MAX)
    original = decode_block(encode_block(CODEC_ZSTD, chunks, frame)).original()
    assert original == b"A" * BLOCK_BYTES_MAX
