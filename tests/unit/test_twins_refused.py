"""What cannot be kept as a twin is refused, with a reason; nothing wrong is ever proved."""

from __future__ import annotations

import struct
import zlib

import pytest

from dedupstore.twins import inflate
from dedupstore.twins.prover import Proof, Prover
from dedupstore.twins.python_kernel import inflater as python_inflater
from dedupstore.twins.python_kernel import prover as python_prover
from dedupstore.twins.python_kernel import recorder as python_recorder
from dedupstore.twins.python_kernel.block_writer import BitWriter
from gzip_files import (
    GOLDEN_TWINS,
    KERNELS,
    LOG,
    check_twin,
    flushed_gzip,
    kernel_or_skip,
    prove,
    wrapped,
    zlib_gzip,
)

pytestmark = pytest.mark.parametrize("kernel_name", KERNELS)

TEXT = LOG[:160]
SMALL_FILES = {
    "compressed": zlib_gzip(TEXT),
    "stored": zlib_gzip(TEXT[:100], 0),
    "flushed": flushed_gzip(TEXT.splitlines(keepends=True), zlib.Z_SYNC_FLUSH),
}

FIXED_FINAL = "110"
LITERAL_A, END = "10010001", "0000000"
LONGEST_MATCH, LONG_MATCH = "11000101", "11000100"
DISTANCE_1 = "00000"


def of_bits(bits: str, text: bytes) -> bytes:
    """Return a gzip file whose stream is some bits."""
    writer = BitWriter()
    writer.write(bits)
    writer.write_bytes(b"")
    return wrapped(writer.take(), text)


def with_header(flags: int, fields: bytes) -> bytes:
    """Return a gzip file with fields in its header."""
    file = zlib_gzip(TEXT)
    return file[:3] + bytes((flags,)) + file[4:10] + fields + file[10:]


@pytest.mark.parametrize("name", SMALL_FILES)
def test_a_file_cut_off_anywhere_is_refused(kernel_name: str, name: str) -> None:
    """A file that ends early, at whatever byte, is refused as cut off."""
    kernel, file = kernel_or_skip(kernel_name), SMALL_FILES[name]
    for count in range(len(file)):
        assert prove(kernel, file[:count]) == ("truncated" if count > 2 else "not gzip")


@pytest.mark.parametrize("name", SMALL_FILES)
@pytest.mark.parametrize("bit", [0, 3, 7])
def test_a_flipped_bit_is_refused_or_kept(kernel_name: str, name: str, bit: int) -> None:
    """A file with a flipped bit, at whatever byte, is refused, or its recipe makes it as it is."""
    kernel, file = kernel_or_skip(kernel_name), SMALL_FILES[name]
    kept = 0
    for place in range(len(file)):
        damaged = bytearray(file)
        damaged[place] ^= 1 << bit
        if isinstance(prove(kernel, bytes(damaged)), Proof):
            check_twin(kernel, bytes(damaged), b"".join(inflate([bytes(damaged)])))
            kept += 1
    assert 0 < kept < len(file)


@pytest.mark.parametrize("place", [-8, -5, -4, -1])
def test_a_wrong_check_is_damage(kernel_name: str, place: int) -> None:
    """A member whose CRC or length does not fit its text is refused."""
    file = bytearray(zlib_gzip(TEXT))
    file[place] ^= 1
    assert prove(kernel_or_skip(kernel_name), bytes(file)) == "damaged"


def test_a_wrong_check_of_any_member_is_damage(kernel_name: str) -> None:
    """A file is refused if only its second member is damaged."""
    file = bytearray(zlib_gzip(TEXT) * 2)
    file[-5] ^= 1
    assert prove(kernel_or_skip(kernel_name), bytes(file)) == "damaged"


@pytest.mark.parametrize("data", [b"", b"\x1f", b"\x1f\x8b", b"\x1f\x8b\x07", b"BZh91AY", b"a log"])
def test_other_files_are_not_gzip(kernel_name: str, data: bytes) -> None:
    """Whatever does not begin like gzip is refused."""
    assert prove(kernel_or_skip(kernel_name), data) == "not gzip"


def test_all_fields_of_headers_are_kept(kernel_name: str) -> None:
    """Files with extra fields, names, comments and checks in the header are kept as they are."""
    kernel = kernel_or_skip(kernel_name)
    fields = struct.pack("<H", 4) + b"ab\0\0" + b"app.log\0" + b"a comment\0"
    head = with_header(0x1E, fields)[: 10 + len(fields)]
    check = struct.pack("<H", zlib.crc32(head) & 0xFFFF)
    check_twin(kernel, with_header(0x1E, fields + check), TEXT)
    check_twin(kernel, with_header(0x1D, fields), TEXT)
    assert prove(kernel, with_header(0x1E, fields + b"\0\0")) == "damaged"
    assert prove(kernel, with_header(0x20, b"")) == "damaged"


def test_a_header_is_bounded(kernel_name: str) -> None:
    """A header of 64 KiB is taken, a longer one refused, whichever field makes it so long."""
    kernel = kernel_or_skip(kernel_name)
    assert prove(kernel, with_header(8, b"n" * 65_525 + b"\0")) == "recipe too large"
    assert prove(kernel, with_header(8, b"n" * 65_526 + b"\0")) == "header too long"
    assert prove(kernel, with_header(4, b"\xff\xff" + bytes(65_535))) == "header too long"


def test_members_and_garbage_are_kept(kernel_name: str) -> None:
    """Members in a row, and whatever follows the last one, are kept as they are."""
    kernel = kernel_or_skip(kernel_name)
    members = zlib_gzip(TEXT, 9) + zlib_gzip(b"") + zlib_gzip(TEXT[:50], 0)
    for garbage in (b"", b"\0" * 512, b"\x1f", b"\x1f\x8b", b"\x1f\x8b\x07" + members, b"\n"):
        check_twin(kernel, members + garbage, TEXT + TEXT[:50])


def test_garbage_is_bounded(kernel_name: str) -> None:
    """Up to 1 MiB behind the last member is taken, more is refused."""
    kernel = kernel_or_skip(kernel_name)
    assert prove(kernel, zlib_gzip(TEXT) + bytes(1 << 20)) == "recipe too large"
    assert prove(kernel, zlib_gzip(TEXT) + bytes((1 << 20) + 1)) == "garbage too long"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (wrapped(b"\x4b\x04\x80", b"a"), b"a"),
        (wrapped(b"\x09\1\0\xfe\xffa", b"a"), b"a"),
        (
            of_bits(FIXED_FINAL + LITERAL_A + LONG_MATCH + "11111" + DISTANCE_1 + END, b"a" * 259),
            b"a" * 259,
        ),
    ],
    ids=["padding", "stored-padding", "length-258-as-284"],
)
def test_bits_that_would_be_lost_are_refused(kernel_name: str, file: bytes, text: bytes) -> None:
    """A sound file is refused where it sets bits that say nothing."""
    assert b"".join(inflate([file])) == text
    assert prove(kernel_or_skip(kernel_name), file) == "unusual bits"


def test_a_block_of_too_many_tokens_is_refused(kernel_name: str) -> None:
    """A block of more than 1,048,576 tokens is refused."""
    file = of_bits(FIXED_FINAL + LITERAL_A * 1_048_577 + END, b"a" * 1_048_577)
    assert prove(kernel_or_skip(kernel_name), file) == "block too large"


def test_a_block_of_too_much_text_is_refused(kernel_name: str) -> None:
    """A block of more than 32 MiB of text is refused."""
    matches = (32 << 20) // 258 + 1
    bits = FIXED_FINAL + LITERAL_A + (LONGEST_MATCH + DISTANCE_1) * matches + END
    file = of_bits(bits, b"a" * (1 + 258 * matches))
    assert prove(kernel_or_skip(kernel_name), file) == "block too large"


def test_a_bomb_is_refused_early(monkeypatch: pytest.MonkeyPatch, kernel_name: str) -> None:
    """Zeros are refused as a bomb when 16 MiB of them have come out, however many follow."""
    kernel = kernel_or_skip(kernel_name)
    text_bytes = 64 << 20
    if kernel.name == "python":
        text_bytes = 4 << 20
        monkeypatch.setattr(python_inflater, "BOMB_TEXT_BYTES_MIN", 1 << 20)
    file = zlib_gzip(bytes(text_bytes), 9)
    prover = Prover(kernel)
    fed_bytes = 0
    while not prover.refused:
        prover.feed(file[fed_bytes : fed_bytes + 512])
        fed_bytes += 512
    assert prover.refusal == "bomb"
    assert len(file) / 5 < fed_bytes < len(file) / 2
    prover.feed(file[fed_bytes:])
    assert prover.finish() is None
    assert prover.refusal == "bomb"


def test_work_is_bounded(monkeypatch: pytest.MonkeyPatch, kernel_name: str) -> None:
    """A text in which each search compares thousands of candidates is refused."""
    kernel = kernel_or_skip(kernel_name)
    words = 40_000
    if kernel.name == "python":
        words = 3000
        monkeypatch.setattr(python_recorder, "COMPARED_MIN", 1 << 20)
        monkeypatch.setattr(python_recorder, "COMPARED_PER_BYTE", 16)
    text = b"".join(b"abc%c%c" % divmod(number, 251) for number in range(words))
    assert prove(kernel, zlib_gzip(text, 9)) == "too much work"


def test_a_large_recipe_is_refused(monkeypatch: pytest.MonkeyPatch, kernel_name: str) -> None:
    """A file that zlib would have written quite differently is refused, unless it is small."""
    kernel = kernel_or_skip(kernel_name)
    file = (GOLDEN_TWINS / "igzip-1.gz").read_bytes()
    if kernel.name == "native":
        assert isinstance(prove(kernel, file), Proof)
        assert prove(kernel, file * 30) == "recipe too large"
    else:
        monkeypatch.setattr(python_prover, "SMALL_FILE_BYTES", 2000)
        assert prove(kernel, file) == "recipe too large"
