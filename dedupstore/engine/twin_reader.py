"""Reading files back as they were: those that are kept as twins are rebuilt from their text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.file_reader import FilePart, pieces_of, read_file_parts, read_what_is_left
from dedupstore.errors import DamageError, FormatError
from dedupstore.format.entry import Entry, Twin
from dedupstore.format.hashing import DigestStream
from dedupstore.twins import rebuild


def entry_parts(reader: ChunkReader, entry: Entry, *, plain: bool = False) -> Iterator[FilePart]:
    """Yield the parts of a file in order, with parts that name their damage where it is lost.

    They add up to the entry's size. A file that is kept as a twin is rebuilt from its text and held
    against its id (M-30): where that fails, all that has not been yielded yet is lost, at least the
    last part. So until the end has come without damage, what is yielded of such a file is not
    proved. With ``plain`` its text is yielded instead, which adds up to ``plain_bytes``; other
    files are yielded as they are.

    Raises:
        FormatError: the list in the entry itself is wrong.
        UnsupportedFormat, StorageError: see ``ChunkReader.read``.
    """
    if entry.twin is None or plain:
        return read_what_is_left(reader, entry.content)
    return _rebuilt_parts(reader, entry, entry.twin)


def as_plain(entry: Entry) -> Entry:
    """Return the entry of the text of a file, at the same path; other entries as they are."""
    if entry.twin is None:
        return entry
    return replace(entry, size=entry.twin.plain_bytes, twin=None)


def read_recipe(reader: ChunkReader, twin: Twin) -> bytes:
    """Return the recipe of a twin.

    Raises:
        ChunkUnreadable, FormatError, UnsupportedFormat, StorageError: see ``ChunkReader.read``;
            a recipe has no holes.
    """
    if twin.recipe:
        return twin.recipe
    # Not a list of parts: there may be one for each byte, and each would keep its block in memory.
    recipe = bytearray()
    for part in read_file_parts(reader, twin.recipe_content):
        if part.data is None:
            raise FormatError("a recipe has a hole")
        recipe += part.data
    return bytes(recipe)


def rebuilt_file(
    entry: Entry, twin: Twin, recipe: bytes, text: Iterable[bytes | memoryview]
) -> Iterator[bytes]:
    """Yield a file in pieces, made of its text and recipe, the last one only if all are the file.

    What has been yielded before is not proved until the end has come.

    Raises:
        FormatError: the recipe breaks a rule, does not fit the text, or gives another file.
    """
    return _proved_at_the_end(rebuild(recipe, text), entry.size, twin)


def _rebuilt_parts(reader: ChunkReader, entry: Entry, twin: Twin) -> Iterator[FilePart]:
    yielded_bytes = 0
    try:
        recipe = read_recipe(reader, twin)
        text = pieces_of(read_file_parts(reader, entry.content))
        for piece in rebuilt_file(entry, twin, recipe, text):
            yield FilePart(len(piece), memoryview(piece))
            yielded_bytes += len(piece)
    except DamageError as damage:
        yield FilePart(entry.size - yielded_bytes, None, damage)


def _proved_at_the_end(pieces: Iterable[bytes], size: int, twin: Twin) -> Iterator[bytes]:
    """Yield pieces of a file, the last one only if all of them are the file of ``twin``.

    Raises:
        FormatError: they are not.
    """
    hasher = DigestStream()
    rebuilt_bytes = 0
    held_back = b""
    for piece in pieces:
        rebuilt_bytes += len(piece)
        if rebuilt_bytes > size:
            raise _not_the_file()
        hasher.update(piece)
        if held_back:
            yield held_back
        held_back = piece
    if rebuilt_bytes != size or hasher.digest() != twin.file_id:
        raise _not_the_file()
    if held_back:
        yield held_back


def _not_the_file() -> FormatError:
    return FormatError("what its text and recipe give is not the file that was stored")
