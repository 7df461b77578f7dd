"""Proving ahead, in threads, which gzip files can be kept as twins."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from dedupstore.engine.closing import Closing
from dedupstore.engine.workers import worker_count
from dedupstore.format.codecs import ZstdCompressor
from dedupstore.format.hashing import DigestStream
from dedupstore.limits import KIB, RECIPE_BYTES_MAX, RECIPE_INLINE_BYTES_MAX
from dedupstore.twins import Prover, kernel_name, looks_like_gzip

_STEP_BYTES = 128 * KIB
"""Whoever gives up waits for one step: of a file that unpacks to much, that is long enough."""

_RECIPE_LEVEL = 1

SLOW_KERNEL_FILE_BYTES_MAX = 64 * KIB
"""Without the native kernel longer files are kept as they are: these take seconds already."""

RECIPE_PERCENT_MAX = 15
"""A file is kept as a twin if its recipe, compressed, takes at most this share of it.

Stored as blocks, the text of gzipped logs takes about a quarter less than the file, even where
nothing of it is known. A recipe may give away some of that, not most. Those of common writers take
up to a tenth of the file.
"""

RECIPE_BYTES_FREE = 128
"""A recipe that takes no more is never too long: those of tiny logs take about 60, with a name."""


class TwinProof(NamedTuple):
    """A recipe that was proved by rebuilding the file; ``file_id`` is the BLAKE3 of its bytes."""

    recipe: bytes
    plain_bytes: int
    file_id: bytes


class TwinProofs(Closing):
    """Looks for the recipes of files in threads, which are there from the first file on."""

    def __init__(self) -> None:
        self._executor: ThreadPoolExecutor | None = None
        self._given_up = threading.Event()

    def close(self) -> None:
        """Give up what is under way and stop the threads."""
        self._given_up.set()
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def begin(self, descriptor: int, file_bytes: int) -> Future[TwinProof | None]:
        """Look for the recipe of an open file, which must stay open until the result is there.

        The result is ``None`` where the file's own bytes are to be kept, and an OSError where it
        cannot be read.
        """
        if self._executor is None:
            self._executor = ThreadPoolExecutor(worker_count(), "dedupstore-twins")
        return self._executor.submit(self._prove, descriptor, file_bytes)

    def _prove(self, descriptor: int, file_bytes: int) -> TwinProof | None:
        prover, hasher = Prover(), DigestStream()
        for data in file_pieces(descriptor, file_bytes):
            hasher.update(data)
            prover.feed(data)
            if prover.refused or self._given_up.is_set():
                return None
        proof = prover.finish()
        if proof is None or not _pays(proof.recipe, file_bytes):
            return None
        return TwinProof(proof.recipe, proof.plain_bytes, hasher.digest())


def may_have_twin(first_bytes: bytes, file_bytes: int) -> bool:
    """Tell whether a file begins like a gzip file, whatever its name, and is not too long."""
    return looks_like_gzip(first_bytes) and (
        file_bytes <= SLOW_KERNEL_FILE_BYTES_MAX or kernel_name() != "python"
    )


def file_pieces(descriptor: int, file_bytes: int) -> Iterator[bytes]:
    """Yield the first bytes of an open file, fewer where it ends before.

    Raises:
        OSError: the file cannot be read.
    """
    position = 0
    while position < file_bytes:
        data = os.pread(descriptor, min(_STEP_BYTES, file_bytes - position), position)
        if not data:
            return
        yield data
        position += len(data)


def _pays(recipe: bytes, file_bytes: int) -> bool:
    if len(recipe) > RECIPE_BYTES_MAX:
        return False
    stored_bytes = len(recipe)
    if stored_bytes > RECIPE_INLINE_BYTES_MAX:
        stored_bytes = len(ZstdCompressor(_RECIPE_LEVEL, len(recipe)).compress(recipe))
    return stored_bytes <= max(RECIPE_BYTES_FREE, file_bytes * RECIPE_PERCENT_MAX // 100)
