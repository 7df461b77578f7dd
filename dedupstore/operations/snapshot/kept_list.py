"""What stays of a known chunk list when more follows: all but a hole, or a short chunk, at its end.

A chunk that the end of a file has cut stays as it is, unless it is so short that the growth of some
lines at a time would leave a chunk each: then it is cut anew, together with what follows.
"""

from __future__ import annotations

from collections import deque

from dedupstore.chunking.parameters import ChunkingParameters
from dedupstore.engine.tree_writer import ExtentTreeWriter
from dedupstore.format.pieces import HOLE_ID, Extent


def is_short_chunk(extent: Extent, parameters: ChunkingParameters) -> bool:
    """Tell whether a chunk is cut anew if there is data behind it."""
    return extent.id != HOLE_ID and extent.extent_bytes < parameters.tail_bytes_min


class KeptList:
    """Writes what stays of a list to ``tree``, while its extents are added one by one.

    ``kept_bytes`` is the length of what stays.
    """

    def __init__(self, tree: ExtentTreeWriter, parameters: ChunkingParameters) -> None:
        self.kept_bytes = 0
        self._tree = tree
        self._parameters = parameters
        self._last: deque[Extent] = deque()

    def add(self, extent: Extent) -> None:
        """Take the next extent of the list."""
        self._last.append(extent)
        if len(self._last) > 2:
            self._keep_first()

    def finish(self) -> Extent | None:
        """Take note that the list has ended, and return its last chunk where that is cut anew.

        A hole at the end is dropped: it may end elsewhere now, or, being a part of a block that has
        been written to, be none any more.
        """
        if self._last and self._last[-1].id == HOLE_ID:
            self._last.pop()
        cut_anew = None
        if self._last and is_short_chunk(self._last[-1], self._parameters):
            cut_anew = self._last.pop()
        while self._last:
            self._keep_first()
        return cut_anew

    def _keep_first(self) -> None:
        extent = self._last.popleft()
        self._tree.add(extent)
        self.kept_bytes += extent.extent_bytes
