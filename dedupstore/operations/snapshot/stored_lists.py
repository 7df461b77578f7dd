"""What the repository has of files that are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.healing_index import HealingIndex
from dedupstore.engine.tree_reader import content_extents, extent_batches
from dedupstore.errors import DamageError, UnsupportedFormat
from dedupstore.format.content import Content
from dedupstore.format.entry import entry_contents
from dedupstore.format.pieces import HOLE_ID, Extent
from dedupstore.format.stored_file import StoredFile
from dedupstore.ids import ChunkId

_LOOKUP_FILES = 1024


class StoredLists:
    """Reads chunk lists and tells whether the index has their chunks."""

    def __init__(self, reader: ChunkReader, index: HealingIndex) -> None:
        self.reader = reader
        self._index = index
        self._found: set[ChunkId] = set()
        self._found_in_opening = 0

    def extents(self, content: Content) -> Iterator[Extent]:
        """Yield the chunks and holes of a list; see ``content_extents``."""
        return content_extents(self.reader, content)

    def batches(self, content: Content) -> Iterator[list[Extent] | None]:
        """Yield a list in parts of some thousand extents; ``None`` and no more at a lost chunk.

        Raises:
            ChunkUnreadable, FormatError, UnsupportedFormat: the list cannot be read.
            NoSpace, StorageError: the index or the store cannot be used.
        """
        for batch in extent_batches(self.reader, content):
            if not self._are_stored(extent.id for extent in batch):
                yield None
                return
            yield batch

    def looked_up(self, files: Iterator[StoredFile]) -> Iterator[StoredFile]:
        """Yield files, some time after looking up the chunks of many at once.

        What was found is known to ``have_all`` and ``have_chunks`` until the next file is taken.

        Raises:
            NoSpace, StorageError: the index or the store cannot be used; and what ``files`` raises,
                after those before it have been yielded.
        """
        failure = None
        while failure is None:
            batch: list[StoredFile] = []
            try:
                batch.extend(islice(files, _LOOKUP_FILES))
            except (DamageError, UnsupportedFormat) as error:
                failure = error
            if not batch and failure is None:
                return
            self._found = self._look_up({id_ for file in batch for id_ in file.chunk_ids})
            self._found_in_opening = self._index.openings
            yield from batch
        raise failure

    def have_chunks(self, file: StoredFile) -> bool:
        """Tell whether all chunks of a file can be relied on; see ``have_all``.

        Raises:
            NoSpace, StorageError: the index or the store cannot be used.
        """
        if file.entry is not None:
            return self.have_all(entry_contents(file.entry))
        return self._were_found(file.chunk_ids) or self._are_stored(file.chunk_ids)

    def have_all(self, contents: Iterable[Content]) -> bool:
        """Tell whether all chunks of these lists can be relied on.

        A list or chunk that was lost is stored again when its file is read once more.

        Raises:
            NoSpace, StorageError: the index or the store cannot be used.
        """
        try:
            return all(
                self._was_found(content)
                or all(batch is not None for batch in self.batches(content))
                for content in contents
            )
        except (DamageError, UnsupportedFormat):
            return False

    def _was_found(self, content: Content) -> bool:
        return not content.level and self._were_found([extent.id for extent in content.extents])

    def _were_found(self, ids: Sequence[ChunkId]) -> bool:
        """Tell whether chunks are among those that were looked up last, in the same index."""
        return self._found_in_opening == self._index.openings and self._found.issuperset(ids)

    def _are_stored(self, ids: Iterable[ChunkId]) -> bool:
        wanted = set(ids)
        return self._look_up(wanted).issuperset(wanted)

    def _look_up(self, ids: set[ChunkId]) -> set[ChunkId]:
        """Return those of ``ids`` that are stored, and what stands for holes."""
        found = self._index.known(list(ids - {HOLE_ID}))
        found.add(HOLE_ID)
        return found
