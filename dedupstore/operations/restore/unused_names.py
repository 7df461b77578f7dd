"""Names beside those of a snapshot, for what is restored under another name than its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import count


class UnusedNames:
    """Names made by adding ``suffix``: ``NAME.suffix``, or ``NAME.suffix-2`` and so on.

    ``suffix`` has letters only. ``snapshot_paths`` gives the paths of all that the snapshot holds;
    it is called once, when the first name is wanted. None of these paths is ever taken.
    """

    def __init__(self, suffix: bytes, snapshot_paths: Callable[[], Iterable[bytes]]) -> None:
        self._suffix = b"." + suffix
        self._looks_taken = re.compile(re.escape(self._suffix) + rb"(-[0-9]+)?(?=/|\Z)")
        self._snapshot_paths = snapshot_paths
        self._taken: set[bytes] | None = None

    def take(self, path: bytes) -> bytes:
        """Return an unused path beside the one given.

        Raises:
            DamageError, UnsupportedFormat, StorageError: whatever ``snapshot_paths`` raises.
        """
        if self._taken is None:
            self._taken = {
                name[: found.end()]
                for name in self._snapshot_paths()
                for found in self._looks_taken.finditer(name)
            }
        for number in count(1):
            candidate = path + self._suffix + (b"-%d" % number if number > 1 else b"")
            if candidate not in self._taken:
                self._taken.add(candidate)
                return candidate
        raise RuntimeError("unreachable")
