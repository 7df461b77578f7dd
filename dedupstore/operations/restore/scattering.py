"""Writing the chunks of one block to all the places in files that want them."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import TypeAlias

from dedupstore.engine.block_cache import BlockPlace
from dedupstore.engine.block_runs import read_run
from dedupstore.errors import DedupstoreError
from dedupstore.format.block import Block
from dedupstore.format.hashing import digest
from dedupstore.ids import ChunkId
from dedupstore.limits import BLOCK_BYTES_TARGET
from dedupstore.operations.restore.planned_file import PlannedFile
from dedupstore.storage.contract import ReadStore

Destination: TypeAlias = tuple[PlannedFile, int, int]
"""Where a chunk is wanted: in which file, at which offset, and how long it is said to be."""

Wanted: TypeAlias = dict[ChunkId, list[Destination]]
"""The chunks that are wanted, and where."""

_buffers = threading.local()


def scatter_run(store: ReadStore, run: Mapping[BlockPlace, Wanted]) -> int:
    """Read neighbouring blocks, and write what is wanted of each; return how many bytes that were.

    Files whose bytes cannot be had are given up.

    Raises:
        OSError: there is no room for what is written.
    """
    written_bytes = 0
    for place, block in read_run(store, list(run)):
        wanted = run[place]
        try:
            if block is not None:
                written_bytes += _scatter(block, wanted)
        except DedupstoreError:
            pass
        for destinations in wanted.values():
            give_up(destinations)
    return written_bytes


def give_up(destinations: Collection[Destination]) -> None:
    """Give up the files that want a chunk which cannot be had."""
    for file, _, _ in destinations:
        file.is_given_up = True


def _scatter(block: Block, wanted: Wanted) -> int:
    """Write what is ``wanted`` of a block, and take out of it what the block has.

    Bytes that are neighbours in the block and in a file are written at once.
    """
    original = _original(block)
    spans: list[tuple[PlannedFile, int, int, int]] = []
    open_spans: dict[tuple[PlannedFile, int], tuple[int, int]] = {}
    begin = 0
    for id_, chunk_bytes in block.chunks:
        end = begin + chunk_bytes
        if id_ in wanted and digest(original[begin:end]) == id_:
            for file, offset, expected_bytes in wanted.pop(id_):
                if expected_bytes != chunk_bytes:
                    file.is_given_up = True
                    continue
                shift = offset - begin
                span = open_spans.get((file, shift))
                if span is not None and span[1] == begin:
                    open_spans[file, shift] = (span[0], end)
                    continue
                if span is not None:
                    spans.append((file, shift, *span))
                open_spans[file, shift] = (begin, end)
        begin = end
    spans += [(file, shift, *span) for (file, shift), span in open_spans.items()]
    written_bytes = 0
    for file, shift, begin, end in spans:
        if not file.is_given_up:
            file.write(original[begin:end], shift + begin)
            # Of texts, nobody has said how long they are.
            written_bytes += 0 if file.text_bytes else end - begin
    return written_bytes


def _original(block: Block) -> memoryview:
    """Return the original bytes of a block, in memory that the next block of this thread takes."""
    buffer = _buffer()
    original_bytes = block.header.original_bytes
    if original_bytes > len(buffer):
        return memoryview(block.original())
    block.original_into(buffer[:original_bytes])
    return buffer[:original_bytes]


def _buffer() -> memoryview:
    """Return memory of this thread to decode a block into, which must not be kept."""
    buffer: memoryview | None = getattr(_buffers, "block", None)
    if buffer is None:
        buffer = _buffers.block = memoryview(bytearray(BLOCK_BYTES_TARGET))
    return buffer
