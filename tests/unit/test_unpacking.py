"""Unpacking what was compressed on the host: every kind, whole, cut off and damaged."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
import zstandard

from dedupstore.engine.unpacking import MAGIC_BYTES_MAX, unpacker_of

TEXT = b"".join(b"2026-03-01T12:%02d:00Z line %d\n" % (n % 60, n) for n in range(10_000))
Pack = Callable[[bytes], bytes]
PACKERS: dict[str, Pack] = {
    "gzip": gzip.compress,
    "bzip2": lambda text: bz2.compress(text, 1),
    "xz": lzma.compress,
    "lzma": lambda text: lzma.compress(text, lzma.FORMAT_ALONE),
    # The program zstd writes a checksum, the library only where it is asked to.
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}
packers = pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS.keys())


def unpack(data: bytes, piece_bytes: int = 1000) -> Iterator[bytes]:
    """Return what unpacks a file, which is given in pieces."""
    unpacker = unpacker_of(data[:MAGIC_BYTES_MAX])
    assert unpacker is not None
    return unpacker(data[begin : begin + piece_bytes] for begin in range(0, len(data), piece_bytes))


@packers
@pytest.mark.parametrize("text", [b"", b"x", TEXT], ids=["empty", "short", "long"])
def test_files_are_unpacked(pack: Pack, text: bytes) -> None:
    """A file unpacks to the text that was packed, however it is cut into pieces."""
    packed = pack(text)
    for piece_bytes in (1, 1000, 1 << 20) if len(packed) < 1 << 12 else (1000, 1 << 20):
        assert b"".join(unpack(packed, piece_bytes)) == text


@packers
def test_files_may_be_appended_to_each_other(pack: Pack) -> None:
    """Of several packed files in one, as cat makes them, all are unpacked."""
    assert b"".join(unpack(pack(TEXT) + pack(b"") + pack(b"more\n"))) == TEXT + b"more\n"


@pytest.mark.parametrize("preset", range(10))
def test_lzma_is_known_without_a_magic(preset: int) -> None:
    """The old format of lzma, which only its settings begin, is known at every preset."""
    packed = lzma.compress(TEXT, lzma.FORMAT_ALONE, preset=preset)
    with_length = packed[:5] + len(TEXT).to_bytes(8, "little") + packed[13:]
    assert b"".join(unpack(packed)) == b"".join(unpack(with_length)) == TEXT


def test_a_file_may_begin_with_a_frame_that_is_skipped() -> None:
    """What pzstd writes, with a frame in front of each that says how long it is, is unpacked."""
    packed = zstandard.compress(TEXT)
    skipped = b"\x50\x2a\x4d\x18\4\0\0\0" + len(packed).to_bytes(4, "little")
    assert b"".join(unpack((skipped + packed) * 2)) == TEXT * 2


@packers
def test_a_half_written_file_gives_what_there_is(pack: Pack) -> None:
    """Of a file that is cut off, the beginning of the text comes out before the error."""
    noise = random.Random(0).randbytes(500_000)
    packed = pack(noise)
    pieces: list[bytes] = []
    with pytest.raises(EOFError):
        pieces.extend(unpack(packed[: len(packed) // 2]))
    assert pieces
    assert noise.startswith(b"".join(pieces))


@packers
def test_damage_is_an_error(pack: Pack) -> None:
    """A file of which bytes are wrong ends with an error."""
    packed = pack(TEXT)
    middle = len(packed) // 2
    for data in (packed[:middle] + bytes(64) + packed[middle + 64 :], packed[:10] + b"\xff" * 100):
        with pytest.raises((ValueError, EOFError)):
            list(unpack(data))


@packers
def test_garbage_behind_the_end_takes_nothing_away(pack: Pack) -> None:
    """What stands behind a packed file adds nothing to its text, whether it is an error or not."""
    pieces: list[bytes] = []
    with suppress(ValueError):
        pieces.extend(unpack(pack(TEXT) + b"garbage behind the end"))
    assert b"".join(pieces) == TEXT


@packers
def test_a_bomb_takes_bounded_memory(pack: Pack) -> None:
    """A short file that unpacks to a very long text is unpacked piece by piece."""
    packed = pack(bytes(32 << 20))
    tracemalloc.start()
    try:
        total = sum(map(len, unpack(packed, 1 << 20)))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 32 << 20
    assert peak_bytes < 20 << 20


@pytest.mark.parametrize(
    ("first_bytes", "name"),
    [
        (b"\x1f\x9d\x90", "compress"),
        (b"\x04\x22\x4d\x18", "lz4"),
        (b"PK\x03\x04", "zip"),
    ],
)
def test_what_nothing_unpacks_is_said(first_bytes: bytes, name: str) -> None:
    """A file of a kind that nothing here unpacks is refused by the name of that kind."""
    with pytest.raises(ValueError, match=name):
        list(unpack(first_bytes + bytes(100)))


@pytest.mark.parametrize(
    "text", [b"", b"BZh9 is how a line may begin\n", b"PK\n", b"2026\n", b"\0"]
)
def test_texts_are_not_unpacked(text: bytes) -> None:
    """A text is taken as it is, whatever its first letters."""
    assert unpacker_of(text) is None
