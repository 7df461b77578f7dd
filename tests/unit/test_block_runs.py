"""Neighbouring blocks are read at once, and of what cannot be, only what is damaged is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from dedupstore.engine.block_cache import BlockPlace
from dedupstore.engine.block_runs import RUN_BYTES_MAX, block_runs, read_run
from dedupstore.errors import ObjectUnreadable
from dedupstore.format.block import ChunkInfo, encode_block
from dedupstore.format.codecs import CODEC_STORED
from dedupstore.format.hashing import digest
from dedupstore.storage.local import LocalStore

KEY = "packs/data/" + "00" * 32


class BadSector(LocalStore):
    """A store on a disk that gives the byte at one offset not back, and counts what is read."""

    def __init__(self, root: str, bad_offset: int | None) -> None:
        super().__init__(root)
        self._bad_offset = bad_offset
        self.reads: list[tuple[int, int | None]] = []

    def get(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """See ``ReadStore.get``."""
        self.reads.append((offset, length))
        data = super().get(key, offset, length)
        if self._bad_offset is not None and offset <= self._bad_offset < offset + len(data):
            raise ObjectUnreadable(f"cannot read {key}")
        return data


def stored(folder: Path, texts: list[bytes]) -> tuple[bytearray, list[BlockPlace]]:
    """Store one block of each text side by side; return their bytes and their places."""
    data, places = bytearray(), []
    for text in texts:
        block = encode_block(CODEC_STORED, [ChunkInfo(digest(text), len(text))], text)
        places.append(BlockPlace(KEY, len(data), len(block)))
        data += block
    write(folder, data)
    return data, places


def write(folder: Path, data: bytes | bytearray) -> None:
    """Write the pack that holds all blocks, of which there is nothing else."""
    path = folder / KEY
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def read(store: LocalStore, run: list[BlockPlace]) -> list[bytes | None]:
    """Return what the blocks of a run hold, in order; ``None`` for what cannot be read."""
    found = list(read_run(store, run))
    assert [place for place, _ in found] == run
    return [bytes(block.original()) if block is not None else None for _, block in found]


def test_a_run_is_read_at_once(tmp_path: Path) -> None:
    """Several neighbours take one read, and all are given out."""
    texts = [b"one", b"two", b"three"]
    data, places = stored(tmp_path, texts)
    store = BadSector(str(tmp_path), None)
    assert read(store, places) == texts
    assert store.reads == [(0, len(data))]


@pytest.mark.parametrize("number", range(3))
def test_a_flipped_bit_costs_one_block(tmp_path: Path, number: int) -> None:
    """Of a run with a damaged block, all others are given out."""
    texts: list[bytes | None] = [b"one", b"two", b"three"]
    data, places = stored(tmp_path, [b"one", b"two", b"three"])
    data[places[number].offset + places[number].stored_bytes - 1] ^= 1
    write(tmp_path, data)
    texts[number] = None
    assert read(LocalStore(str(tmp_path)), places) == texts


@pytest.mark.parametrize("number", range(3))
def test_a_bad_sector_costs_one_block(tmp_path: Path, number: int) -> None:
    """Of a run that the disk does not give back whole, the other blocks are read alone."""
    texts: list[bytes | None] = [b"one", b"two", b"three"]
    _, places = stored(tmp_path, [b"one", b"two", b"three"])
    texts[number] = None
    assert read(BadSector(str(tmp_path), places[number].offset + 60), places) == texts


def test_a_pack_that_is_cut_off_or_gone_gives_what_is_left(tmp_path: Path) -> None:
    """Blocks behind the end of a pack are not there, and none are where there is no pack."""
    data, places = stored(tmp_path, [b"one", b"two", b"three"])
    write(tmp_path, data[:-1])
    assert read(LocalStore(str(tmp_path)), places) == [b"one", b"two", None]
    (tmp_path / KEY).unlink()
    assert read(LocalStore(str(tmp_path)), places) == [None, None, None]


def test_impossible_sizes_are_not_read(tmp_path: Path) -> None:
    """A place that says more bytes than a block can have asks nothing of the store."""
    store = BadSector(str(tmp_path), None)
    assert read(store, [BlockPlace(KEY, 0, 1 << 31)]) == [None]
    assert store.reads == []


def test_runs_are_neighbours_in_the_order_of_packs() -> None:
    """Neighbouring blocks are read together as far as the bound; packs as they first come."""
    large = RUN_BYTES_MAX * 3 // 4
    near = [BlockPlace("a", 100, 50), BlockPlace("a", 150, 60), BlockPlace("a", 300, 10)]
    far = [BlockPlace("b", 0, large), BlockPlace("b", large, large)]
    runs = list(block_runs([far[1], near[2], near[0], far[0], near[1]]))
    assert runs == [far[:1], far[1:], near[:2], near[2:]]
