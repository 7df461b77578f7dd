"""Proving that a file has only grown: all that was known of it is still there, in place."""

from __future__ import annotations

import os
from collections.abc import Iterator

from dedupstore.errors import DedupstoreError
from dedupstore.format.hashing import digest
from dedupstore.format.pieces import HOLE_ID, Extent

_REREAD_BYTES_MAX = 4 * 1024 * 1024


class GrowthProof:
    """Compares the extents of a file, as they are found, with those that were known.

    Chunks that end where the file used to end are cut elsewhere once it has grown; these few are
    read again and held against their ids.
    """

    def __init__(self, known: Iterator[Extent], known_bytes: int) -> None:
        self._known = known
        self._known_bytes = known_bytes
        self._matched_bytes = 0
        self._differing: Extent | None = None

    def observe(self, extent: Extent) -> None:
        """Look at the next extent of the file as it is now."""
        if self._differing is not None or self._matched_bytes >= self._known_bytes:
            return
        try:
            expected = next(self._known, None)
        except DedupstoreError:
            # A list that cannot be read proves nothing; the file itself has been read anyway.
            self._known_bytes = -1
            return
        if expected == extent:
            self._matched_bytes += extent.extent_bytes
        else:
            self._differing = expected

    def holds(self, descriptor: int, size: int) -> bool:
        """Tell whether the file, now ``size`` bytes long, begins with all that was known of it.

        What cannot be read again proves nothing.
        """
        if not 0 <= self._known_bytes < size:
            return False
        rest_bytes = self._known_bytes - self._matched_bytes
        if rest_bytes == 0:
            return True
        if self._differing is None or rest_bytes > _REREAD_BYTES_MAX:
            return False
        try:
            return self._rest_is_there(descriptor, self._differing)
        except (DedupstoreError, OSError):
            return False

    def _rest_is_there(self, descriptor: int, differing: Extent) -> bool:
        position = self._matched_bytes
        extent: Extent | None = differing
        while extent is not None:
            data = os.pread(descriptor, extent.extent_bytes, position)
            is_hole = extent.id == HOLE_ID
            if len(data) != extent.extent_bytes:
                return False
            if data.strip(b"\0") if is_hole else digest(data) != extent.id:
                return False
            position += extent.extent_bytes
            extent = next(self._known, None)
        return position == self._known_bytes
