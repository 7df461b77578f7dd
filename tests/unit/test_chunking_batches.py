"""Batches: what reading a stream through one buffer promises."""

from __future__ import annotations

import io
import tracemalloc

import pytest

from dedupstore.chunking import Chunker, ChunkingParameters
from golden.chunking.inputs import log_lines

PARAMETERS = ChunkingParameters.for_target(4096)
BUFFER_BYTES = 4 * PARAMETERS.max_bytes


def test_chunks_are_views_of_the_buffer() -> None:
    """Chunks are not copied: each is a view of the one buffer."""
    buffer = bytearray(BUFFER_BYTES)
    source = io.BytesIO(log_lines("views", 200_000))
    for batch in Chunker(PARAMETERS).batches(source.readinto, buffer):
        assert all(chunk.obj is buffer for chunk in batch)


def test_empty_stream_has_no_batches() -> None:
    """A stream without bytes gives nothing, not an empty chunk."""
    source = io.BytesIO()
    assert list(Chunker(PARAMETERS).batches(source.readinto, bytearray(BUFFER_BYTES))) == []


def test_buffer_is_too_small() -> None:
    """A buffer below 2 * max_bytes is refused before anything is read."""
    source = io.BytesIO(b"unread")
    with pytest.raises(ValueError, match="shorter"):
        next(Chunker(PARAMETERS).batches(source.readinto, bytearray(2 * PARAMETERS.max_bytes - 1)))
    assert source.tell() == 0


@pytest.mark.parametrize("answer", [None, -1, BUFFER_BYTES + 1])
def test_impossible_read_is_refused(answer: int | None) -> None:
    """A read that did not happen, or gave more than fits, raises and yields nothing."""
    batches = Chunker(PARAMETERS).batches(lambda view: answer, bytearray(BUFFER_BYTES))
    with pytest.raises(ValueError, match="read_into returned"):
        next(batches)


def test_error_of_a_read_is_passed_on() -> None:
    """What the source raises reaches the caller after the batches before it."""
    data = log_lines("failing", BUFFER_BYTES)
    reads = iter([len(data)])

    def read_into(view: memoryview) -> int:
        for count in reads:
            view[:count] = data
            return count
        raise OSError("the disk is gone")

    batches = Chunker(PARAMETERS).batches(read_into, bytearray(BUFFER_BYTES))
    assert next(batches)
    with pytest.raises(OSError, match="the disk is gone"):
        next(batches)


def test_memory_does_not_grow_with_the_stream() -> None:
    """A stream of 200 buffers takes a few buffers' worth of memory at most."""
    buffer = bytearray(BUFFER_BYTES)
    rounds = iter(range(200))

    def read_into(view: memoryview) -> int:
        return len(view) if next(rounds, None) is not None else 0

    chunker = Chunker(PARAMETERS)
    tracemalloc.start()
    try:
        stream_bytes = sum(
            len(chunk) for batch in chunker.batches(read_into, buffer) for chunk in batch
        )
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert stream_bytes > 100 * BUFFER_BYTES
    assert peak_bytes < 10 * BUFFER_BYTES
