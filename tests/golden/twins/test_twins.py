"""Files that other programs wrote, and the recipes that were once made of them.

They are of one log. GNU gzip 1.12, BusyBox 1.35, pigz 2.6 (-6 and -11), 7-Zip 26.02, Go 1.19,
Java 17, Node 20, zlib-ng 2.2 (by zlib-ng 1.1.0 for Python), libdeflate 1.14 (-6 and -12), ISA-L's
igzip 2.30 (-1) and zopfli 1.0.3 wrote them.
"""

from __future__ import annotations

import functools
import gzip

import pytest

from dedupstore.errors import FormatError, UnsupportedFormat
from dedupstore.twins.kernel import Kernel
from dedupstore.twins.prover import Proof
from dedupstore.twins.rebuilding import rebuild
from golden.format.vectors import Vector, load_all
from gzip_files import (
    GOLDEN_TWINS,
    KERNELS,
    RECIPE_BYTES_WITHOUT_CORRECTIONS,
    check_twin,
    kernel_or_skip,
    pieces_of,
)

PREDICTED = ("busybox", "gnu-1", "gnu-6", "java", "pigz-6")
CORRECTED = {
    "7zip": 700, "go": 250, "igzip-1": 1100, "libdeflate-6": 400, "libdeflate-12": 650, "node": 200,
    "pigz-11": 600, "zlib-ng-6": 300, "zopfli": 600,
}  # fmt: skip
"""Name of a file → bytes that its recipe does not reach; the files have some 2200."""

RECIPES = [vector for vector in load_all() if vector.decoder == "recipe"]
WRITERS = sorted([*PREDICTED, *CORRECTED])


def test_the_files_are_all_named() -> None:
    """Each file beside this module is tested."""
    assert sorted(path.stem for path in GOLDEN_TWINS.glob("*.gz")) == WRITERS


@pytest.mark.parametrize("kernel_name", KERNELS)
@pytest.mark.parametrize("writer", WRITERS)
def test_an_old_recipe_makes_its_file(kernel_name: str, writer: str) -> None:
    """A recipe that was made once gives back the bytes of its file for ever."""
    file = (GOLDEN_TWINS / f"{writer}.gz").read_bytes()
    recipe = (GOLDEN_TWINS / f"{writer}.recipe").read_bytes()
    text = gzip.decompress(file)
    assert b"".join(rebuild(recipe, [text], kernel_or_skip(kernel_name))) == file


@functools.cache
def proved(kernel: Kernel, writer: str) -> Proof:
    """Return what a kernel proves of a writer's file, once checked."""
    file = (GOLDEN_TWINS / f"{writer}.gz").read_bytes()
    return check_twin(kernel, file, gzip.decompress(file))


@pytest.mark.parametrize("writer", WRITERS)
def test_kernels_make_the_same_recipes(writer: str) -> None:
    """All kernels make the same recipe of each writer's file."""
    python, native = kernel_or_skip("python"), kernel_or_skip("native")
    assert proved(native, writer) == proved(python, writer)


@pytest.mark.parametrize("kernel_name", KERNELS)
@pytest.mark.parametrize("writer", WRITERS)
def test_a_recipe_is_found_for_each_writer(kernel_name: str, writer: str) -> None:
    """Each writer's file has a recipe, as short as the writer is like zlib."""
    proof = proved(kernel_or_skip(kernel_name), writer)
    assert len(proof.recipe) < CORRECTED.get(writer, RECIPE_BYTES_WITHOUT_CORRECTIONS)


@pytest.mark.parametrize("kernel_name", KERNELS)
@pytest.mark.parametrize("vector", RECIPES, ids=lambda vector: vector.name)
def test_each_kernel_keeps_the_rules_of_recipes(kernel_name: str, vector: Vector) -> None:
    """Each kernel makes of a recipe what its vector says, or refuses it."""
    kernel = kernel_or_skip(kernel_name)
    recipe, text = b"".join(vector.parts()), vector.arguments["text"].encode()
    if vector.outcome == "accepted":
        file = bytes.fromhex(vector.value["file"])
        assert b"".join(rebuild(recipe, [text], kernel)) == file
        assert b"".join(rebuild(recipe, pieces_of(text, [1]), kernel)) == file
    else:
        expected = FormatError if vector.outcome == "damaged" else UnsupportedFormat
        with pytest.raises(expected):
            list(rebuild(recipe, [text], kernel))
