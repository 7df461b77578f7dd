"""Proving and rebuilding twins takes bounded memory and time, whatever files and recipes say."""

from __future__ import annotations

import zlib

import pytest

from dedupstore.twins.kernel import Kernel, active_kernel
from dedupstore.twins.prover import Proof
from dedupstore.twins.python_kernel import Prover as PythonProver
from dedupstore.twins.python_kernel import prover as python_prover
from dedupstore.twins.python_kernel import rebuilder as python_rebuilder
from dedupstore.twins.rebuilding import rebuild
from gzip_files import KERNELS, LOG, kernel_or_skip, proof_of, prove, wrapped, zlib_gzip

BUILT_AT_ONCE = 1 << 20
A_BLOCK = 1 << 10
"""No block of these tests is longer, built."""


def varint(value: int) -> bytes:
    """Return a number as recipes have it."""
    return (bytes((value & 0x7F | 0x80,)) + varint(value >> 7)) if value > 0x7F else bytes((value,))


def recipe_of_empty_blocks(count: int) -> bytes:
    """Return a recipe of one stream without text: so many empty blocks of type 2."""
    blocks = bytes((2, 0)) + bytes((2 | 8,)) * (count - 1)
    return bytes((1, 2, 0, 0, 0, 0)) + varint(count) + blocks + b"\0"


@pytest.mark.parametrize("kernel_name", KERNELS)
def test_what_a_short_text_makes_is_rebuilt_in_pieces(
    monkeypatch: pytest.MonkeyPatch, kernel_name: str
) -> None:
    """However much of a file follows from no text at all, it is never there all at once."""
    kernel, built_at_once, count = kernel_or_skip(kernel_name), BUILT_AT_ONCE, 100_000
    if kernel.name == "python":
        built_at_once, count = 1 << 10, 500
        monkeypatch.setattr(python_rebuilder, "BUILT_BYTES_AT_ONCE", built_at_once)
    pieces = list(rebuild(recipe_of_empty_blocks(count), [], kernel))
    assert len(pieces) > 1
    assert max(map(len, pieces)) < built_at_once + A_BLOCK
    assert zlib.decompress(b"".join(pieces), -15) == b""


@pytest.mark.parametrize("kernel_name", KERNELS)
def test_pieces_that_are_cut_short_go_on(monkeypatch: pytest.MonkeyPatch, kernel_name: str) -> None:
    """What follows from a text in many pieces is the file, with any text and garbage behind it."""
    kernel = kernel_or_skip(kernel_name)
    monkeypatch.setattr(python_rebuilder, "BUILT_BYTES_AT_ONCE", 100)
    stored = zlib_gzip(LOG, 0)
    file = stored * (1 if kernel.name == "python" else 120) + zlib_gzip(LOG[:3000])
    text = zlib.decompress(stored, 31)
    text = text * (file.count(stored)) + LOG[:3000]
    recipe = proof_of(kernel, file).recipe
    pieces = list(rebuild(recipe, [text], kernel))
    assert b"".join(pieces) == file


@pytest.mark.parametrize("kernel_name", KERNELS)
def test_a_token_too_many_is_refused_whatever_follows(kernel_name: str) -> None:
    """A block is refused at its first token too many, though it may be cut off or damaged later."""
    kernel = kernel_or_skip(kernel_name)
    literals = int(("110" + "10010001" * 1_048_577)[::-1], 2)
    deflated = literals.to_bytes(1 + 1_048_577, "little")
    assert prove(kernel, wrapped(deflated, b"")[:-8] + b"\xff" * 300) == "block too large"


@pytest.mark.parametrize("kernel_name", KERNELS)
def test_the_share_of_a_recipe_is_exact(kernel_name: str) -> None:
    """At a block's end a recipe may take a fifth of the file so far, and not a byte more."""
    kernel = kernel_or_skip(kernel_name)
    text = bytes(60_000)
    first = b"\0" + (60_000).to_bytes(2, "little") + (60_000 ^ 0xFFFF).to_bytes(2, "little") + text
    body = first * 3 + b"\1" + first[1:]
    # When the first block ends, of the file 60,016 bytes besides the name have been read, and 14
    # stand in the recipe, as no block is recorded yet.
    named = (14_986, 14_987)
    files = [
        bytes.fromhex("1f8b0808000000000003") + b"n" * count + b"\0" + wrapped(body, text * 4)[10:]
        for count in named
    ]
    assert isinstance(prove(kernel, files[0]), Proof)
    assert prove(kernel, files[1]) == "recipe too large"


def test_a_recipe_above_the_limit_is_refused_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe is given up when it passes its limit, not when the file ends."""
    file = zlib_gzip(LOG)
    monkeypatch.setattr(python_prover, "RECIPE_BYTES_MAX", 13)
    prover = PythonProver()
    prover.feed(file[:-8])
    assert prover.refusal == "recipe too large"


class TestWithoutTheNativeKernel:
    """What the Python twin does where it is alone."""

    @pytest.fixture
    def kernel(self, monkeypatch: pytest.MonkeyPatch) -> Kernel:
        """Return the kernel of a machine that has no other."""
        monkeypatch.setattr("dedupstore.twins.kernel._have_native", False)
        monkeypatch.setattr("dedupstore.twins.kernel._PYTHON_STEPS_MAX", 300_000)
        return active_kernel()

    def test_usual_files_are_proved(self, kernel: Kernel) -> None:
        """Files of zlib are as good as with the native kernel."""
        assert isinstance(prove(kernel, zlib_gzip(LOG)), Proof)

    @pytest.mark.parametrize(
        "file",
        [
            zlib_gzip(bytes(1 << 20), 9),
            zlib_gzip(b"".join(b"abc%c%c" % divmod(n, 251) for n in range(3000)), 9),
            zlib_gzip(LOG[:300], 5, memory_level=2, window_bits=9) * 300,
        ],
        ids=["much text", "many candidates", "many members"],
    )
    def test_what_takes_long_is_refused(self, kernel: Kernel, file: bytes) -> None:
        """Short files that make much work are kept as they are: many would take minutes each."""
        assert prove(kernel, file) == "too much work"
