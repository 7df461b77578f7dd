"""The kernels at hand: the native one where the extension was built, the Python twin everywhere."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import NamedTuple, ParamSpec, Protocol, TypeVar

from dedupstore.errors import FormatError
from dedupstore.twins.recipe_version import check_version

try:
    from dedupstore.twins import _kernel

    _have_native = True
except ImportError:  # not built, or built for another machine: the twin makes the same recipes
    _have_native = False

P = ParamSpec("P")
R = TypeVar("R")


class KernelProver(Protocol):
    """Makes the recipe of one file and proves it by rebuilding."""

    @property
    def refused(self) -> bool:
        """Whether it is certain that there will be no recipe."""

    @property
    def refusal(self) -> str:
        """Why there is no recipe; empty while nothing is wrong."""

    def feed(self, data: bytes | bytearray | memoryview, /) -> None:
        """Take the next bytes of the file."""

    def finish(self) -> tuple[bytes, int] | None:
        """Return the recipe and the length of the text, or None if there is none."""


class KernelRebuilder(Protocol):
    """Follows one recipe."""

    def feed(self, plain: bytes | bytearray | memoryview, /) -> bytes:
        """Take the next bytes of the text; return some of the file that follow from them.

        There may be more, up to when this returns nothing for no text: what is built at once is
        bounded by 1 MiB and one deflate block or verbatim section.
        """

    def finish(self) -> bytes:
        """Return some of the last bytes of the file; all, when nothing more is returned."""


class Kernel(NamedTuple):
    """One implementation; all make the same recipes and refuse the same files.

    Attributes:
        name: "native" or "python".
        prover: makes a `KernelProver`.
        rebuilder: makes a `KernelRebuilder` for a recipe; like its methods, it raises FormatError
            for a recipe that breaks a rule or that the text does not fit.
    """

    name: str
    prover: Callable[[], KernelProver]
    rebuilder: Callable[[bytes], KernelRebuilder]


class _NativeRebuilder:
    def __init__(self, recipe: bytes) -> None:
        check_version(recipe)
        self._native = _mapped(_kernel.Rebuilder, recipe)

    def feed(self, plain: bytes | bytearray | memoryview, /) -> bytes:
        return _mapped(self._native.feed, plain)

    def finish(self) -> bytes:
        return _mapped(self._native.finish)


_PYTHON_STEPS_MAX = 1 << 26
"""What the Python twin does for one file before it gives up: some ten seconds."""


@functools.cache
def available_kernels() -> tuple[Kernel, ...]:
    """Return the kernels that work on this machine, fastest first; the last is the Python twin."""
    return (_native(), _python_twin()) if _have_native else (_python_twin(),)


def active_kernel() -> Kernel:
    """Return the fastest kernel of this machine; the Python twin refuses what takes it long."""
    return _native() if _have_native else _python_twin(_PYTHON_STEPS_MAX)


def kernel_name() -> str:
    """Return "native" or "python": what the active kernel is."""
    return active_kernel().name


def _native() -> Kernel:
    return Kernel("native", _kernel.Prover, _NativeRebuilder)


def _python_twin(*limits: int) -> Kernel:
    # It is large, and every command would load it for nothing where there is the native kernel.
    module = importlib.import_module("dedupstore.twins.python_kernel")
    return Kernel("python", functools.partial(module.Prover, *limits), module.Rebuilder)


def _mapped(call: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    try:
        return call(*arguments, **named)
    except ValueError as error:
        raise FormatError(str(error)) from error
