"""Where chunks are, as the index stores it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from dedupstore.ids import ChunkId, PackId


class ChunkLocation(NamedTuple):
    """A chunk's place: a slice of the original bytes of one block of one pack.

    ``block_offset`` and ``block_bytes`` bound the block as it is stored in the pack;
    ``chunk_offset`` and ``chunk_bytes`` bound the chunk in the block's original bytes.
    """

    pack: PackId
    block_offset: int
    block_bytes: int
    chunk_offset: int
    chunk_bytes: int


class IndexEntry(NamedTuple):
    """A chunk of one pack, before the pack has a number."""

    id: ChunkId
    block_offset: int
    block_bytes: int
    chunk_offset: int
    chunk_bytes: int


class IndexedPack(NamedTuple):
    """A pack that the index knows. ``kind`` is the number in the pack's header."""

    id: PackId
    kind: int
    pack_bytes: int


PackEntries: TypeAlias = tuple[IndexedPack, Sequence[IndexEntry]]
"""A pack and all of its chunks, as they are put into the index."""


class IndexTotals(NamedTuple):
    """How many chunks there are, and how many original bytes they hold."""

    chunks: int
    chunks_bytes: int


ENTRY_VALUE = struct.Struct("<IIIII")
"""Pack number, block offset, block bytes, chunk offset, chunk bytes."""

PACK_VALUE = struct.Struct("<32sBQ")
"""Pack id, kind, bytes."""

PACK_KEY = struct.Struct(">I")
"""Pack number, big-endian so that the largest is the last key."""
