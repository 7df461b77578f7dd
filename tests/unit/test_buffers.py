"""Memory for what is read and stored."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dedupstore.engine.buffers import fresh_buffer
from dedupstore.limits import MIB


def resident_bytes() -> int:
    """Return how much memory this process has in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_a_buffer_takes_memory_where_it_is_used() -> None:
    """Of a large buffer, only the part that is written to counts."""
    before = resident_bytes()
    buffer = fresh_buffer(64 * MIB)
    assert len(buffer) == 64 * MIB
    assert resident_bytes() - before < 16 * MIB
    for begin in range(32 * MIB, 64 * MIB, MIB):
        buffer[begin : begin + MIB] = b"x" * MIB
    assert 16 * MIB < resident_bytes() - before < 48 * MIB
    assert not any(buffer[: 64 * 1024])


def test_too_large_a_buffer_is_no_error_of_a_file() -> None:
    """Where there is not so much memory, nobody takes that for a log that cannot be read."""
    with pytest.raises(MemoryError):
        fresh_buffer(1 << 60)
