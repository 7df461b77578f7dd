"""When a block counts as full, and how it is encoded and proved."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from dedupstore.chunking.chunks import Chunks
from dedupstore.engine import block_encoder
from dedupstore.engine.block_encoder import EncodedBlock, OpenBlock, encode_open_block
from dedupstore.errors import DamageError
from dedupstore.format.block import Block, decode_block
from dedupstore.format.codecs import CODEC_STORED, CODEC_ZSTD, ZstdCompressor
from dedupstore.format.hashing import digest
from dedupstore.limits import BLOCK_BYTES_TARGET, BLOCK_CHUNKS_TARGET, KIB


@pytest.mark.parametrize(
    ("chunk_bytes", "chunks"),
    [(1, BLOCK_CHUNKS_TARGET), (64 * KIB, BLOCK_BYTES_TARGET // 64 // KIB)],
)
def test_a_block_is_full_by_its_bytes_or_its_chunks(chunk_bytes: int, chunks: int) -> None:
    """Many tiny chunks fill a block before their bytes do, so that they cost bounded memory."""
    block = OpenBlock(bytearray(BLOCK_BYTES_TARGET))
    ends = range(chunk_bytes, (chunks + 2) * chunk_bytes, chunk_bytes)
    offered = Chunks(memoryview(bytes(ends[-1])), 0, ends)
    ids = [bytes(32)] * len(ends)
    assert block.add(ids, offered, 1) == chunks
    assert block.add(ids, offered, chunks) == 0
    assert len(block.chunks) == chunks
    assert len(encode_open_block(block, 1).chunks) == chunks


def test_a_higher_level_makes_a_block_smaller() -> None:
    """Lines of a log take less room when more time is spent on them, and decode to the same."""
    text = b"".join(b"%d GET /item/%d 200\n" % (n, n * 7919 % 10_007) for n in range(20_000))
    block = OpenBlock(bytearray(len(text)))
    block.add([bytes(32)], Chunks.of_one(memoryview(text)))
    fast, thorough, heavy = (encode_open_block(block, level) for level in (1, 9, 19))
    assert len(heavy.data) < len(thorough.data) < len(fast.data)
    for encoded, level in ((fast, 1), (thorough, 9), (heavy, 19)):
        decoded = decode_block(encoded.data)
        assert bytes(decoded.original()) == text
        assert encoded.level == decoded.header.level == level


def open_block(original: bytes) -> OpenBlock:
    """Return a block of one chunk."""
    block = OpenBlock(bytearray(original))
    block.add([digest(original)], Chunks.of_one(memoryview(original)))
    return block


def encode_repeatedly(block: OpenBlock) -> tuple[EncodedBlock, int]:
    """Encode a block twice; return it and how much memory the second time took at its highest."""
    encode_open_block(block, 1)
    tracemalloc.start()
    try:
        encoded = encode_open_block(block, 1)
        return encoded, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_stored_block_takes_nothing_of_the_heap() -> None:
    """What looks compressed is not tried, and neither its block nor the proof is left to malloc."""
    original = random.Random(4).randbytes(4 << 20)
    encoded, peak_bytes = encode_repeatedly(open_block(original))
    decoded = decode_block(encoded.data)
    assert (decoded.header.codec, decoded.header.level) == (CODEC_STORED, 19)
    assert decoded.original() == original
    assert peak_bytes < 0.1 * len(original)


def test_proving_a_block_takes_no_new_memory() -> None:
    """The second block of a thread is decoded into the memory that the first one was."""
    original = b"127.0.0.1 GET /index.html 200\n" * (8 << 20 >> 5)
    encoded, peak_bytes = encode_repeatedly(open_block(original))
    assert decode_block(encoded.data).header.codec == CODEC_ZSTD
    # The compressor asks for as much as the text at worst, and gives back what it does not need.
    assert peak_bytes < 1.1 * len(original)


def test_a_block_that_decodes_to_something_else_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a compressor gets wrong by one byte is not stored."""
    original = b"127.0.0.1 GET /index.html 200\n" * 1000
    compress = ZstdCompressor.compress
    monkeypatch.setattr(
        ZstdCompressor, "compress", lambda self, data: compress(self, bytes(data[:-1]) + b"!")
    )
    with pytest.raises(DamageError, match="did not decode"):
        encode_open_block(open_block(original), 1)


@pytest.mark.parametrize("place", [0, 100_000, -1])
def test_a_stored_block_that_holds_something_else_is_refused(
    monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    """A plain block is proved, too: one wrong byte anywhere in it is not stored."""

    def damaged_block(data: memoryview) -> Block:
        payload = bytearray(decode_block(data).payload)
        payload[place] ^= 1
        return decode_block(data)._replace(payload=memoryview(payload))

    monkeypatch.setattr(block_encoder, "decode_block", damaged_block)
    with pytest.raises(DamageError, match="did not decode"):
        encode_open_block(open_block(random.Random(7).randbytes(600_000)), 1)


@pytest.mark.parametrize("text_begin", [0, 200_000, 1 << 20, 2_600_000, (4 << 20) - 200_000])
def test_text_within_noise_is_compressed(text_begin: int) -> None:
    """A log between archives is compressed, wherever in a block it lies."""
    noise = bytearray(random.Random(5).randbytes(4 << 20))
    noise[text_begin : text_begin + 180_000] = b"GET /index.html 200\n" * 9_000
    encoded = encode_open_block(open_block(bytes(noise)), 1)
    assert decode_block(encoded.data).header.codec == CODEC_ZSTD


def test_what_hardly_shrinks_is_stored() -> None:
    """A block that would save less than one part in 32 is stored plain, as no level would help."""
    block = open_block(random.Random(6).randbytes(200_000) + b"a" * 4000)
    encoded = encode_open_block(block, 1)
    assert (decode_block(encoded.data).header.codec, encoded.level) == (CODEC_STORED, 19)
