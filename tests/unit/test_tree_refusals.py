"""Trees that nobody has written are refused, whoever made them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dedupstore.engine.tree_reader import content_extents, manifest_entries
from dedupstore.engine.tree_writer import ManifestWriter
from dedupstore.errors import ChunkUnreadable, FormatError
from dedupstore.format.entry import Content, Entry, EntryType, encode_entry
from dedupstore.format.hashing import digest
from dedupstore.format.pieces import HOLE_ID, Extent, encode_extents, encode_piece
from stored_pieces import StoredPieces

CHUNK = Extent(100, digest(b"a chunk"))
FOLDER = Entry(b"b", EntryType.DIRECTORY)


def test_a_missing_piece_is_told_as_such() -> None:
    """A list whose piece is in no pack ends in the reader's own error, after what came before."""
    leaf = encode_piece(1, encode_extents([CHUNK]))
    pieces = StoredPieces(leaf)
    listed = content_extents(
        pieces, Content(1, (Extent(100, digest(leaf)), Extent(5, digest(b"gone"))))
    )
    assert next(listed) == CHUNK
    with pytest.raises(ChunkUnreadable):
        next(listed)


def test_a_cycle_cannot_be_read() -> None:
    """A piece that, by a broken hash, referred to itself is refused: levels fall by one."""
    pieces = StoredPieces()
    id_ = digest(b"a piece that holds its own id")
    pieces.stored[id_] = encode_piece(2, encode_extents([Extent(100, id_)]))
    with pytest.raises(FormatError, match="level"):
        list(content_extents(pieces, Content(2, (Extent(100, id_),))))


def test_nothing_is_read_before_a_wrong_length_is_seen() -> None:
    """A piece that covers another length gives no extent at all."""
    leaf = encode_piece(1, encode_extents([CHUNK, CHUNK]))
    pieces = StoredPieces(leaf)
    with pytest.raises(FormatError, match="length"):
        next(content_extents(pieces, Content(1, (Extent(199, digest(leaf)),))))


def test_a_hole_in_a_manifest_is_refused_before_it_is_looked_for() -> None:
    """A manifest has no holes: the one in its tree is a broken rule, not a missing chunk."""
    leaf = encode_piece(0, encode_entry(FOLDER))
    top = encode_piece(1, encode_extents([Extent(len(leaf), digest(leaf)), Extent(9, HOLE_ID)]))
    entries = manifest_entries(StoredPieces(leaf, top), digest(top), 1)
    assert next(entries) == FOLDER
    with pytest.raises(FormatError, match="hole"):
        next(entries)


def test_a_piece_of_a_newer_version_is_not_damage() -> None:
    """What is above a newer piece says so, instead of calling the list damaged."""
    newer = b"DM\2\1" + encode_extents([CHUNK])
    listed = content_extents(StoredPieces(newer), Content(1, (Extent(100, digest(newer)),)))
    with pytest.raises(Exception, match="version 2") as caught:
        list(listed)
    assert not isinstance(caught.value, FormatError)


@pytest.mark.parametrize("path", [b"b", b"a", b"a/b"])
def test_a_manifest_is_written_in_path_order_only(path: bytes) -> None:
    """A writer refuses a path that comes twice or too late."""
    writer = ManifestWriter(StoredPieces().store)
    writer.add(FOLDER)
    with pytest.raises(ValueError, match="order"):
        writer.add(replace(FOLDER, path=path))


def test_a_manifest_is_never_empty() -> None:
    """A writer without entries has nothing to name."""
    with pytest.raises(ValueError, match="at least one"):
        ManifestWriter(StoredPieces().store).finish()
