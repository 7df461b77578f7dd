"""Chunk lists as an entry holds them (docs/format/manifests.md)."""

from __future__ import annotations

from typing import NamedTuple

from dedupstore.errors import FormatError
from dedupstore.format.pieces import (
    EXTENT,
    EXTENT_BYTES,
    HOLE_ID,
    Extent,
    decode_extents,
    encode_extents,
)
from dedupstore.ids import ChunkId
from dedupstore.limits import CHUNK_BYTES_MAX, INLINE_EXTENTS_MAX, TREE_LEVELS_MAX


class Content(NamedTuple):
    """The chunk list of a file.

    ``level`` 0: ``extents`` are its chunks and holes. Above: they refer to pieces of that level,
    which hold the extents of the level below.
    """

    level: int
    extents: tuple[Extent, ...]

    @property
    def content_bytes(self) -> int:
        """Length in bytes of what the list leads to."""
        return sum(extent.extent_bytes for extent in self.extents)


EMPTY_CONTENT = Content(0, ())


def encode_content(content: Content) -> bytes:
    """Return the level (u8) of a chunk list and its extents."""
    return bytes((content.level,)) + encode_extents(content.extents)


def glance_at_chunks(stored: bytes, content_bytes: int) -> tuple[ChunkId, ...] | None:
    """Return the chunks and holes of a list, if it is sound, ``content_bytes`` long and no tree.

    ``None`` where it is not, or may not be. It takes a fifth of the time of ``decode_content``.
    """
    count, rest_bytes = divmod(len(stored) - 1, EXTENT_BYTES)
    if rest_bytes or stored[0] or count > INLINE_EXTENTS_MAX:
        return None
    if count == 1:
        # Most files have one chunk.
        extent_bytes, id_ = EXTENT.unpack_from(stored, 1)
        return (id_,) if 0 < extent_bytes == content_bytes <= CHUNK_BYTES_MAX else None
    if not count:
        return None if content_bytes else ()
    lengths, ids = zip(*EXTENT.iter_unpack(stored[1:]), strict=True)
    is_sound = sum(lengths) == content_bytes and 0 < min(lengths) <= max(lengths) <= CHUNK_BYTES_MAX
    return ids if is_sound else None


def decode_content(stored: bytes | memoryview) -> Content:
    """Read a chunk list that fills ``stored``.

    Raises:
        FormatError: the level or the number of extents is out of range, or an extent cannot be.
    """
    if not len(stored) or stored[0] > TREE_LEVELS_MAX:
        raise FormatError("a file's chunk list has no level, or one that is out of range")
    if len(stored) > 1 + INLINE_EXTENTS_MAX * EXTENT_BYTES:
        raise FormatError("an entry holds more extents than may stand in it")
    content = Content(stored[0], tuple(decode_extents(stored[1:])))
    if content.level and not content.extents:
        raise FormatError("a file has a tree of pieces without a piece")
    check_level_extents(content.level, content.extents)
    return content


def check_level_extents(level: int, extents: tuple[Extent, ...] | list[Extent]) -> None:
    """Reject extents that cannot stand at ``level``: holes and oversized chunks.

    Raises:
        FormatError: a hole above level 0, or a chunk longer than a chunk may be.
    """
    for extent in extents:
        if extent.id == HOLE_ID:
            if level:
                raise FormatError("a hole stands where a piece should be")
        elif not level and extent.extent_bytes > CHUNK_BYTES_MAX:
            raise FormatError(f"a chunk list names a chunk of {extent.extent_bytes} bytes")
