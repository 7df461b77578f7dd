"""Watches how much memory of a process is private.

What a process has mapped of files, such as the pages of an index that it has looked at, counts into
its resident size, but the kernel may drop it at any time. What is private it cannot. Linux tells
them apart, but keeps no peak of either: it is looked at every few milliseconds.
"""

from __future__ import annotations

import threading
from types import TracebackType

_EVERY_SECONDS = 0.01
_FIELD = b"RssAnon:"


class MemoryWatch:
    """Looks at the memory of a process, in a thread, for as long as the context lasts.

    `peak_private_bytes` is the most that was seen; None where the system does not tell.
    """

    def __init__(self, process_id: int) -> None:
        self.peak_private_bytes: int | None = None
        self._path = f"/proc/{process_id}/status"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            try:
                with open(self._path, "rb") as fields:
                    seen = [int(line.split()[1]) << 10 for line in fields if line[:8] == _FIELD]
            except OSError:
                return
            if seen:
                self.peak_private_bytes = max(seen[0], self.peak_private_bytes or 0)
