"""Gzip files as entries that are stored as their text."""

from __future__ import annotations

import gzip
from dataclasses import replace

from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.format.entry import Entry, EntryType, Twin
from dedupstore.format.hashing import digest
from dedupstore.twins import Prover
from stored_snapshots import store_content


def gzip_of(text: bytes, level: int = 6) -> bytes:
    """Return a text gzipped, the same bytes each time."""
    return gzip.compress(text, level, mtime=0)


def twin_of(data: bytes) -> Twin:
    """Return the twin of a gzip file, with its recipe in the entry."""
    prover = Prover()
    prover.feed(data)
    proof = prover.finish()
    assert proof is not None, prover.refusal
    return Twin(proof.plain_bytes, digest(data), proof.recipe)


def twin_entry(
    writer: ChunkWriter, path: bytes, text: bytes, *, long_recipe: bool = False
) -> Entry:
    """Store a text and return the entry of its gzip file.

    With ``long_recipe``, the recipe is stored in chunks however short it is.
    """
    data = gzip_of(text)
    twin = twin_of(data)
    if long_recipe:
        listed = store_content(writer, twin.recipe)
        twin = replace(twin, recipe=b"", recipe_content=listed)
    content = store_content(writer, text)
    return Entry(
        path,
        EntryType.FILE,
        mode=0o640,
        mtime_ns=10**18,
        size=len(data),
        content=content,
        twin=twin,
    )
