"""Following a known chunk list while a file is read, as far as the file's bytes fit it.

Chunks that an earlier end of the file has cut are found again that way, which no look at the bytes
alone would do. So nothing is stored twice, and equal files have equal lists however they grew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice

from dedupstore.chunking.chunks import Chunks
from dedupstore.chunking.parameters import ChunkingParameters
from dedupstore.errors import DamageError, UnsupportedFormat
from dedupstore.format.content import Content
from dedupstore.format.hashing import digest, digests
from dedupstore.format.pieces import HOLE_ID, Extent
from dedupstore.operations.snapshot.kept_list import is_short_chunk
from dedupstore.operations.snapshot.stored_lists import StoredLists

_EXTENTS_AT_ONCE = 64


class FollowedList:
    """Takes extents over from the first of some lists whose first extent the file has.

    The file is shown in order: its data by ``match``, its holes by ``pass_hole``. At the first
    difference the list is left for good. Where data follows behind a short chunk that is the last
    to fit, that one is not taken over, as it is not when a log is continued (``KeptList``).

    ``content`` is the list that was chosen; ``is_left`` says that nothing more will be taken over.
    """

    def __init__(
        self,
        stored: StoredLists,
        candidates: Iterable[Content],
        parameters: ChunkingParameters,
    ) -> None:
        self.content: Content | None = None
        self.is_left = False
        self._stored = stored
        self._candidates = candidates
        self._parameters = parameters
        self._extents: Iterator[Extent] = iter(())
        self._ahead: list[Extent] = []
        self._is_at_end = False
        self._is_damaged = False

    @property
    def fits(self) -> bool:
        """True once the file has been found to begin with all of the list.

        It may be False for a list that ends with a hole, where the file has zeros in its place.
        """
        is_passed = self._is_at_end and not self._ahead and not self._is_damaged
        return is_passed and self.content is not None

    def match(self, data: memoryview, *, ends: bool) -> list[Extent]:
        """Return the chunks of the list that ``data`` begins with; none once it is left.

        The bytes behind them are to be shown again, with those that follow, until the list is left.
        ``ends`` says that there are none: the file ends behind ``data``, or a hole begins.

        Raises:
            StorageError: the store could not deliver.
        """
        if not data or not self._is_chosen(partial(_begins_with, data)):
            return []
        matched = self._take_fitting(data)
        known = self._peek()
        position = sum([extent.extent_bytes for extent in matched])
        rest_bytes = len(data) - position
        is_decided = rest_bytes > 0 and (
            known is None or known.id == HOLE_ID or known.extent_bytes <= rest_bytes or ends
        )
        if matched and is_short_chunk(matched[-1], self._parameters) and (rest_bytes or not ends):
            short = matched.pop()
            if not is_decided:
                # Whether it stays is for what comes next to say.
                self._ahead.insert(0, short)
                return matched
        if is_decided or known is None:
            self.leave()
        return matched

    def pass_hole(self, hole_bytes: int) -> None:
        """Compare a hole of the file with the list; the file's is the one that counts.

        Raises:
            StorageError: the store could not deliver.
        """
        hole = Extent(hole_bytes, HOLE_ID)
        if not self._is_chosen(hole.__eq__):
            return
        known = self._peek()
        if known is not None and known.id == HOLE_ID and known.extent_bytes <= hole_bytes:
            del self._ahead[0]
            self._peek()
        if known != hole:
            self.leave()

    def leave(self) -> None:
        """Take nothing more over."""
        self.is_left = True

    def _is_chosen(self, begins_with: Callable[[Extent], bool]) -> bool:
        """Tell whether there is a list to follow, which is chosen when the file is first seen."""
        if self.content is None and not self.is_left:
            self.content = self._choice(begins_with)
            self.is_left = self.content is None
        return not self.is_left

    def _choice(self, begins_with: Callable[[Extent], bool]) -> Content | None:
        for content in self._candidates:
            self._extents = self._stored.extents(content)
            self._ahead = []
            self._is_at_end = self._is_damaged = False
            first = self._peek()
            if first is not None and begins_with(first):
                return content
        return None

    def _take_fitting(self, data: memoryview) -> list[Extent]:
        """Take as many chunks as ``data`` begins with; all it could have are hashed at once."""
        ends: list[int] = []
        end = 0
        for extent in self._upcoming():
            end += extent.extent_bytes
            if end > len(data) or extent.id == HOLE_ID:
                break
            ends.append(end)
        fitting = 0
        for extent, found in zip(self._ahead, digests(Chunks(data, 0, ends).views()), strict=False):
            if extent.id != found:
                break
            fitting += 1
        taken, self._ahead = self._ahead[:fitting], self._ahead[fitting:]
        return taken

    def _upcoming(self) -> Iterator[Extent]:
        """Yield what is left of the list, as far as it can be read, without taking it."""
        number = 0
        while number < len(self._ahead) or self._read_on():
            yield self._ahead[number]
            number += 1

    def _peek(self) -> Extent | None:
        """Return the next extent of the list; ``None`` at its end, or where it cannot be read."""
        return next(self._upcoming(), None)

    def _read_on(self) -> bool:
        """Have more of the list at hand; ``False`` if nothing follows that can be read."""
        at_hand = len(self._ahead)
        if not self._is_at_end and not self._is_damaged:
            try:
                for extent in islice(self._extents, _EXTENTS_AT_ONCE):
                    self._ahead.append(extent)
            except (DamageError, UnsupportedFormat):
                self._is_damaged = True
            else:
                self._is_at_end = len(self._ahead) - at_hand < _EXTENTS_AT_ONCE
        return len(self._ahead) > at_hand


def _begins_with(data: memoryview, known: Extent) -> bool:
    size = known.extent_bytes
    return known.id != HOLE_ID and size <= len(data) and digest(data[:size]) == known.id
