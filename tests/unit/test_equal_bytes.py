"""Long views are compared byte for byte, in whatever way."""

from __future__ import annotations

import random

import pytest

from dedupstore.engine import equal_bytes
from dedupstore.engine.equal_bytes import are_equal

LENGTHS = [0, 1, 65_536, 65_537, (1 << 20) - 1, 1 << 20, (3 << 20) + 5]


@pytest.mark.parametrize("is_readonly", [False, True])
@pytest.mark.parametrize("length", LENGTHS)
def test_equal_bytes_are_equal(length: int, is_readonly: bool) -> None:
    """Views with the same bytes are equal, be they short or long, writable or not."""
    data = random.Random(length).randbytes(length)
    other = memoryview(data) if is_readonly else memoryview(bytearray(data))
    assert are_equal(memoryview(bytearray(data)), other)


@pytest.mark.parametrize("has_ctypes", [False, True])
@pytest.mark.parametrize("place", [0, 65_535, 65_536, 1 << 20, -1])
def test_one_other_byte_is_found(
    monkeypatch: pytest.MonkeyPatch, place: int, has_ctypes: bool
) -> None:
    """One wrong byte anywhere makes long views unequal, with C's memcmp and without."""
    if not has_ctypes:
        without = equal_bytes._are_equal_in_parts
        monkeypatch.setattr(equal_bytes, "_long_equal", lambda: without)
    data = random.Random(1).randbytes((2 << 20) + 7)
    other = bytearray(data)
    other[place] ^= 1
    assert not are_equal(memoryview(bytearray(data)), memoryview(other))


def test_views_of_other_lengths_are_unequal() -> None:
    """A view is not equal to its own beginning."""
    data = bytearray(2 << 20)
    assert not are_equal(memoryview(data), memoryview(data)[:-1])
