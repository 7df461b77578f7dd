"""When a block counts as full."""

from __future__ import annotations

import pytest

from dedupstore.engine.block_encoder import OpenBlock, encode_open_block
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
