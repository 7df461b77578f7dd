"""Which known chunk lists the bytes of a file that is read whole may fit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from dedupstore.chunking.parameters import ChunkingParameters
from dedupstore.format.content import Content
from dedupstore.logs.rotation_names import lineage_of
from dedupstore.operations.snapshot.followed_list import FollowedList
from dedupstore.operations.snapshot.known_index import KnownIndex
from dedupstore.operations.snapshot.source_file import SourceFile
from dedupstore.operations.snapshot.stored_lists import StoredLists

_COPIES_MAX = 8
"""Of files as long and as old as one that is read, this many are considered; there may be many."""


class KnownLists:
    """Finds the lists of the last snapshot that are to be followed while a file is read."""

    def __init__(
        self, stored: StoredLists, known_index: KnownIndex, parameters: ChunkingParameters
    ) -> None:
        self._stored = stored
        self._known_index = known_index
        self._parameters = parameters

    def to_follow(self, file: SourceFile, text_bytes: int) -> FollowedList | None:
        """Return what to follow while ``text_bytes`` are read: of a file, or of its text."""
        if self._known_index.is_empty:
            return None
        return FollowedList(self._stored, self._candidates(file, text_bytes), self._parameters)

    def _candidates(self, file: SourceFile, text_bytes: int) -> Iterator[Content]:
        if file.origin is not None:
            yield file.origin.entry.content
        if text_bytes < self._parameters.tail_bytes_min:
            # It is one chunk, however it grew.
            return
        # gzip and cp -p keep the modification time, some of them to the second.
        copies = self._known_index.by_size_and_time(text_bytes, file.status.st_mtime_ns)
        for entry in islice(copies, _COPIES_MAX):
            yield entry.content
        # What copytruncate copies is longer than it was in the last snapshot, and so is the text of
        # a part that was compressed when it was rotated.
        log = self._known_index.by_path(lineage_of(file.path))
        if log is not None:
            yield log.content
