"""Finding the files of the last snapshot by what they are, or by where they were."""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import groupby

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.latest_used import LatestUsed
from dedupstore.engine.snapshots import Snapshot
from dedupstore.engine.tree_reader import manifest_piece_ids
from dedupstore.errors import DamageError, UnsupportedFormat
from dedupstore.format.content import EMPTY_CONTENT, Content, encode_content
from dedupstore.format.entry import (
    Entry,
    EntryType,
    glance_at_entry,
    path_sort_key,
    split_entries,
)
from dedupstore.format.pieces import piece_body
from dedupstore.format.stored_file import StoredFile, stored_files
from dedupstore.ids import ID_BYTES, ChunkId

_PIECE_BITS = 28
"""A quarter of a billion pieces of 2 KiB and more; files of pieces behind that are not found."""

_HASH_MASK = (1 << (64 - _PIECE_BITS)) - 1
_EMPTY_CONTENT_BYTES = len(encode_content(EMPTY_CONTENT))
_RUN_ITEMS = 64 * 1024
_PIECES_HELD = 8
_SECOND_NS = 1_000_000_000


class KnownIndex:
    """Finds files of a snapshot by device and inode, by content, by size and time, or by path.

    Nothing is read before the first question. Then one pass over the manifest notes 24 bytes a
    file: hashes, and the piece in which its entry stands; and of each piece its first path. An
    answer is decoded out of its piece, so that hashes only have to be rare, not unique. What stands
    in damaged pieces is not found. ``snapshot`` is ``None`` where there is none.
    """

    def __init__(self, reader: ChunkReader, snapshot: Snapshot | None) -> None:
        self._reader = reader
        self._snapshot = snapshot
        self._piece_ids = bytearray()
        self._inodes = _PiecesByHash()
        self._contents = _PiecesByHash()
        self._sizes_and_times = _PiecesByHash()
        self._first_keys: list[bytes] = []
        self._pieces_of_keys = array("Q")
        self._held: LatestUsed[int, list[StoredFile]] = LatestUsed(_PIECES_HELD)
        self.is_built = False

    @property
    def is_empty(self) -> bool:
        """True where there is no snapshot to find anything in."""
        return self._snapshot is None

    def by_inode(self, device: int, inode: int) -> Iterator[Entry]:
        """Yield the files that had this device and inode, in path order: hard links are several.

        Raises:
            StorageError: the store could not deliver.
        """
        self._build_once()
        for piece in self._inodes.find(hash((device, inode))):
            for file in self._files_of(piece):
                if file.identity == (device, inode):
                    yield from _entry_of(file)

    def by_content(self, content: Content) -> Iterator[Entry]:
        """Yield the files that have this chunk list, in path order; an empty one has none.

        There may be very many.

        Raises:
            StorageError: the store could not deliver.
        """
        self._build_once()
        chunk_ids = () if content.level else tuple(extent.id for extent in content.extents)
        for piece in self._contents.find(hash(encode_content(content))):
            for file in self._files_of(piece):
                if file.chunk_ids[: len(chunk_ids)] == chunk_ids:
                    yield from (entry for entry in _entry_of(file) if entry.content == content)

    def by_size_and_time(self, size: int, mtime_ns: int) -> Iterator[Entry]:
        """Yield the files, without twins, of a size and, to the second, a modification time.

        They come in path order. There may be very many; none if the size is 0.

        Raises:
            StorageError: the store could not deliver.
        """
        self._build_once()
        mtime_seconds = mtime_ns // _SECOND_NS
        for piece in self._sizes_and_times.find(hash((size, mtime_seconds))):
            for file in self._files_of(piece):
                if file.size == size and file.mtime_ns // _SECOND_NS == mtime_seconds:
                    yield from (entry for entry in _entry_of(file) if entry.twin is None)

    def by_path(self, path: bytes) -> Entry | None:
        """Return the file that had this path.

        Raises:
            StorageError: the store could not deliver.
        """
        self._build_once()
        place = bisect_right(self._first_keys, path_sort_key(path)) - 1
        if place < 0:
            return None
        for file in self._files_of(self._pieces_of_keys[place]):
            if file.path == path:
                return next(_entry_of(file), None)
        return None

    def _build_once(self) -> None:
        if self.is_built:
            return
        self.is_built = True
        if self._snapshot is None:
            return
        try:
            pieces = self._reader.stream_readable(self._ids_of_pieces(self._snapshot))
            for number, piece in enumerate(pieces):
                if number >> _PIECE_BITS:
                    break
                if not isinstance(piece, DamageError):
                    self._note_files(number, piece)
        except (DamageError, UnsupportedFormat):
            # The list of pieces breaks off. Whoever walks the snapshot's entries tells of it.
            pass
        self._inodes.finish()
        self._contents.finish()
        self._sizes_and_times.finish()

    def _ids_of_pieces(self, snapshot: Snapshot) -> Iterator[ChunkId]:
        record = snapshot.record
        for id_ in manifest_piece_ids(self._reader, record.manifest, record.manifest_level):
            self._piece_ids += id_
            yield id_

    def _note_files(self, number: int, piece: memoryview) -> None:
        try:
            for place, data in enumerate(split_entries(piece_body(piece, 0))):
                glance = glance_at_entry(data)
                if place == 0:
                    self._first_keys.append(path_sort_key(glance.path))
                    self._pieces_of_keys.append(number)
                if glance.type != EntryType.FILE:
                    continue
                if glance.inode:
                    self._inodes.add(hash((glance.device, glance.inode)), number)
                if len(glance.content) > _EMPTY_CONTENT_BYTES:
                    self._contents.add(hash(glance.content), number)
                    seconds = glance.mtime_ns // _SECOND_NS
                    self._sizes_and_times.add(hash((glance.size, seconds)), number)
        except (DamageError, UnsupportedFormat):
            return

    def _files_of(self, number: int) -> list[StoredFile]:
        """Return the files in a piece; none where it is damaged."""
        files = self._held.get(number)
        if files is None:
            id_ = bytes(self._piece_ids[number * ID_BYTES : (number + 1) * ID_BYTES])
            try:
                files = list(stored_files(piece_body(self._reader.read(id_), 0)))
            except (DamageError, UnsupportedFormat):
                files = []
            self._held.put(number, files)
        return files


def _entry_of(file: StoredFile) -> Iterator[Entry]:
    """Yield the entry of a file, if it is sound."""
    try:
        entry = file.decoded()
    except (DamageError, UnsupportedFormat):
        return
    yield entry


class _PiecesByHash:
    """Numbers of pieces by hashes, 8 bytes for each that is added.

    Sorted in runs of 65,536: sorting all at once would take five times the memory meanwhile.
    """

    def __init__(self) -> None:
        self._runs: list[array[int]] = []
        self._run = array("Q")

    def add(self, key: int, number: int) -> None:
        """Note that ``number`` is an answer to ``key``."""
        self._run.append((key & _HASH_MASK) << _PIECE_BITS | number)
        if len(self._run) == _RUN_ITEMS:
            self.finish()

    def finish(self) -> None:
        """Make all that was added findable."""
        self._runs.append(array("Q", sorted(set(self._run))))
        self._run = array("Q")

    def find(self, key: int) -> Iterator[int]:
        """Yield the numbers that may be answers, ascending."""
        first = (key & _HASH_MASK) << _PIECE_BITS
        items = heapq.merge(*(_range_of(run, first) for run in self._runs))
        return (item - first for item, _ in groupby(items))


def _range_of(run: array[int], first: int) -> Iterator[int]:
    begin = bisect_left(run, first)
    end = bisect_left(run, first + (1 << _PIECE_BITS), begin)
    return map(run.__getitem__, range(begin, end))
