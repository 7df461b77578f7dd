"""Damaged blocks as readers see them: what is sound of them is read, and the rest is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from dedupstore.engine import block_cache
from dedupstore.engine.block_cache import BLOCKS_HELD_MAX, BlockCache, BlockPlace
from dedupstore.engine.block_salvage import salvage_block
from dedupstore.errors import DamageError, UnsupportedFormat
from dedupstore.format.block import HEADER_BYTES, ChunkInfo, encode_block
from dedupstore.format.codecs import CODEC_STORED
from dedupstore.format.hashing import CHECKSUM_BYTES, checksum, digest
from dedupstore.ids import ChunkId
from dedupstore.storage.local import LocalStore

SOUND, WRONG = b"sound" * 100, b"wrong" * 100
KEY = "packs/data/" + "00" * 32


def block() -> bytearray:
    """Return a block of two chunks."""
    chunks = [ChunkInfo(ChunkId(digest(data)), len(data)) for data in (SOUND, WRONG)]
    return bytearray(encode_block(CODEC_STORED, chunks, SOUND + WRONG))


def cache_over(folder: Path, data: bytes | bytearray, *, salvages: bool = True) -> BlockCache:
    """Return a cache over a store with one pack, of which only the blocks are there."""
    path = folder / KEY
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    return BlockCache(LocalStore(str(folder)), salvages=salvages)


def test_the_sound_chunks_of_a_damaged_block_are_read(tmp_path: Path) -> None:
    """A chunk with other bytes is unreadable for the reason the block is; the other is read."""
    data = block()
    data[-1] ^= 1
    cache = cache_over(tmp_path, data)
    found = cache.get(BlockPlace(KEY, 0, len(data)))
    assert found.chunk(ChunkId(digest(SOUND))) == SOUND
    with pytest.raises(DamageError, match="the checksum of a block is wrong"):
        found.chunk(ChunkId(digest(WRONG)))
    cache.close()


def test_without_salvage_a_damaged_block_is_lost(tmp_path: Path) -> None:
    """Those who look for damage are not told of chunks in damaged blocks."""
    data = block()
    data[-1] ^= 1
    cache = cache_over(tmp_path, data, salvages=False)
    with pytest.raises(DamageError):
        cache.get(BlockPlace(KEY, 0, len(data)))
    cache.close()


def test_a_newer_block_is_not_salvaged(tmp_path: Path) -> None:
    """A block with a version of the future and the right checksum is not guessed at."""
    data = block()
    data[4] += 1
    begin = HEADER_BYTES - CHECKSUM_BYTES
    data[begin:HEADER_BYTES] = checksum(data[:begin], data[HEADER_BYTES:])
    cache = cache_over(tmp_path, data)
    with pytest.raises(UnsupportedFormat):
        cache.get(BlockPlace(KEY, 0, len(data)))
    cache.close()


def test_a_block_that_gives_nothing_is_salvaged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often such blocks are asked for, and fall out of the cache, one try is made each."""
    tried: list[int] = []
    genuine = salvage_block

    def counted(store: LocalStore, key: str, offset: int, stored: int) -> dict[ChunkId, memoryview]:
        tried.append(offset)
        return genuine(store, key, offset, stored)

    monkeypatch.setattr(block_cache, "salvage_block", counted)
    places = [BlockPlace(KEY, 1000 * number, 1000) for number in range(2 * BLOCKS_HELD_MAX)]
    cache = cache_over(tmp_path, bytes(1000 * len(places)))
    for place in places * 2:
        with pytest.raises(DamageError):
            cache.get(place)
    cache.close()
    assert sorted(tried) == [place.offset for place in places]
