"""Every kernel makes the cuts of the reference, whatever the data, the sizes and the seed."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupstore.chunking import Chunker, ChunkingParameters
from dedupstore.chunking.kernel import available_kernels
from golden.chunking import reference
from golden.chunking.inputs import KERNEL_DETAILS, all_candidates, kernel_or_skip

CANDIDATE_SEED, CANDIDATE_BYTE = all_candidates()

SEGMENTS: dict[str, Callable[[random.Random, int], bytes]] = {
    "random": lambda source, count: source.randbytes(count),
    "zeros": lambda source, count: bytes(count),
    "text": lambda source, count: source.randbytes(count).translate(bytes(range(128)) * 2),
    "one line": lambda source, count: source.randbytes(count).replace(b"\n", b" "),
    "newlines": lambda source, count: bytes(source.choices(b"\nab", k=count)),
    "repeated line": lambda source, count: (source.randbytes(50) + b"\n") * (count // 51),
    "all candidates": lambda source, count: bytes([CANDIDATE_BYTE]) * count,
    "many candidates": lambda source, count: b"".join(
        bytes([CANDIDATE_BYTE]) * source.randrange(60) + source.randbytes(1)
        for _ in range(count // 30)
    ),
}


@st.composite
def segmented_data(draw: st.DrawFn) -> bytes:
    """Join segments of unlike kinds; only seeds and lengths are drawn, so that it is quick."""
    kinds = st.sampled_from(sorted(SEGMENTS))
    segments = draw(st.lists(st.tuples(kinds, st.integers(0, 12_000), st.integers(0, 2**32))))
    return b"".join(SEGMENTS[kind](random.Random(seed), count) for kind, count, seed in segments)


@st.composite
def parameters_of_any_shape(draw: st.DrawFn) -> ChunkingParameters:
    """Draw small sizes, among them those that leave no room between minimum and limit."""
    target_bytes = draw(st.sampled_from([4096, 16_384]))
    line_bound_bytes = draw(st.integers(0, 3000))
    return ChunkingParameters(
        target_bytes=target_bytes,
        min_bytes=draw(st.integers(64, target_bytes)),
        max_bytes=target_bytes + line_bound_bytes + draw(st.integers(0, 9000)),
        line_bound_bytes=line_bound_bytes,
        seed=draw(st.sampled_from([b"published", b"", CANDIDATE_SEED])),
    )


@pytest.mark.parametrize("detail", KERNEL_DETAILS)
@given(data=segmented_data(), parameters=parameters_of_any_shape(), final=st.booleans())
def test_kernel_makes_the_cuts_of_the_reference(
    detail: str, data: bytes, parameters: ChunkingParameters, final: bool
) -> None:
    """A kernel and the reference cut the same data at the same places."""
    chunker = Chunker(parameters, kernel_or_skip(detail))
    expected = reference.cuts(data, parameters, final=final)
    assert chunker.find_cuts(data, 0, len(data), final) == expected


@given(data=segmented_data(), margins=st.tuples(st.integers(0, 99), st.integers(0, 99)))
def test_cuts_do_not_depend_on_what_surrounds_the_data(
    data: bytes, margins: tuple[int, int]
) -> None:
    """Data in the midst of a buffer is cut as it is alone, for every kernel."""
    parameters = ChunkingParameters.for_target(4096)
    before, after = margins
    surrounded = b"\n" * before + data + b"\n" * after
    for kernel in available_kernels():
        chunker = Chunker(parameters, kernel)
        found = chunker.find_cuts(surrounded, before, before + len(data), True)
        assert [cut - before for cut in found] == chunker.find_cuts(data, 0, len(data), True)


@given(data=segmented_data(), parameters=parameters_of_any_shape())
def test_chunks_keep_their_bounds(data: bytes, parameters: ChunkingParameters) -> None:
    """Chunks cover the data without gap; all but the last keep the minimum, all the maximum."""
    cuts = Chunker(parameters).find_cuts(data, 0, len(data), True)
    sizes = [end - start for start, end in zip([0, *cuts], cuts, strict=False)]
    assert sum(sizes) == len(data)
    assert all(0 < size <= parameters.max_bytes for size in sizes)
    assert all(size >= parameters.min_bytes for size in sizes[:-1])


@given(data=segmented_data(), parameters=parameters_of_any_shape(), shown=st.floats(0, 1))
def test_certain_cuts_stay(data: bytes, parameters: ChunkingParameters, shown: float) -> None:
    """Cuts that are found while it is not known how a stream goes on are cuts of the whole."""
    chunker = Chunker(parameters)
    certain = chunker.find_cuts(data, 0, int(shown * len(data)), False)
    assert chunker.find_cuts(data, 0, len(data), True)[: len(certain)] == certain
