"""Takes two chance costs out of a measurement: pending writes, and memory the machine lacks."""

from __future__ import annotations

import mmap
import os

_SPARE_BYTES = 500_000_000


def prime_bytes_for(corpus_bytes: int) -> int:
    """Return how much memory to prime for operations on that much data.

    Enough for a copy of the data in the page cache and the engine, at most half of what is free.
    """
    available_bytes = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(corpus_bytes * 3 // 2 + _SPARE_BYTES, available_bytes // 2)


def settle(prime_bytes: int) -> None:
    """Write dirty pages back, then touch `prime_bytes` of memory and give them back (0: none).

    A virtual machine may hand free memory to its host, which takes seconds per GB to supply it
    again: whoever is measured next would pay for it or not by chance (ten times as long for
    a plain copy). The memory is touched by a child, so that this process stays small.
    """
    os.sync()
    if prime_bytes <= 0:
        return
    child = os.fork()
    if child == 0:
        _touch_and_exit(prime_bytes)
    os.waitpid(child, 0)


def _touch_and_exit(size_bytes: int) -> None:
    try:
        mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
    finally:
        # Nothing of the parent's clean-up may run here.
        os._exit(0)
