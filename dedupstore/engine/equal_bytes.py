"""Comparing long views at the speed of memory, while other threads go on."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

_LONG_BYTES = 1024 * 1024
_COMPARED_BYTES = 64 * 1024


def are_equal(one: memoryview, other: memoryview) -> bool:
    """Tell whether two views of bytes are equal: Python by itself would compare item by item.

    Long ones that are writable are compared without the interpreter's lock, so that one thread
    does not keep all others waiting.
    """
    if len(one) != len(other):
        return False
    if len(one) < _LONG_BYTES or one.readonly or other.readonly:
        return _are_equal_in_parts(one, other)
    return _long_equal()(one, other)


def _are_equal_in_parts(one: memoryview, other: memoryview) -> bool:
    return all(
        bytes(one[begin : begin + _COMPARED_BYTES]).startswith(
            other[begin : begin + _COMPARED_BYTES]
        )
        for begin in range(0, len(one), _COMPARED_BYTES)
    )


@cache
def _long_equal() -> Callable[[memoryview, memoryview], bool]:
    """Return what compares two writable views of one length: C's memcmp, if it can be called."""
    try:
        import ctypes
    except ImportError:  # a Python that was built without it
        return _are_equal_in_parts
    memcmp = ctypes.CDLL(None).memcmp
    memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)

    def are_equal(one: memoryview, other: memoryview) -> bool:
        # What is of these types keeps the memory in place while it is compared.
        first, second = (ctypes.c_char.from_buffer(view) for view in (one, other))
        return not memcmp(ctypes.addressof(first), ctypes.addressof(second), len(one))

    return are_equal
