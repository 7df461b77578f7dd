"""When a block counts as full."""

from __future__ import annotations

import pytest

from dedupstore.engine.block_encoder import OpenBlock, encode_open_block
from dedupstore.format.block import decode_block
from dedupstore.limits import BLOCK_BYTES_TARGET, BLOCK_CHUNKS_TARGET, KIB


@pytest.mark.parametrize(
    ("chunk_bytes", "chunks"),
    [(1, BLOCK_CHUNKS_TARGET), (64 * KIB, BLOCK_BYTES_TARGET // 64 // KIB)],
)
def test_a_block_is_full_by_its_bytes_or_its_chunks(chunk_bytes: int, chunks: int) -> None:
    """Many tiny chunks fill a block before their bytes do, so that they cost bounded memory."""
    block = OpenBlock(bytearray(BLOCK_BYTES_TARGET))
    chunk = memoryview(bytes(chunk_bytes))
    while block.has_room(chunk_bytes):
        block.add(bytes(32), chunk)
    assert len(block.chunks) == chunks
    assert len(encode_open_block(block).chunks) == chunks


def test_a_block_that_is_compressed_thoroughly_is_smaller() -> None:
    """Lines of a log take less room when more time is spent on them, and decode to the same."""
    text = b"".join(b"%d GET /item/%d 200\n" % (n, n * 7919 % 10_007) for n in range(20_000))
    block = OpenBlock(bytearray(len(text)))
    block.add(bytes(32), memoryview(text))
    fast, thorough = encode_open_block(block), encode_open_block(block, thoroughly=True)
    assert len(thorough.data) < len(fast.data)
    assert bytes(decode_block(thorough.data).original()) == text
