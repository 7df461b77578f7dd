"""A file that is looked for among what snapshots hold."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from dedupstore.format.hashing import DigestStream, digest
from dedupstore.format.pieces import HOLE_ID, Extent
from dedupstore.limits import MIB

_READ_BYTES = 4 * MIB


class AskedFile:
    """A file as it was when it was first looked at; symbolic links are followed.

    ``size`` is its length in bytes. Every method fails once the file has changed.

    Raises:
        OSError: it cannot be read, is no regular file, or changed since.
    """

    def __init__(self, path: bytes) -> None:
        self._path = path
        self._seen: tuple[int, ...] | None = None
        self._file_id: bytes | None = None
        with self._open() as descriptor:
            self.size = os.fstat(descriptor).st_size

    def file_id(self) -> bytes:
        """Return the BLAKE3 of its bytes, which are read once."""
        if self._file_id is None:
            hasher = DigestStream()
            with self._open() as descriptor:
                for piece in _pieces(descriptor, 0, self.size):
                    hasher.update(piece)
            self._file_id = hasher.digest()
        return self._file_id

    def has(self, extents: Iterable[Extent]) -> bool:
        """Tell whether its bytes are those of a chunk list, wherever that was cut.

        It is read up to the first chunk that differs. Holes are zeros.
        """
        position = 0
        with self._open() as descriptor:
            for extent in extents:
                end = position + extent.extent_bytes
                if end > self.size or not _has_extent(descriptor, position, extent):
                    return False
                position = end
        return position == self.size

    @contextmanager
    def _open(self) -> Iterator[int]:
        # Without O_NONBLOCK, opening a FIFO would wait for a writer.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        descriptor = os.open(self._path, flags)
        try:
            self._require_unchanged(descriptor)
            yield descriptor
            self._require_unchanged(descriptor)
        finally:
            os.close(descriptor)

    def _require_unchanged(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "it is no regular file")
        seen = (
            status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns,
        )  # fmt: skip
        if self._seen is not None and seen != self._seen:
            raise OSError(0, "it changed while it was read")
        self._seen = seen


def _has_extent(descriptor: int, position: int, extent: Extent) -> bool:
    pieces = _pieces(descriptor, position, extent.extent_bytes)
    if extent.id == HOLE_ID:
        return not any(piece.strip(b"\0") for piece in pieces)
    return digest(b"".join(pieces)) == extent.id


def _pieces(descriptor: int, position: int, size: int) -> Iterator[bytes]:
    """Yield a range of a file in parts.

    Raises:
        OSError: it cannot be read, or ends before.
    """
    end = position + size
    while position < end:
        piece = os.pread(descriptor, min(_READ_BYTES, end - position), position)
        if not piece:
            raise OSError(0, "it changed while it was read")
        yield piece
        position += len(piece)
