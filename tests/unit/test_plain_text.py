"""Gzip files are unpacked as gzip does it, in bounded pieces."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from dedupstore.twins import inflate, looks_like_gzip
from gzip_files import LOG, pieces_of, zlib_gzip

FILE = zlib_gzip(LOG, 6) + zlib_gzip(b"") + zlib_gzip(LOG[:100], 1)
TEXT = LOG + LOG[:100]


def collect(pieces: Iterable[bytes], collected: bytearray) -> None:
    """Append pieces, as far as they come."""
    for piece in pieces:
        collected += piece


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000, len(FILE)])
@pytest.mark.parametrize("behind", [b"", b"\0" * 600, b"\x1f\x8b", b"\x1f\x8b\x07garbage", b"?"])
def test_members_are_unpacked_whatever_follows(size: int, behind: bytes) -> None:
    """The texts of all members are yielded, whatever pieces they come in, and nothing else."""
    assert b"".join(inflate(pieces_of(FILE + behind, [size]))) == TEXT


def test_pieces_are_bounded() -> None:
    """A piece of a bomb gives many bounded pieces of text."""
    pieces = list(map(len, inflate([zlib_gzip(bytes(3 << 20))])))
    assert sum(pieces) == 3 << 20
    assert max(pieces) <= 256 * 1024


def test_a_file_cut_off_is_told() -> None:
    """A file that ends within a member raises EOFError."""
    file = zlib_gzip(LOG)
    for count in (0, 1, 2, 3, 9, 10, 11, len(file) // 2, len(file) - 8, len(file) - 1):
        with pytest.raises(EOFError):
            list(inflate([file[:count]]))


def test_what_there_is_of_a_file_is_yielded() -> None:
    """All text that stands before the end of a file that was cut off is yielded."""
    text = bytearray()
    with pytest.raises(EOFError):
        collect(inflate([zlib_gzip(LOG)[:-8]]), text)
    assert text == LOG


@pytest.mark.parametrize("data", [b"a log", b"\x1f\x8b\x07", zlib_gzip(LOG)[:-8] + bytes(8)])
def test_damage_is_told(data: bytes) -> None:
    """What is damaged or no gzip file raises ValueError."""
    with pytest.raises(ValueError, match=r"gzip"):
        list(inflate([data]))


def test_gzip_is_known_by_its_begin() -> None:
    """Three bytes are enough to tell a gzip file, fewer are not."""
    assert looks_like_gzip(FILE[:3])
    assert not looks_like_gzip(FILE[:2])
    assert not looks_like_gzip(b"BZh")
