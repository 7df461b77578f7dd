"""What zlib and GNU gzip write is predicted, so that a recipe takes some tens of bytes."""

from __future__ import annotations

import shutil
import subprocess
import zlib

import pytest

from gzip_files import (
    KERNELS,
    LOG,
    RECIPE_BYTES_WITHOUT_CORRECTIONS,
    check_twin,
    flushed_gzip,
    kernel_or_skip,
    zlib_gzip,
)

pytestmark = pytest.mark.parametrize("kernel_name", KERNELS)

FLUSHES = {
    "sync": zlib.Z_SYNC_FLUSH,
    "full": zlib.Z_FULL_FLUSH,
    "partial": zlib.Z_PARTIAL_FLUSH,
    "block": zlib.Z_BLOCK,
}
STRATEGIES = {
    "filtered": zlib.Z_FILTERED,
    "huffman-only": zlib.Z_HUFFMAN_ONLY,
    "rle": zlib.Z_RLE,
    "fixed": zlib.Z_FIXED,
}
RUNS = b"".join(bytes([65 + number % 50]) * (number % 300) for number in range(40))


@pytest.mark.parametrize("level", range(10))
def test_a_level_is_predicted(kernel_name: str, level: int) -> None:
    """What zlib writes at a level needs no corrections."""
    proof = check_twin(kernel_or_skip(kernel_name), zlib_gzip(LOG, level), LOG)
    assert len(proof.recipe) < RECIPE_BYTES_WITHOUT_CORRECTIONS


@pytest.mark.parametrize("memory_level", range(1, 10))
def test_a_memory_level_is_found_out(kernel_name: str, memory_level: int) -> None:
    """What zlib writes with another memLevel needs few corrections: blocks and hashes are known."""
    text = LOG[:16_000]
    file = zlib_gzip(text, memory_level=memory_level)
    proof = check_twin(kernel_or_skip(kernel_name), file, text)
    assert len(proof.recipe) < RECIPE_BYTES_WITHOUT_CORRECTIONS


@pytest.mark.parametrize("window_bits", range(9, 16))
def test_a_window_is_found_out(kernel_name: str, window_bits: int) -> None:
    """What zlib writes with a smaller window needs no corrections."""
    file = zlib_gzip(LOG, window_bits=window_bits)
    proof = check_twin(kernel_or_skip(kernel_name), file, LOG)
    assert len(proof.recipe) < RECIPE_BYTES_WITHOUT_CORRECTIONS


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("text", [LOG[:5000], RUNS], ids=["log", "runs"])
def test_a_strategy_is_found_out(kernel_name: str, strategy: str, text: bytes) -> None:
    """What zlib writes with another strategy needs no corrections."""
    file = zlib_gzip(text, strategy=STRATEGIES[strategy])
    proof = check_twin(kernel_or_skip(kernel_name), file, text)
    assert len(proof.recipe) < RECIPE_BYTES_WITHOUT_CORRECTIONS


@pytest.mark.parametrize("level", [1, 6])
@pytest.mark.parametrize("flush", FLUSHES)
def test_flushed_lines_are_predicted(kernel_name: str, flush: str, level: int) -> None:
    """A log that is flushed behind each line needs some bytes for each flush and no corrections."""
    lines = LOG[:5000].splitlines(keepends=True)
    file = flushed_gzip(lines, FLUSHES[flush], level)
    proof = check_twin(kernel_or_skip(kernel_name), file, b"".join(lines))
    assert len(proof.recipe) < RECIPE_BYTES_WITHOUT_CORRECTIONS + 7 * len(lines)


@pytest.mark.parametrize("level", [1, 6])
@pytest.mark.parametrize("flush", FLUSHES)
def test_flushed_bytes_are_predicted(kernel_name: str, flush: str, level: int) -> None:
    """A text flushed behind parts of 0 to 3 bytes needs no corrections: the dictionary goes on."""
    text = LOG[:500]
    parts = [text[begin : begin + 3 - begin % 3] for begin in range(len(text))]
    file = flushed_gzip(parts, FLUSHES[flush], level)
    proof = check_twin(kernel_or_skip(kernel_name), file, b"".join(parts))
    assert len(proof.recipe) < RECIPE_BYTES_WITHOUT_CORRECTIONS + 6 * len(parts)


@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_the_shortest_texts_are_predicted(kernel_name: str, level: int) -> None:
    """Texts of 0 to 10 bytes need no corrections, of one letter or several."""
    kernel = kernel_or_skip(kernel_name)
    for text in (b"", b"a", b"ab", b"aaaa", b"aaaaa", b"abababab", b"abcabcabc", b"\0" * 10):
        proof = check_twin(kernel, zlib_gzip(text, level), text)
        assert len(proof.recipe) < RECIPE_BYTES_WITHOUT_CORRECTIONS


def test_text_that_does_not_compress_is_predicted(kernel_name: str) -> None:
    """Blocks that zlib stores among compressed ones need no corrections in those."""
    noise = zlib.compress(LOG, 9)
    text = LOG[:8000] + noise * 30 + LOG[8000:16_000]
    proof = check_twin(kernel_or_skip(kernel_name), zlib_gzip(text), text)
    assert len(proof.recipe) < RECIPE_BYTES_WITHOUT_CORRECTIONS + 40


def test_a_long_text_is_predicted_beyond_the_window(kernel_name: str) -> None:
    """Matches are found as by zlib when its window has moved on several times."""
    text = b"".join(LOG[begin:] + LOG[:begin] for begin in range(0, 24_000, 3500))
    proof = check_twin(kernel_or_skip(kernel_name), zlib_gzip(text), text)
    assert len(proof.recipe) < RECIPE_BYTES_WITHOUT_CORRECTIONS


@pytest.mark.parametrize("program", ["gzip", "busybox gzip", "pigz"])
@pytest.mark.parametrize("level", [1, 2, 4, 6, 9])
def test_a_program_of_the_family_is_predicted(kernel_name: str, program: str, level: int) -> None:
    """What gzip, BusyBox and pigz write needs no corrections, though they end blocks elsewhere."""
    command, *arguments = program.split()
    if shutil.which(command) is None:
        pytest.skip(f"{command} is not installed")
    packed = subprocess.run(
        [command, *arguments, f"-{level}"], input=LOG, capture_output=True, check=True
    )
    proof = check_twin(kernel_or_skip(kernel_name), packed.stdout, LOG)
    assert len(proof.recipe) < RECIPE_BYTES_WITHOUT_CORRECTIONS
