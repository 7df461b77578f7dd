"""Storing the text of a gzip file and the recipe that rebuilds it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dedupstore.engine.monitor import Monitor
from dedupstore.format.content import EMPTY_CONTENT, Content
from dedupstore.format.hashing import DigestStream
from dedupstore.format.twin import Twin
from dedupstore.limits import RECIPE_INLINE_BYTES_MAX
from dedupstore.operations.snapshot.file_content import ContentReader
from dedupstore.operations.snapshot.followed_list import FollowedList
from dedupstore.operations.snapshot.source_file import SourceFile
from dedupstore.operations.snapshot.twin_proofs import TwinProof, file_pieces
from dedupstore.twins import inflate


class TwinContent(NamedTuple):
    """The text of a file and how to rebuild the file from it."""

    content: Content
    twin: Twin


def store_twin(
    reader: ContentReader, file: SourceFile, proof: TwinProof, followed: FollowedList | None
) -> TwinContent | None:
    """Store the text of a file that has been proved, and its recipe where it is long.

    The text is cut as ``followed`` says, as far as it fits. The file is read a second time.
    ``None`` where it changed meanwhile: the proof is of other bytes, and what was stored of the
    text is left over.

    Raises:
        OSError: the file cannot be read.
        DamageError, NoSpace, StorageError: something could not be stored.
    """
    hasher = DigestStream()
    source = _looked_at(file_pieces(file.descriptor, file.status.st_size), hasher, reader.monitor)
    content = reader.read_parts(_text_of(source, proof.plain_bytes), followed=followed)
    # What follows the last member is not text, but must be the same, too.
    for _rest in source:
        pass
    if hasher.digest() != proof.file_id or content.content_bytes != proof.plain_bytes:
        return None
    recipe, recipe_content = proof.recipe, EMPTY_CONTENT
    if len(recipe) > RECIPE_INLINE_BYTES_MAX:
        recipe_content = reader.read_parts([recipe])
        recipe = b""
    return TwinContent(content, Twin(proof.plain_bytes, proof.file_id, recipe, recipe_content))


def _looked_at(pieces: Iterator[bytes], hasher: DigestStream, monitor: Monitor) -> Iterator[bytes]:
    for piece in pieces:
        hasher.update(piece)
        monitor.advance(len(piece))
        yield piece


def _text_of(source: Iterator[bytes], plain_bytes: int) -> Iterator[bytes]:
    """Unpack a file as far as it can be, and hardly further than its text was.

    Behind the last member there may be anything; and what has become another file since it was
    proved may be a bomb.
    """
    text_bytes = 0
    try:
        for piece in inflate(source):
            yield piece
            text_bytes += len(piece)
            if text_bytes > plain_bytes:
                return
    except (EOFError, ValueError):
        return
