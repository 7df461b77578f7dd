"""Reading many blocks in the order they are stored, neighbours at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from dedupstore.engine.block_cache import BlockPlace
from dedupstore.engine.pack_reader import read_block
from dedupstore.errors import DedupstoreError
from dedupstore.format.block import Block, decode_block
from dedupstore.limits import KIB
from dedupstore.storage.contract import ReadStore

RUN_BYTES_MAX = 512 * KIB
"""Stored bytes of neighbouring blocks that are read at once; larger blocks are read alone."""


def block_runs(places: Collection[BlockPlace]) -> Iterator[list[BlockPlace]]:
    """Yield ``places`` in the order they are stored, what is read at once in one list.

    Packs come in the order of ``places``: where that is the order in which blocks are used, reading
    and writing both go forward.
    """
    run: list[BlockPlace] = []
    run_bytes = 0
    ranks = {key: rank for rank, key in enumerate(dict.fromkeys(place.key for place in places))}
    for place in sorted(places, key=lambda place: (ranks[place.key], place.offset)):
        if run and not (
            place.key == run[-1].key
            and place.offset == run[-1].offset + run[-1].stored_bytes
            and run_bytes + place.stored_bytes <= RUN_BYTES_MAX
        ):
            yield run
            run, run_bytes = [], 0
        run.append(place)
        run_bytes += place.stored_bytes
    if run:
        yield run


def read_run(
    store: ReadStore, run: Sequence[BlockPlace]
) -> Iterator[tuple[BlockPlace, Block | None]]:
    """Yield the blocks of a run with their places; ``None`` for what cannot be read.

    Whoever must know why, or needs what is left, reads the chunks one by one (``ChunkReader``).
    """
    if len(run) == 1:
        yield run[0], _block_or_none(store, run[0])
        return
    begin, end = run[0].offset, run[-1].offset + run[-1].stored_bytes
    try:
        data = memoryview(store.get(run[0].key, begin, end - begin))
    except DedupstoreError:
        # A bad sector hides only the block that it lies in.
        for place in run:
            yield place, _block_or_none(store, place)
        return
    for place in run:
        block_begin = place.offset - begin
        try:
            block = decode_block(data[block_begin : block_begin + place.stored_bytes])
        except DedupstoreError:
            yield place, None
        else:
            yield place, block


def _block_or_none(store: ReadStore, place: BlockPlace) -> Block | None:
    try:
        return read_block(store, *place)
    except DedupstoreError:
        return None
