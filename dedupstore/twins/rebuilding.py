"""Rebuilds gzip files from recipes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dedupstore.twins.kernel import Kernel, active_kernel

_PIECE_BYTES = 64 * 1024
"""Text that is given to a kernel at once: a short text may make a long piece of the file."""


def rebuild(
    recipe: bytes, plain: Iterable[bytes | memoryview], kernel: Kernel | None = None
) -> Iterator[bytes]:
    """Yield the exact bytes of a gzip file, given its recipe and its text in pieces of any size.

    Memory is bounded by the recipe and one deflate block. What is yielded must be held against the
    file's id: a recipe that fits another text of the same length may give other bytes.

    Raises:
        FormatError: the recipe breaks a rule, or the text does not fit it.
    """
    rebuilder = (kernel or active_kernel()).rebuilder(recipe)
    for piece in plain:
        view = memoryview(piece).cast("B")
        for start in range(0, len(view), _PIECE_BYTES):
            rebuilt = rebuilder.feed(view[start : start + _PIECE_BYTES])
            while rebuilt:
                yield rebuilt
                rebuilt = rebuilder.feed(b"")
    while rebuilt := rebuilder.finish():
        yield rebuilt
