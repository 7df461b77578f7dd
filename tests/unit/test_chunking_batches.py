"""Batches: what cutting a stream through one buffer promises."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator

import pytest

from dedupstore.chunking import Chunker, ChunkingParameters
from dedupstore.chunking.chunks import Chunks
from dedupstore.chunking.window import BufferedWindow, HeldWindow, ReadInto
from golden.chunking.inputs import log_lines

PARAMETERS = ChunkingParameters.for_target(4096)
BUFFER_BYTES = 4 * PARAMETERS.max_bytes


def batches(read_into: ReadInto, buffer: bytearray) -> Iterator[Chunks]:
    """Cut a stream that is read through one buffer."""
    window = BufferedWindow(read_into, buffer)
    return Chunker(PARAMETERS).batches(window, window.show(0))


def test_chunks_are_views_of_the_buffer() -> None:
    """Chunks are not copied: each is a view of the one buffer."""
    buffer = bytearray(BUFFER_BYTES)
    source = io.BytesIO(log_lines("views", 200_000))
    for batch in batches(source.readinto, buffer):
        assert all(chunk.obj is buffer for chunk in batch.views())


def test_empty_stream_has_no_batches() -> None:
    """A stream without bytes gives nothing, not an empty chunk."""
    source = io.BytesIO()
    assert list(batches(source.readinto, bytearray(BUFFER_BYTES))) == []


def test_buffer_is_too_small() -> None:
    """A buffer in which a chunk may have no end is refused, rather than read into for ever."""
    source = io.BytesIO(bytes(BUFFER_BYTES))
    with pytest.raises(ValueError, match="too small"):
        next(batches(source.readinto, bytearray(PARAMETERS.max_bytes - 1)))


@pytest.mark.parametrize("answer", [None, -1, BUFFER_BYTES + 1])
def test_impossible_read_is_refused(answer: int | None) -> None:
    """A read that did not happen, or gave more than fits, raises and yields nothing."""
    with pytest.raises(ValueError, match="read_into returned"):
        next(batches(lambda view: answer, bytearray(BUFFER_BYTES)))


def test_error_of_a_read_is_passed_on() -> None:
    """What the source raises reaches the caller after the batches before it."""
    data = log_lines("failing", BUFFER_BYTES)
    reads = iter([len(data)])

    def read_into(view: memoryview) -> int:
        for count in reads:
            view[:count] = data
            return count
        raise OSError("the disk is gone")

    cut = batches(read_into, bytearray(BUFFER_BYTES))
    assert next(cut).ends
    with pytest.raises(OSError, match="the disk is gone"):
        next(cut)


def test_memory_does_not_grow_with_the_stream() -> None:
    """A stream of 200 buffers takes a few buffers' worth of memory at most."""
    buffer = bytearray(BUFFER_BYTES)
    rounds = iter(range(200))

    def read_into(view: memoryview) -> int:
        return len(view) if next(rounds, None) is not None else 0

    tracemalloc.start()
    try:
        stream_bytes = sum(sum(batch.lengths()) for batch in batches(read_into, buffer))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert stream_bytes > 100 * BUFFER_BYTES
    assert peak_bytes < 10 * BUFFER_BYTES


def test_what_is_in_memory_is_cut_where_it_lies() -> None:
    """A stream of which all is at hand has the chunks of its bytes, and is shown once."""
    data = log_lines("held", 3 * BUFFER_BYTES)
    window = HeldWindow(memoryview(data))
    [batch] = Chunker(PARAMETERS).batches(window, window.show(0))
    assert list(batch.ends) == Chunker(PARAMETERS).find_cuts(data, 0, len(data), True)
    assert batch.data.obj is data
