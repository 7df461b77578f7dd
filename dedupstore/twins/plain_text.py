"""Unpacks gzip files."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

_MAGIC = b"\x1f\x8b\x08"
_PIECE_BYTES = 256 * 1024
_GZIP_WINDOW_BITS = 31


def looks_like_gzip(first_bytes: bytes) -> bool:
    """Tell by its first bytes, of which three are enough, whether a file begins like gzip."""
    return first_bytes.startswith(_MAGIC)


def inflate(data: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Yield the text of a gzip file of one or several members (RFC 1952), in bounded pieces.

    What follows a member and does not begin like another one is no text; nothing more of ``data``
    is taken then. gzip passes over it, too.

    Raises:
        EOFError: the file ends within a member, or is empty.
        ValueError: it is damaged, or no gzip file.
    """
    member = None
    members = 0
    rest = b""
    for piece in data:
        rest += bytes(piece)
        while rest:
            if member is None:
                if len(rest) < len(_MAGIC):
                    break
                if not looks_like_gzip(rest):
                    if members:
                        return
                    raise ValueError("it is no gzip file")
                member = zlib.decompressobj(_GZIP_WINDOW_BITS)
                members += 1
            text = _decompress(member, rest)
            if text:
                yield text
            rest = member.unused_data if member.eof else member.unconsumed_tail
            if member.eof:
                member = None
        # What the window still holds comes out without more input.
        while member is not None and (text := _decompress(member, b"")):
            yield text
    if member is not None or not members:
        raise EOFError("the gzip data ends too early")


def _decompress(member: zlib._Decompress, data: bytes) -> bytes:
    try:
        return member.decompress(data, _PIECE_BYTES)
    except zlib.error as error:
        raise ValueError(f"the gzip data is damaged: {error}") from error
