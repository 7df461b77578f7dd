"""Counts the distinct pieces of manifests and chunk lists that the listed snapshots need.

This is what marking has to read at the least, found by another walk than marking's own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.repository import open_repository
from dedupstore.engine.snapshots import load_snapshots
from dedupstore.errors import DedupstoreError
from dedupstore.format.entry import decode_entry, split_entries
from dedupstore.format.pieces import decode_extents, piece_body
from dedupstore.ids import ChunkId


class PieceCount:
    """The ids of all pieces met so far."""

    def __init__(self, reader: ChunkReader) -> None:
        self._reader = reader
        self.met: set[ChunkId] = set()

    def add_manifest(self, top: ChunkId, level: int) -> None:
        """Add the pieces of a manifest and of the chunk lists of all its entries."""
        for piece in self._add_tree(top, level, down_to=0):
            for encoded in split_entries(piece_body(piece, 0)):
                content = decode_entry(encoded).content
                if content.level:
                    for extent in content.extents:
                        self._add_tree(extent.id, content.level, down_to=1)

    def _add_tree(self, top: ChunkId, level: int, *, down_to: int) -> list[bytes]:
        """Add the pieces below `top`; return those of level `down_to` not met before."""
        if top in self.met:
            return []
        self.met.add(top)
        piece = bytes(self._reader.read(top))
        if level == down_to:
            return [piece]
        below = (extent.id for extent in decode_extents(piece_body(piece, level)))
        return [found for id_ in below for found in self._add_tree(id_, level - 1, down_to=down_to)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the number; return 0, or 1 if something cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repository", type=Path, metavar="DIR")
    options = parser.parse_args(arguments)
    try:
        with (
            open_repository(options.repository) as repository,
            repository.session(),
            ChunkReader(repository) as reader,
        ):
            count = PieceCount(reader)
            for snapshot in load_snapshots(repository):
                count.add_manifest(snapshot.record.manifest, snapshot.record.manifest_level)
    except DedupstoreError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 1
    print(len(count.met))
    return 0


if __name__ == "__main__":
    sys.exit(main())
