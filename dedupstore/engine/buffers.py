"""Memory that is filled again and again."""

from __future__ import annotations

import mmap


def fresh_buffer(buffer_bytes: int) -> memoryview:
    """Return ``buffer_bytes`` bytes of zeros, which take memory where they are written to.

    A ``bytearray`` is written to when it is made, which for megabytes of which little is used costs
    more than the use.

    Raises:
        MemoryError: there is not so much memory.
    """
    try:
        return memoryview(mmap.mmap(-1, buffer_bytes, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    except OSError as error:
        # It must not be taken for a log that cannot be read.
        raise MemoryError(str(error)) from error
