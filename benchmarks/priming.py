"""Takes two chance costs out of a measurement: pending writes, and memory the machine lacks."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager

_SPARE_BYTES = 500_000_000
_FREE_SHARE = 2


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


@contextmanager
def little_free_memory(prime_bytes: int) -> Iterator[None]:
    """Leave about twice `prime_bytes` of memory free until the block ends (0: all that there is).

    ``settle`` makes some memory ready, but of much that is free the system may take any. The rest
    is held by a child, which gets it from the host meanwhile.
    """
    free_bytes = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    held_bytes = free_bytes - _FREE_SHARE * prime_bytes
    if not prime_bytes or held_bytes <= 0:
        yield
        return
    ready, tell = os.pipe()
    ending, end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(end)
        _hold(held_bytes, tell, ending)
    os.close(tell)
    os.close(ending)
    try:
        # An end without a word is one, too: then memory is as it was.
        os.read(ready, 1)
        yield
    finally:
        os.close(ready)
        os.close(end)
        os.waitpid(child, 0)


def _hold(size_bytes: int, tell: int, ending: int) -> None:
    """Hold memory until nobody has the other end of ``ending`` any more, be it killed."""
    try:
        held = _touched(size_bytes)
        os.write(tell, b"1")
        os.read(ending, 1)
        held.close()
    finally:
        os._exit(0)


def _touched(size_bytes: int) -> mmap.mmap:
    return mmap.mmap(
        -1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE
    )


def _touch_and_exit(size_bytes: int) -> None:
    try:
        _touched(size_bytes)
    finally:
        # Nothing of the parent's clean-up may run here.
        os._exit(0)
