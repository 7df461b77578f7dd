"""Where chunks are, as the index stores it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeAlias

from dedupstore.ids import ChunkId, PackId, SnapshotId


class ChunkLocation(NamedTuple):
    """A chunk's place: a slice of the original bytes of one block of one pack.

    ``ordinal`` is the chunk's number in the pack's table, from 0; ``block_offset`` and
    ``block_bytes`` bound the block as it is stored in the pack;
    ``chunk_offset`` and ``chunk_bytes`` bound the chunk in the block's original bytes.
    """

    pack: PackId
    ordinal: int
    block_offset: int
    block_bytes: int
    chunk_offset: int
    chunk_bytes: int


class IndexEntry(NamedTuple):
    """A chunk of one pack, before the pack has a number."""

    id: ChunkId
    ordinal: int
    block_offset: int
    block_bytes: int
    chunk_offset: int
    chunk_bytes: int


class ChunkMark(NamedTuple):
    """As much of a chunk's place as marking needs; see ``ChunkLocation``."""

    pack: PackId
    ordinal: int
    chunk_bytes: int


class IndexedPack(NamedTuple):
    """A pack that the index knows.

    ``kind`` and ``generation`` are those of the pack's header and trailer; ``chunk_count`` and
    ``original_bytes`` add up its table. Where that could not be read, the pack was searched for
    blocks, and may hold more. A dead pack waits to be removed: what is in it is still found by who
    began to read before, but counts as not stored.
    """

    id: PackId
    kind: int
    pack_bytes: int
    generation: int
    chunk_count: int
    original_bytes: int
    is_searched: bool = False
    is_dead: bool = False


class IndexedPacks(NamedTuple):
    """All packs of an index, and the repository's generation that it was made to agree with."""

    packs: tuple[IndexedPack, ...]
    generation: int


PackEntries: TypeAlias = tuple[IndexedPack, Sequence[IndexEntry]]
"""A pack and all of its chunks, as they are put into the index."""


SnapshotNote: TypeAlias = tuple[datetime, str]
"""What the index remembers of a snapshot's record: its time, and the name of its set."""


class IndexTotals(NamedTuple):
    """How many chunks there are, and how many original bytes they hold."""

    chunks: int
    chunks_bytes: int


ENTRY_VALUE = struct.Struct(">IIIIII")
"""Pack number, ordinal, block offset, block bytes, chunk offset, chunk bytes.

Big-endian, so that of the places of one chunk the first sorts first.
"""

ENTRY_ROW = struct.Struct(">32sIIIIII")
"""A chunk's id and its ``ENTRY_VALUE``."""

PACK_VALUE = struct.Struct("<32sBQQQQ??")
"""Pack id, kind, bytes, generation, chunk count, original bytes, whether searched, whether dead."""

PACK_KEY = struct.Struct(">I")
"""Pack number, big-endian so that the largest is the last key."""

GENERATION_VALUE = struct.Struct("<Q")
"""The repository's generation that an index agrees with."""

_NOTE = struct.Struct("<Iq")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode_note(snapshot: SnapshotId, note: SnapshotNote) -> bytes:
    """Return a note as the index stores it: a checksum, microseconds since 1970, the set's name.

    The checksum is over the snapshot's id and the rest: unlike the place of a chunk, a note that
    was changed by accident would not show when it is used.
    """
    time, set_name = note
    microseconds = (time - _EPOCH) // timedelta(microseconds=1)
    name = set_name.encode("utf-8", "surrogateescape")
    return _NOTE.pack(_note_checksum(snapshot, microseconds, name), microseconds) + name


def decode_note(snapshot: SnapshotId, value: bytes) -> SnapshotNote | None:
    """Read a note; ``None`` where it is not as it was written."""
    if len(value) < _NOTE.size:
        return None
    stored, microseconds = _NOTE.unpack_from(value)
    name = value[_NOTE.size :]
    if stored != _note_checksum(snapshot, microseconds, name):
        return None
    time = _EPOCH + timedelta(microseconds=microseconds)
    return time, name.decode("utf-8", "surrogateescape")


def _note_checksum(snapshot: SnapshotId, microseconds: int, name: bytes) -> int:
    return zlib.crc32(b"%b %d %b" % (snapshot, microseconds, name))
