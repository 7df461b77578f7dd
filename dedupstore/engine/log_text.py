"""The text of a log's file, however it was compressed on its host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.file_reader import FilePart, pieces_of, refuse_damage, zeros
from dedupstore.engine.twin_reader import entry_parts
from dedupstore.engine.unpacking import MAGIC_BYTES_MAX, Unpacker, unpacker_of
from dedupstore.errors import DamageError
from dedupstore.format.entry import Entry

# No program makes more than that of an empty file.
_EMPTY_PACKED_BYTES_MAX = 1024

Piece = bytes | memoryview | int
"""The next bytes of a text, or the number of those of a hole."""


def text_pieces(reader: ChunkReader, entry: Entry) -> Iterator[Piece]:
    """Yield the text of a file in pieces of bounded size, holes as their length.

    A twin has its text; of another compressed file, it is what it unpacks to; any other file is
    its text itself. Where an error ends it, what has been yielded is right; only of a compressed
    file whose own bytes are wrong, the end of that may be wrong, too.

    Raises:
        EOFError: the file is compressed and ends too early, as one that was still being written.
        ValueError: it is compressed and its own bytes are wrong, or nothing can unpack it.
        DamageError, UnsupportedFormat, StorageError: what is stored cannot be read.
    """
    parts = refuse_damage(entry_parts(reader, entry, plain=True))
    first = next(parts, None)
    if first is None:
        return
    whole = chain((first,), parts)
    unpack = _unpacker(entry, first)
    if unpack is not None:
        yield from unpack(pieces_of(whole))
    else:
        yield from own_pieces(whole)


def own_pieces(parts: Iterable[FilePart]) -> Iterator[Piece]:
    """Yield what parts of a file hold, none of which is damaged; holes as their length."""
    return (part_bytes if data is None else data for part_bytes, data, _ in parts)


def bytes_of(pieces: Iterable[Piece]) -> Iterator[bytes | memoryview]:
    """Yield the bytes of a text; holes as zeros of bounded length."""
    for piece in pieces:
        yield from zeros(piece) if isinstance(piece, int) else (piece,)


def first_pieces(pieces: Iterable[Piece], kept_bytes: int | None) -> Iterator[Piece]:
    """Yield the pieces of a text up to ``kept_bytes``, the last of them cut; all where ``None``."""
    for piece in pieces:
        piece_bytes = piece if isinstance(piece, int) else len(piece)
        if kept_bytes is not None and piece_bytes >= kept_bytes:
            yield kept_bytes if isinstance(piece, int) else piece[:kept_bytes]
            return
        if kept_bytes is not None:
            kept_bytes -= piece_bytes
        yield piece


def has_text(reader: ChunkReader, entry: Entry) -> bool:
    """Tell whether there is any text in a file; if it cannot be read, it is taken to have some.

    Raises:
        UnsupportedFormat, StorageError: what is stored cannot be read.
    """
    if entry.twin is not None:
        return entry.twin.plain_bytes > 0
    if entry.size > _EMPTY_PACKED_BYTES_MAX or not entry.size:
        return entry.size > 0
    try:
        return any(text_pieces(reader, entry))
    except (EOFError, ValueError, DamageError):
        return True


def is_packed(reader: ChunkReader, entry: Entry) -> bool:
    """Tell whether a file is compressed and stored so: its text is only there once unpacked.

    Raises:
        DamageError, UnsupportedFormat, StorageError: what is stored cannot be read.
    """
    first = next(refuse_damage(entry_parts(reader, entry, plain=True)), None)
    return first is not None and _unpacker(entry, first) is not None


def _unpacker(entry: Entry, first: FilePart) -> Unpacker | None:
    if entry.twin is not None or first.data is None:
        return None
    return unpacker_of(bytes(first.data[:MAGIC_BYTES_MAX]))
