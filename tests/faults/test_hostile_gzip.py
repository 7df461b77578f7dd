"""Gzip files as an attacker writes them: whatever they claim, they are stored exactly."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import dedupstore
from log_folder import Logs
from small_archive import noise

HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
TEXT = noise(1, 60)


@pytest.fixture
def logs(quick_path: Path) -> Iterator[Logs]:
    """Return an empty folder of logs and a repository."""
    with dedupstore.init_repository(
        quick_path / "repository", chunk_bytes_target=4096
    ) as repository:
        yield Logs(quick_path, repository)


def member(
    deflated: bytes, text: bytes, *, crc: int = 0, size: int = 0, header: bytes = HEADER
) -> bytes:
    """Return one gzip member, whose checksum or length may be wrong by ``crc`` or ``size``."""
    claimed = (zlib.crc32(text) ^ crc, len(text) + size & 0xFFFFFFFF)
    return header + deflated + struct.pack("<II", *claimed)


def deflated(text: bytes, level: int = 6, window: int = -15) -> bytes:
    """Return a bare deflate stream."""
    packer = zlib.compressobj(level, zlib.DEFLATED, window)
    return packer.compress(text) + packer.flush()


def bomb(blocks: int) -> bytes:
    """Return a gzip file of zeros, a thousand times as long unpacked."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1 << 20)
    return b"".join(packer.compress(zeros) for _ in range(blocks)) + packer.flush()


FILES = {
    "another length": member(deflated(TEXT), TEXT, size=1),
    "a length of 4 GiB": member(deflated(TEXT), TEXT, size=-len(TEXT) - 1),
    "another checksum": member(deflated(TEXT), TEXT, crc=1),
    "only a header": HEADER,
    "a header without end": b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 9000,
    "a header that claims 64 KiB": b"\x1f\x8b\x08\x04" + bytes(6) + b"\xff\xff" + b"x" * 900,
    "unknown flags": member(deflated(TEXT), TEXT, header=b"\x1f\x8b\x08\xe0" + bytes(6)),
    "no block": HEADER + b"\x07" * 400,
    "a stored block too long": HEADER + b"\x01\xff\xff\x00\x00" + b"x" * 400,
    "a text cut off": gzip.compress(TEXT)[:-500],
    "a trailer cut off": gzip.compress(TEXT)[:-3],
    "a second member cut off": gzip.compress(TEXT) + gzip.compress(TEXT)[:700],
    "garbage behind": gzip.compress(TEXT) + b"\x1b[2J\x00garbage" * 99,
    "zeros between": gzip.compress(TEXT) + bytes(700) + gzip.compress(TEXT),
    "a thousand members of nothing": gzip.compress(b"", mtime=0) * 1000,
    "a gzip file within": gzip.compress(gzip.compress(TEXT)),
    "a window of 512 bytes": member(deflated(TEXT, window=-9), TEXT),
}


def test_whatever_a_file_claims_it_is_stored_exactly(logs: Logs) -> None:
    """Wrong lengths and checksums, cut off and senseless streams: all come back, without a word."""
    for name, data in FILES.items():
        (logs.folder / f"{name}.gz").write_bytes(data)
    report = logs.take()
    assert report.files == len(FILES)
    assert (report.events, report.warnings) == ([], [])
    dedupstore.check(logs.repository, dedupstore.CheckOptions(data=True))
    assert logs.take(reread=True).bytes_new == 0


def test_a_bomb_is_stored_as_it_is(logs: Logs) -> None:
    """A file that unpacks to a thousand times its length costs what it is long, not the text."""
    (logs.folder / "bomb.gz").write_bytes(data := bomb(40))
    report = logs.take()
    assert report.twins == 0
    assert report.bytes_new == len(data)
