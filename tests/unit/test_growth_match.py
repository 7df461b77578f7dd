"""Comparing stored files that may be cut into other chunks."""

from __future__ import annotations

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.growth_match import begins_with, have_same_bytes
from dedupstore.format.content import Content
from dedupstore.format.hashing import digest
from dedupstore.format.pieces import HOLE_ID, Extent
from dedupstore.ids import ChunkId
from sample_repository import log_lines

TEXT = log_lines(300, seed=1)


class Chunks(ChunkReader):
    """Chunks in memory; ``read_bytes`` counts what was read of them."""

    def __init__(self) -> None:
        self.read_bytes = 0
        self._chunks: dict[ChunkId, bytes] = {}

    def read(self, id_: ChunkId) -> memoryview:
        """See ``ChunkReader.read``."""
        self.read_bytes += len(self._chunks[id_])
        return memoryview(self._chunks[id_])

    def cut(self, data: bytes, *lengths: int) -> Content:
        """Return the list of ``data`` in chunks of the given lengths and one with the rest.

        A negative length is that of a hole.
        """
        extents, begin = [], 0
        for length in (*lengths, len(data)):
            chunk = data[begin : begin + abs(length)]
            id_ = digest(chunk) if length > 0 else HOLE_ID
            self._chunks[id_] = chunk
            extents += [Extent(len(chunk), id_)] if chunk else []
            begin += len(chunk)
        return Content(0, tuple(extents))


def test_equal_bytes_are_equal_however_they_are_cut() -> None:
    """Where the chunks differ the bytes decide, and one other byte is a difference."""
    chunks = Chunks()
    whole = chunks.cut(TEXT, 2000, 3000)
    assert have_same_bytes(chunks, whole, chunks.cut(TEXT, 2000, 1000, 1500, 4000))
    assert not have_same_bytes(chunks, whole, chunks.cut(TEXT[:-1] + b"~", 2000, 1000))
    assert not have_same_bytes(chunks, whole, chunks.cut(TEXT[:-1], 2000, 3000))


def test_growth_is_found_behind_any_cut() -> None:
    """A log begins with what it was, though its chunks end where it ended in between."""
    chunks = Chunks()
    older, newer = chunks.cut(TEXT[:-500], 4000, 1000), chunks.cut(TEXT, 2000, 700, 2300)
    assert begins_with(chunks, newer, older)
    assert not begins_with(chunks, older, newer)
    assert not begins_with(chunks, newer, newer)
    assert not begins_with(chunks, newer, chunks.cut(b"~" + TEXT[1:-500]))


def test_only_what_is_cut_differently_is_read() -> None:
    """Chunks that lie side by side in both files are not read, nor what follows a difference."""
    chunks = Chunks()
    first, second = chunks.cut(TEXT, 5000, 600, 400, 1000), chunks.cut(TEXT, 5000, 1000, 1000)
    assert have_same_bytes(chunks, first, second)
    assert chunks.read_bytes == 2 * 1000
    chunks.read_bytes = 0
    changed = TEXT[:5100] + b"~" + TEXT[5101:]
    assert not have_same_bytes(chunks, first, chunks.cut(changed, 5000, 1000, 1000))
    assert chunks.read_bytes == 600 + 1000


def test_holes_are_zeros() -> None:
    """A hole equals a hole of any other length, and zeros that are stored."""
    chunks = Chunks()
    data = bytes(3000) + TEXT
    holes = chunks.cut(data, -3000)
    assert have_same_bytes(chunks, holes, chunks.cut(data, -1000, -2000))
    assert have_same_bytes(chunks, holes, chunks.cut(data, -1000, 2500))
    assert not have_same_bytes(chunks, holes, chunks.cut(b"~" + data[1:], 2500))
