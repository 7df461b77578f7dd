"""BLAKE3, the only hash of the format."""

from __future__ import annotations

from collections.abc import Iterable

from blake3 import __version__ as _blake3_version
from blake3 import blake3

from dedupstore.ids import ID_BYTES

CHECKSUM_BYTES = 16

LIBRARY_VERSION: str = _blake3_version


def digest(data: bytes | bytearray | memoryview) -> bytes:
    """Return the 32-byte BLAKE3 of ``data``: the id of a chunk, pack or snapshot."""
    return blake3(data).digest()


def digests(parts: Iterable[bytes | memoryview]) -> list[bytes]:
    """Return the 32-byte BLAKE3 of each part, in order."""
    return [blake3(part).digest() for part in parts]


class DigestStream:
    """The 32-byte BLAKE3 of bytes that come one part after another."""

    def __init__(self) -> None:
        self._hasher = blake3()

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Take in the next bytes."""
        self._hasher.update(data)

    def digest(self) -> bytes:
        """Return the BLAKE3 of all that was taken in."""
        result = self._hasher.digest()
        if len(result) != ID_BYTES:
            raise RuntimeError("the BLAKE3 library returned a digest of another length")
        return result


def digest_parts(parts: Iterable[bytes | bytearray | memoryview]) -> bytes:
    """Return the 32-byte BLAKE3 of the concatenation of ``parts``."""
    stream = DigestStream()
    for part in parts:
        stream.update(part)
    return stream.digest()


def checksum(*parts: bytes | bytearray | memoryview) -> bytes:
    """Return the first 16 bytes of the BLAKE3 of the concatenated ``parts``.

    Checksums guard against accidents; ids guard against everything else.
    """
    return digest_parts(parts)[:CHECKSUM_BYTES]
