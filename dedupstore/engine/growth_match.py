"""Telling whether one stored file is the beginning of another."""

from __future__ import annotations

from itertools import zip_longest

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.file_reader import read_range
from dedupstore.engine.tree_reader import content_extents
from dedupstore.format.entry import Content
from dedupstore.limits import MIB

_TAIL_BYTES_MAX = 4 * MIB


def begins_with(reader: ChunkReader, longer: Content, shorter: Content) -> bool:
    """Tell whether ``longer`` begins with all of ``shorter`` and goes on behind it.

    Equal chunks are compared by id. Where the shorter file ends, chunks are cut differently; up
    to 4 MiB are then read and compared. Files that differ earlier count as different.

    Raises:
        ChunkUnreadable, FormatError, UnsupportedFormat, StorageError: the files cannot be read.
    """
    shorter_bytes = shorter.content_bytes
    if longer.content_bytes <= shorter_bytes:
        return False
    matched_bytes = 0
    for ours, theirs in zip_longest(
        content_extents(reader, shorter), content_extents(reader, longer)
    ):
        if ours is None:
            return True
        if ours != theirs:
            break
        matched_bytes += ours.extent_bytes
    if shorter_bytes - matched_bytes > _TAIL_BYTES_MAX:
        return False
    tails = [
        b"".join(read_range(reader, content, matched_bytes, shorter_bytes))
        for content in (shorter, longer)
    ]
    return tails[0] == tails[1]
