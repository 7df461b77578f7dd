"""Unpacking files that somebody has compressed, told by how they begin, not by their names."""

from __future__ import annotations

import bz2
import lzma
import re
from collections.abc import Callable, Iterable, Iterator

from dedupstore.format.codecs import unpack_zstd
from dedupstore.limits import KIB, MIB
from dedupstore.twins import inflate

_Data = Iterable[bytes | memoryview]
Unpacker = Callable[[_Data], Iterator[bytes]]

_OUTPUT_BYTES_MAX = 256 * KIB
_XZ_MEMORY_BYTES_MAX = 256 * MIB

MAGIC_BYTES_MAX = 10
"""So many first bytes of a file are enough to know how it is compressed."""


def unpacker_of(first_bytes: bytes) -> Unpacker | None:
    """Return what unpacks a file that begins so; ``None`` where it is not compressed.

    It takes the file in pieces and yields its text in bounded ones. It raises EOFError where the
    file ends too early, and ValueError where it is damaged or nothing can unpack it.
    """
    for magic, unpack in _UNPACKERS:
        if first_bytes.startswith(magic):
            return unpack
    if _ZSTD_SKIPPABLE.match(first_bytes):
        return unpack_zstd
    if _LZMA_ALONE.match(first_bytes):
        return _unpack_lzma
    if first_bytes.startswith(b"BZh") and first_bytes[4:10] in _BZIP2_BLOCKS:
        return _unpack_bzip2
    return None


def _unpack_bzip2(data: _Data) -> Iterator[bytes]:
    return _unpack_streams(data, "bzip2", bz2.BZ2Decompressor)


def _unpack_xz(data: _Data) -> Iterator[bytes]:
    def stream() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES_MAX)

    return _unpack_streams(data, "xz", stream)


def _unpack_lzma(data: _Data) -> Iterator[bytes]:
    def stream() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_XZ_MEMORY_BYTES_MAX)

    return _unpack_streams(data, "lzma", stream)


def _unpack_streams(
    data: _Data, name: str, new_stream: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor]
) -> Iterator[bytes]:
    stream = None
    for piece in data:
        rest = bytes(piece)
        while rest or (stream is not None and not stream.needs_input):
            if stream is None:
                # Between two streams of an xz file there may be zeros.
                rest = rest.lstrip(b"\0")
                if not rest:
                    break
                stream = new_stream()
            try:
                text = stream.decompress(rest, _OUTPUT_BYTES_MAX)
            except (OSError, lzma.LZMAError, MemoryError) as error:
                raise ValueError(f"the {name} data is damaged: {error}") from error
            if text:
                yield text
            rest = b""
            if stream.eof:
                rest, stream = stream.unused_data, None
    if stream is not None:
        raise EOFError(f"the {name} data ends too early")


def _refuse(name: str) -> Unpacker:
    def refused(data: _Data) -> Iterator[bytes]:
        raise ValueError(f"it is compressed with {name}, which cannot be unpacked here")

    return refused


# pzstd begins each file with a frame that holds no text, but where the next one ends.
_ZSTD_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
# This format has no magic: the usual properties, a dictionary of 64 KiB or more as its programs
# give it, and the length of the text, which they know or leave unknown.
_LZMA_ALONE = re.compile(rb"\x5d\0\0(?:[\x01-\x80]\0|\0[\x01-\x08])(?:\xff{5}|.{4}\0)", re.DOTALL)
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")
_UNPACKERS: tuple[tuple[bytes, Unpacker], ...] = (
    (b"\x1f\x8b\x08", inflate),
    (b"\xfd7zXZ\0", _unpack_xz),
    (b"\x28\xb5\x2f\xfd", unpack_zstd),
    (b"\x1f\x9d", _refuse("compress")),
    (b"\x04\x22\x4d\x18", _refuse("lz4")),
    (b"PK\x03\x04", _refuse("zip")),
)
