"""Watches the memory of a process, what is private and what is mapped of files apart.

What a process has mapped of files, such as the pages of an index that it has looked at, counts into
its resident size, but the kernel may drop it at any time. What is private it cannot. Linux tells
them apart, but keeps no peak of either: they are looked at every few milliseconds.
"""

from __future__ import annotations

import threading
from types import TracebackType

_EVERY_SECONDS = 0.005
_PRIVATE = b"RssAnon:"
_MAPPED = b"RssFile:"


class MemoryWatch:
    """Looks at the memory of a process, in a thread, for as long as the context lasts.

    `peak_private_bytes` and `peak_mapped_bytes` are the most that was seen of each; None where
    the system does not tell.
    """

    def __init__(self, process_id: int) -> None:
        self._peaks: dict[bytes, int] = {}
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

    @property
    def peak_private_bytes(self) -> int | None:
        """The most private memory that was seen."""
        return self._peaks.get(_PRIVATE)

    @property
    def peak_mapped_bytes(self) -> int | None:
        """The most that was seen mapped of files."""
        return self._peaks.get(_MAPPED)

    def _run(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            try:
                with open(self._path, "rb") as fields:
                    seen = [line.split() for line in fields if line.startswith((_PRIVATE, _MAPPED))]
            except OSError:
                return
            for name, kib, _ in seen:
                self._peaks[name] = max(self._peaks.get(name, 0), int(kib) << 10)
