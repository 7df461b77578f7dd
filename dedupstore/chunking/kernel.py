"""The kernels at hand: native ones where the extension was built, the Python twin everywhere."""

import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

from dedupstore.chunking.parameters import CutRules

_native_details: tuple[str, ...]
try:
    from dedupstore.chunking import _kernel

    _native_details = _kernel.implementations()
except ImportError:  # not built, or built for another machine: the twin makes the same cuts
    _native_details = ()

FindCuts = Callable[[bytes | bytearray | memoryview, int, int, bool, CutRules], list[int]]


class Kernel(NamedTuple):
    """One implementation of `python_kernel.find_cuts`; all make the same cuts.

    Attributes:
        name: "native" or "python".
        detail: what it runs on: "avx2", "scalar" (native) or "interpreter" (python).
        find_cuts: takes what `python_kernel.find_cuts` takes.
    """

    name: str
    detail: str
    find_cuts: FindCuts


@functools.cache
def available_kernels() -> tuple[Kernel, ...]:
    """Return the kernels that work on this machine, fastest first; the last is the Python twin."""
    return (*_native(), _python_twin())


def active_kernel() -> Kernel:
    """Return the fastest kernel of this machine."""
    return next(_native(), None) or _python_twin()


def kernel_name() -> str:
    """Return "native" or "python": what the active kernel is."""
    return active_kernel().name


def kernel_detail() -> str:
    """Return what the active kernel runs on: "avx2", "scalar" or "interpreter"."""
    return active_kernel().detail


def _native() -> Iterator[Kernel]:
    return (Kernel("native", detail, _native_find_cuts(detail)) for detail in _native_details)


def _python_twin() -> Kernel:
    from dedupstore.chunking.python_kernel import find_cuts

    return Kernel("python", "interpreter", find_cuts)


def _native_find_cuts(implementation: str) -> FindCuts:
    def find_cuts(
        data: bytes | bytearray | memoryview, start: int, end: int, final: bool, rules: CutRules
    ) -> list[int]:
        return _kernel.find_cuts(data, start, end, final, *rules, implementation)

    return find_cuts
