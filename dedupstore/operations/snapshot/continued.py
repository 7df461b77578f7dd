"""Continuing a stored stream: its chunk list is taken over, and what is new is put behind it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from dedupstore.chunking.parameters import ChunkingParameters
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.file_reader import read_range
from dedupstore.engine.tree_reader import content_extents
from dedupstore.engine.tree_writer import ExtentTreeWriter, StorePiece
from dedupstore.format.entry import Content
from dedupstore.operations.snapshot.file_content import ContentReader
from dedupstore.operations.snapshot.kept_list import KeptList


def continue_content(
    content_reader: ContentReader,
    store_piece: StorePiece,
    reader: ChunkReader,
    parameters: ChunkingParameters,
    known: Content,
    added: Iterator[bytes | memoryview],
) -> Content:
    """Return the chunk list of the stream ``known`` followed by ``added``, and store what is new.

    Of what is known only the end is read, where it is to be cut anew (``KeptList``).

    Raises:
        DamageError, UnsupportedFormat: the known list, or its end, cannot be read.
        NoSpace, StorageError: a chunk could not be stored.
    """
    tree = ExtentTreeWriter(store_piece)
    kept = KeptList(tree, parameters)
    for extent in content_extents(reader, known):
        kept.add(extent)
    kept.finish()
    cut_anew = read_range(reader, known, kept.kept_bytes, known.content_bytes)
    return content_reader.read_parts(chain(cut_anew, added), tree)
