"""Streams: how they are read does not matter, and an edit changes cuts only near it."""

from __future__ import annotations

import random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from dedupstore.chunking import Chunker, ChunkingParameters
from dedupstore.chunking.window import BufferedWindow
from golden.chunking.inputs import log_lines, random_bytes

PARAMETERS = ChunkingParameters.for_target(4096)
RANDOM = random_bytes("stream", 300_000)
LOG = log_lines("stream", 300_000)


class SplitReader:
    """Gives data in pieces of chosen lengths, over and over."""

    def __init__(self, data: bytes, piece_bytes: list[int]) -> None:
        self._data = data
        self._piece_bytes = piece_bytes
        self._reads = 0
        self._offset = 0

    def read_into(self, view: memoryview) -> int:
        """Fill at most the next piece's length of the view."""
        wanted = self._piece_bytes[self._reads % len(self._piece_bytes)]
        self._reads += 1
        piece = self._data[self._offset : self._offset + min(wanted, len(view))]
        view[: len(piece)] = piece
        self._offset += len(piece)
        return len(piece)


@given(
    data_bytes=st.integers(0, 100_000),
    piece_bytes=st.lists(st.integers(1, 50_000), min_size=1, max_size=8),
    buffer_bytes=st.integers(2 * PARAMETERS.max_bytes, 6 * PARAMETERS.max_bytes),
)
@example(data_bytes=0, piece_bytes=[1], buffer_bytes=2 * PARAMETERS.max_bytes)
def test_cuts_do_not_depend_on_reads(
    data_bytes: int, piece_bytes: list[int], buffer_bytes: int
) -> None:
    """A stream read in any pieces through any buffer is cut as the same bytes at once."""
    data = LOG[:data_bytes]
    chunker = Chunker(PARAMETERS)
    reader = SplitReader(data, piece_bytes)
    window = BufferedWindow(reader.read_into, bytearray(buffer_bytes))
    batches = chunker.batches(window, window.show(0))
    chunks = [bytes(chunk) for batch in batches for chunk in batch.views()]
    cuts = chunker.find_cuts(data, 0, len(data), True)
    assert chunks == [data[i:j] for i, j in zip([0, *cuts], cuts, strict=False)]


@given(
    data=st.sampled_from([RANDOM, LOG]),
    offset=st.integers(0, 150_000),
    removed_bytes=st.integers(0, 5000),
    inserted=st.tuples(st.integers(0, 5000), st.integers(0, 2**32)),
)
@settings(max_examples=50)
def test_cuts_resynchronise_after_an_edit(
    data: bytes, offset: int, removed_bytes: int, inserted: tuple[int, int]
) -> None:
    """After bytes were replaced, cuts before are the same and cuts far behind come again."""
    new = random.Random(inserted[1]).randbytes(inserted[0])
    edited = data[:offset] + new + data[offset + removed_bytes :]
    chunker = Chunker(PARAMETERS)
    cuts = chunker.find_cuts(data, 0, len(data), True)
    cuts_edited = chunker.find_cuts(edited, 0, len(edited), True)

    before = offset - PARAMETERS.max_bytes
    assert [cut for cut in cuts if cut <= before] == [cut for cut in cuts_edited if cut <= before]

    shift = len(edited) - len(data)
    behind = offset + removed_bytes + 8 * PARAMETERS.max_bytes
    assert [cut + shift for cut in cuts if cut >= behind] == [
        cut for cut in cuts_edited if cut >= behind + shift
    ]
