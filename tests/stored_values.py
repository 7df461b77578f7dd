"""Strategies for values of the stored format, all of which it must hold exactly."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from dedupstore.format.entry import (
    Content,
    Entry,
    EntryType,
    Twin,
    is_safe_path,
    path_sort_key,
)
from dedupstore.format.pieces import HOLE_ID, Extent
from dedupstore.ids import ID_BYTES
from dedupstore.limits import (
    CHUNK_BYTES_MAX,
    INLINE_EXTENTS_MAX,
    RECIPE_BYTES_MAX,
    RECIPE_INLINE_BYTES_MAX,
    TREE_LEVELS_MAX,
    TWIN_RATIO_MAX,
)

U32 = st.integers(0, (1 << 32) - 1)
U64 = st.integers(0, (1 << 64) - 1)
I64 = st.integers(-(1 << 63), (1 << 63) - 1)

_PATH_ALPHABET = b"ab.-/\n\xff\x1b"


def ids() -> st.SearchStrategy[bytes]:
    """Draw ids; none is that of a hole."""
    return st.binary(min_size=ID_BYTES, max_size=ID_BYTES).filter(lambda id_: id_ != HOLE_ID)


def extents() -> st.SearchStrategy[Extent]:
    """Draw extents of level 0: chunks of any size they may have, and holes."""
    chunk = st.builds(Extent, st.integers(1, CHUNK_BYTES_MAX), ids())
    hole = st.builds(Extent, st.integers(1, 1 << 50), st.just(HOLE_ID))
    return chunk | hole


def paths() -> st.SearchStrategy[bytes]:
    """Draw paths that may stand in a manifest, with few letters, so that they are alike."""
    letters = st.lists(st.sampled_from(list(_PATH_ALPHABET)), min_size=1, max_size=12).map(bytes)
    return letters.filter(is_safe_path)


def contents() -> st.SearchStrategy[Content]:
    """Draw contents as an entry holds them; the pieces of their trees need not exist."""
    flat = st.lists(extents(), max_size=INLINE_EXTENTS_MAX).map(
        lambda listed: Content(0, tuple(listed))
    )
    above = st.builds(Extent, st.integers(1, 1 << 50), ids())
    tree = st.builds(
        Content,
        st.integers(1, TREE_LEVELS_MAX),
        st.lists(above, min_size=1, max_size=INLINE_EXTENTS_MAX).map(tuple),
    )
    return flat | tree


def twins(plain_bytes: int) -> st.SearchStrategy[Twin]:
    """Draw twins of a text of that many bytes; the recipe stands in them or in chunks."""
    inline = st.builds(
        Twin, st.just(plain_bytes), ids(), st.binary(min_size=1, max_size=RECIPE_INLINE_BYTES_MAX)
    )
    lengths = st.integers(1, RECIPE_BYTES_MAX // INLINE_EXTENTS_MAX)
    chunks = st.lists(
        st.builds(Extent, lengths, ids()), min_size=1, max_size=INLINE_EXTENTS_MAX
    ).map(tuple)
    listed = st.builds(Content, st.integers(0, TREE_LEVELS_MAX), chunks)
    return inline | st.builds(
        Twin, st.just(plain_bytes), ids(), recipe=st.just(b""), recipe_content=listed
    )


@st.composite
def entries(draw: st.DrawFn, path: bytes | None = None) -> Entry:
    """Draw entries of all types, at ``path`` if it is given."""
    entry = Entry(
        path=draw(paths()) if path is None else path,
        type=draw(st.sampled_from(EntryType)),
        mode=draw(st.integers(0, 0o7777)),
        uid=draw(U32),
        gid=draw(U32),
        mtime_ns=draw(I64),
        ctime_ns=draw(I64),
        device=draw(U64),
        inode=draw(U64),
        user=draw(st.binary(max_size=8)),
        group=draw(st.binary(max_size=8)),
    )
    if entry.type is EntryType.FILE:
        content = draw(contents())
        lineage = draw(st.just(b"") | paths().filter(lambda path: path != entry.path))
        entry = replace(entry, content=content, size=content.content_bytes, lineage=lineage)
        if draw(st.booleans()):
            size_min = -(-content.content_bytes // TWIN_RATIO_MAX)
            size = draw(st.integers(size_min, (1 << 64) - 1))
            return replace(entry, size=size, twin=draw(twins(content.content_bytes)))
        return entry
    if entry.type is EntryType.SYMLINK:
        target = draw(st.binary(min_size=1, max_size=20).filter(lambda target: b"\0" not in target))
        return replace(entry, link_target=target)
    return entry


@st.composite
def entry_lists(draw: st.DrawFn, max_size: int = 30) -> list[Entry]:
    """Draw entries in path order, no path twice."""
    chosen = draw(st.lists(paths(), unique=True, min_size=1, max_size=max_size))
    template = draw(entries())
    return [
        # No file is an older part of itself.
        replace(template, path=path, lineage=template.lineage if template.lineage != path else b"")
        for path in sorted(chosen, key=path_sort_key)
    ]
