"""Reading the content of a file back: its chunks in order, its holes, and what of it is lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, TypeGuard

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.tree_reader import LostExtent, content_extents, readable_extents
from dedupstore.errors import DamageError, FormatError
from dedupstore.format.entry import Content
from dedupstore.format.pieces import HOLE_ID, Extent

_WINDOW_EXTENTS = 2048
_RANGES_SHOWN = 10


class FilePart(NamedTuple):
    """A run of a file: its length, and its bytes.

    ``data`` is ``None`` for a hole, and where the bytes are lost: then ``damage`` says why.
    """

    part_bytes: int
    data: memoryview | None
    damage: DamageError | None = None


class ByteRange(NamedTuple):
    """The bytes of a file from offset ``begin`` up to, but without, ``end``."""

    begin: int
    end: int


def read_file_parts(reader: ChunkReader, content: Content) -> Iterator[FilePart]:
    """Yield the parts of a file in order; every chunk has been held against its id.

    Raises:
        ChunkUnreadable, FormatError, UnsupportedFormat, StorageError: see ``ChunkReader.read``.
    """
    return refuse_damage(read_what_is_left(reader, content))


def read_what_is_left(reader: ChunkReader, content: Content) -> Iterator[FilePart]:
    """Yield the parts of a file in order, with parts that name their damage where it is lost.

    Raises:
        FormatError: the list in the entry itself is wrong.
        UnsupportedFormat, StorageError: see ``ChunkReader.read``.
    """
    extents = readable_extents(reader, content)
    while window := list(islice(extents, _WINDOW_EXTENTS)):
        chunks = reader.stream_readable([extent.id for extent in window if _is_chunk(extent)])
        for extent in window:
            if isinstance(extent, LostExtent):
                yield FilePart(extent.extent_bytes, None, extent.damage)
            elif extent.id == HOLE_ID:
                yield FilePart(extent.extent_bytes, None)
            else:
                yield _part_of(extent, next(chunks))


def refuse_damage(parts: Iterable[FilePart]) -> Iterator[FilePart]:
    """Yield parts of a file up to the first that is lost, whose damage is raised."""
    for part in parts:
        if part.damage is not None:
            raise part.damage
        yield part


def pieces_of(parts: Iterable[FilePart]) -> Iterator[memoryview]:
    """Yield the bytes of parts, none of which may be lost; holes as zeros of bounded length."""
    for part_bytes, data, _ in parts:
        if data is None:
            yield from zeros(part_bytes)
        else:
            yield data


def _is_chunk(extent: Extent | LostExtent) -> TypeGuard[Extent]:
    return isinstance(extent, Extent) and extent.id != HOLE_ID


def _part_of(extent: Extent, chunk: memoryview | DamageError) -> FilePart:
    if isinstance(chunk, DamageError):
        return FilePart(extent.extent_bytes, None, chunk)
    if len(chunk) != extent.extent_bytes:
        damage = FormatError("a chunk has another length than its list says")
        return FilePart(extent.extent_bytes, None, damage)
    return FilePart(len(chunk), chunk)


class LossTally:
    """Counts what of a file is lost while its parts pass through.

    ``missing`` are the lost ranges in order, neighbours as one; ``damage`` is what the first of
    them is lost by. ``data_bytes`` counts the bytes that are left, without holes.
    """

    def __init__(self, parts: Iterable[FilePart]) -> None:
        self._parts = parts
        self.missing: list[ByteRange] = []
        self.damage: DamageError | None = None
        self.data_bytes = 0

    def __iter__(self) -> Iterator[FilePart]:
        position = 0
        for part in self._parts:
            end = position + part.part_bytes
            if part.damage is not None:
                self._lost(position, end, part.damage)
            elif part.data is not None:
                self.data_bytes += part.part_bytes
            position = end
            yield part

    def _lost(self, begin: int, end: int, damage: DamageError) -> None:
        self.damage = self.damage or damage
        if self.missing and self.missing[-1].end == begin:
            begin = self.missing.pop().begin
        self.missing.append(ByteRange(begin, end))


def describe_missing(missing: Sequence[ByteRange], file_bytes: int) -> str:
    """Say which bytes of a file are missing, the last of each range included."""
    if list(missing) == [(0, file_bytes)]:
        return f"all of its {file_bytes} bytes are missing"
    shown = ", ".join(_range_text(*each) for each in missing[:_RANGES_SHOWN])
    more = len(missing) - _RANGES_SHOWN
    if more > 0:
        shown += f" and {more} more ranges"
    return f"bytes {shown} of {file_bytes} are missing"


def _range_text(begin: int, end: int) -> str:
    return f"{begin}-{end - 1}" if end - begin > 1 else str(begin)


def read_range(reader: ChunkReader, content: Content, begin: int, end: int) -> Iterator[memoryview]:
    """Yield the bytes of a file from offset ``begin`` up to ``end``; holes as zeros.

    Only the chunks that overlap the range are read.

    Raises:
        ChunkUnreadable, FormatError, UnsupportedFormat, StorageError: see ``ChunkReader.read``.
    """
    position = 0
    for extent in content_extents(reader, content):
        extent_end = position + extent.extent_bytes
        if position >= end:
            return
        if extent_end > begin:
            cut_begin, cut_end = max(begin, position), min(end, extent_end)
            if extent.id == HOLE_ID:
                yield from zeros(cut_end - cut_begin)
            else:
                chunk = reader.read(extent.id)
                yield chunk[cut_begin - position : cut_end - position]
        position = extent_end


_ZEROS = memoryview(bytes(1024 * 1024))


def zeros(length: int) -> Iterator[memoryview]:
    """Yield ``length`` zero bytes in pieces of bounded size."""
    while length:
        step = min(length, len(_ZEROS))
        yield _ZEROS[:step]
        length -= step
