"""Makes the recipe of a gzip file and proves it."""

from __future__ import annotations

from typing import NamedTuple

from dedupstore.twins.kernel import Kernel, active_kernel


class Proof(NamedTuple):
    """A recipe that has given back exactly the bytes of its file, and the length of its text."""

    recipe: bytes
    plain_bytes: int


class Prover:
    """Reads one gzip file, piece by piece, and tells whether it can be kept as a twin.

    A recipe is made while the file is read, and followed right behind by the code that restores
    files; the bytes that this gives are compared with those that were fed. Memory is bounded
    whatever the file's size, its ratio and its damage.
    """

    def __init__(self, kernel: Kernel | None = None) -> None:
        self._kernel_prover = (kernel or active_kernel()).prover()

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes of the file; more than 1 MiB at a time gains nothing."""
        self._kernel_prover.feed(data)

    def finish(self) -> Proof | None:
        """Return the proof, or None if the file's bytes must be kept as they are (`refusal`)."""
        found = self._kernel_prover.finish()
        return None if found is None else Proof(*found)

    @property
    def refused(self) -> bool:
        """Whether it is certain that `finish` returns None; nothing more need be fed."""
        return self._kernel_prover.refused

    @property
    def refusal(self) -> str:
        """Why the file is refused, in a few words; empty while it is not."""
        return self._kernel_prover.refusal
