"""The wrapper of gzip members (RFC 1952)."""

from __future__ import annotations

import zlib

from dedupstore.twins.python_kernel.file_bytes import FileBytes, Reading, Refused

MAGIC = b"\x1f\x8b\x08"
HEADER_BYTES_MAX = 65_536
TRAILER_BYTES = 8
GARBAGE_BYTES_MAX = 1 << 20

_FIXED_BYTES = 10
_CHECKED, _EXTRA, _NAME, _COMMENT, _RESERVED = 0x02, 0x04, 0x08, 0x10, 0xE0


def read_header(source: FileBytes) -> Reading[bytes]:
    """Read the header of a member, whose first three bytes are right.

    Raises:
        Refused: it is cut off, damaged or too long.
    """
    header = bytearray((yield from source.take_bytes(_FIXED_BYTES)))
    flags = header[3]
    if flags & _RESERVED:
        raise Refused("damaged")
    if flags & _EXTRA:
        size = yield from source.take_bytes(2)
        header += size
        yield from _take(source, header, int.from_bytes(size, "little"))
    for flag in (_NAME, _COMMENT):
        if flags & flag:
            begin = len(header)
            while len(header) == begin or header[-1]:
                yield from _take(source, header, 1)
    if flags & _CHECKED:
        right = zlib.crc32(header) & 0xFFFF
        yield from _take(source, header, 2)
        if int.from_bytes(header[-2:], "little") != right:
            raise Refused("damaged")
    return bytes(header)


def extra_flags(header: bytes) -> int:
    """Return the byte in which a writer says how hard it tried (XFL)."""
    return header[8]


def _take(source: FileBytes, header: bytearray, count: int) -> Reading[None]:
    allowed = HEADER_BYTES_MAX - len(header)
    header += yield from source.take_bytes(min(count, allowed + 1))
    if count > allowed:
        raise Refused("header too long")
