"""Whatever a gzip file holds, it is refused or rebuilt bit for bit, the same by every kernel."""

from __future__ import annotations

import gzip
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupstore.errors import FormatError, UnsupportedFormat
from dedupstore.twins import inflate
from dedupstore.twins.kernel import Kernel
from dedupstore.twins.prover import Proof
from dedupstore.twins.python_kernel.alphabets import LENGTH_MASK
from dedupstore.twins.python_kernel.block_writer import BitWriter, write_stored, write_tokens
from dedupstore.twins.python_kernel.plan import Block, BlockType
from dedupstore.twins.rebuilding import rebuild
from golden.format.twin_cases import SHORT, TEXT
from golden.format.vectors import load_all
from gzip_files import (
    GOLDEN_TWINS,
    KERNELS,
    LOG,
    check_twin,
    kernel_or_skip,
    pieces_of,
    prove,
    wrapped,
    zlib_gzip,
)

RECIPES = [
    (b"".join(vector.parts()), vector.arguments["text"].encode())
    for vector in load_all()
    if vector.decoder == "recipe" and vector.outcome == "accepted"
]
BUSYBOX = (GOLDEN_TWINS / "busybox.gz").read_bytes()

piece_sizes = st.lists(st.sampled_from([1, 2, 7, 100, 5000]), min_size=1, max_size=4)


@st.composite
def texts(draw: st.DrawFn, bytes_max: int = 2000) -> bytes:
    """Draw a text of runs, words of few letters, parts of a log, noise, and repeats of them."""
    text = b""
    for _ in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from(["run", "words", "log", "noise", "repeat"]))
        count = draw(st.integers(1, 600))
        source = random.Random(draw(st.integers(0, 2**32)))
        if kind == "run":
            text += bytes([source.randrange(256)]) * count
        elif kind == "words":
            text += bytes(source.choices(b"ab \n", k=count))
        elif kind == "log":
            begin = source.randrange(len(LOG))
            text += LOG[begin : begin + count]
        elif kind == "noise":
            text += source.randbytes(count)
        else:
            text += text[source.randrange(len(text) or 1) :][:count]
    return text[:bytes_max]


@st.composite
def zlib_files(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Draw a file of zlib with any settings and flushes, and its text."""
    text = draw(texts())
    writer = zlib.compressobj(
        draw(st.integers(0, 9)),
        zlib.DEFLATED,
        16 + draw(st.integers(9, 15)),
        draw(st.integers(1, 9)),
        draw(st.integers(0, 4)),
    )
    file = b""
    sizes = draw(st.lists(st.integers(1, 700), min_size=1, max_size=5))
    flushes = [zlib.Z_NO_FLUSH, zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_PARTIAL_FLUSH]
    for piece in pieces_of(text, sizes):
        file += writer.compress(piece) + writer.flush(draw(st.sampled_from(flushes)))
    return file + writer.flush(), text


@st.composite
def odd_files(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Draw a file whose tokens and blocks no sane writer would choose, and its text."""
    source = random.Random(draw(st.integers(0, 2**32)))
    text, writer = bytearray(), BitWriter()
    count = draw(st.integers(1, 4))
    for number in range(count):
        final = number == count - 1
        kind = draw(st.sampled_from(BlockType))
        if kind == BlockType.STORED:
            stored = source.randbytes(source.randrange(300))
            text += stored
            write_stored(writer, stored, final=final)
            continue
        tokens = []
        for _ in range(draw(st.integers(0, 60))):
            if not text or source.random() < 0.5:
                tokens.append(source.choice(b"abcd\n"))
                text.append(tokens[-1])
                continue
            distance = source.randint(1, min(len(text), source.choice([4, 300, 32768])))
            length = source.randint(3, source.choice([5, 20, 258]))
            tokens.append(distance << 9 | length)
            for _ in range(tokens[-1] & LENGTH_MASK):
                text.append(text[-distance])
        write_tokens(writer, Block(kind, len(tokens)), tokens, final=final)
    writer.write_bytes(b"")
    return wrapped(writer.take(), bytes(text)), bytes(text)


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """Draw bytes with some changed, and perhaps a part cut out or doubled."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        begin = draw(st.integers(0, max(0, len(changed) - 1)))
        end = min(len(changed), begin + draw(st.sampled_from([1, 1, 1, 2, 5, 20])))
        action = draw(st.sampled_from(["fill", "fill", "flip", "cut", "double"]))
        if action == "fill":
            changed[begin:end] = bytes([draw(st.integers(0, 255))]) * (end - begin)
        elif action == "flip" and begin < end:
            changed[begin] ^= 1 << draw(st.integers(0, 7))
        elif action == "cut":
            del changed[begin:end]
        else:
            changed[end:end] = changed[begin:end]
    return bytes(changed)


def outcome(kernel: Kernel, recipe: bytes, text: bytes) -> bytes | type[Exception]:
    """Return the file that a recipe makes of a text, or the error that it raises."""
    try:
        return b"".join(rebuild(recipe, [text], kernel))
    except (FormatError, UnsupportedFormat) as error:
        return type(error)


@pytest.mark.parametrize("kernel_name", KERNELS)
@given(data=st.data())
@settings(max_examples=25)
def test_what_zlib_writes_is_rebuilt(kernel_name: str, data: st.DataObject) -> None:
    """Each file of zlib, whatever it was set to and when it was flushed, is rebuilt."""
    kernel = kernel_or_skip(kernel_name)
    file, text = data.draw(zlib_files())
    check_twin(kernel, file, text)


@pytest.mark.parametrize("kernel_name", KERNELS)
@given(data=st.data())
@settings(max_examples=25)
def test_what_nobody_would_write_is_rebuilt(kernel_name: str, data: st.DataObject) -> None:
    """Each sound deflate stream, whatever tokens and blocks it has, is rebuilt."""
    kernel = kernel_or_skip(kernel_name)
    file, text = data.draw(odd_files())
    assert gzip.decompress(file) == text
    check_twin(kernel, file, text)


@pytest.mark.parametrize("kernel_name", KERNELS)
@given(file=st.one_of(zlib_files(), odd_files()), sizes=piece_sizes, more_sizes=piece_sizes)
@settings(max_examples=12)
def test_pieces_do_not_matter(
    kernel_name: str, file: tuple[bytes, bytes], sizes: list[int], more_sizes: list[int]
) -> None:
    """Recipe and file are the same in whatever pieces file and text come."""
    kernel = kernel_or_skip(kernel_name)
    compressed, text = file
    proof = prove(kernel, compressed)
    assert prove(kernel, compressed, sizes) == proof
    assert isinstance(proof, Proof)
    assert b"".join(rebuild(proof.recipe, pieces_of(text, more_sizes), kernel)) == compressed


@pytest.mark.parametrize("kernel_name", KERNELS)
@given(data=st.data())
@settings(max_examples=25)
def test_a_changed_file_is_refused_or_rebuilt(kernel_name: str, data: st.DataObject) -> None:
    """Whatever happens to a file, it is refused, or its recipe makes it as it is."""
    kernel = kernel_or_skip(kernel_name)
    file = data.draw(mutated(data.draw(st.sampled_from([zlib_gzip(LOG[:500]), BUSYBOX]))))
    if isinstance(prove(kernel, file), Proof):
        check_twin(kernel, file, b"".join(inflate([file])))


@given(data=st.data())
@settings(max_examples=40)
def test_kernels_make_the_same_recipes(data: st.DataObject) -> None:
    """All kernels make the same recipe of a file, or refuse it for the same reason."""
    python, native = kernel_or_skip("python"), kernel_or_skip("native")
    file, _text = data.draw(st.one_of(zlib_files(), odd_files()))
    if data.draw(st.booleans()):
        file = data.draw(mutated(file))
    assert prove(native, file, data.draw(piece_sizes)) == prove(python, file)


@pytest.mark.parametrize("kernel_name", KERNELS)
@given(data=st.data())
def test_a_changed_recipe_makes_a_file_or_is_refused(kernel_name: str, data: st.DataObject) -> None:
    """Whatever a recipe says, it makes some bytes, or is refused as damaged or newer."""
    kernel = kernel_or_skip(kernel_name)
    recipe, text = data.draw(st.sampled_from(RECIPES))
    text = data.draw(st.sampled_from([text, TEXT.encode(), SHORT.encode()]))
    outcome(kernel, data.draw(mutated(recipe)), text)


@given(data=st.data())
@settings(max_examples=200)
def test_kernels_do_the_same_with_a_changed_recipe(data: st.DataObject) -> None:
    """All kernels make the same of any recipe, or refuse it alike."""
    python, native = kernel_or_skip("python"), kernel_or_skip("native")
    recipe, text = data.draw(st.sampled_from(RECIPES))
    recipe = data.draw(mutated(recipe))
    assert outcome(native, recipe, text) == outcome(python, recipe, text)
