"""Kernels: which there are, and what they refuse."""

from __future__ import annotations

import array
import importlib.util
import mmap
import sys
from pathlib import Path
from typing import Any

import pytest

from dedupstore import chunking
from dedupstore.chunking import Chunker, ChunkingParameters, kernel, kernel_detail, kernel_name
from golden.chunking.inputs import (
    KERNEL_DETAILS,
    all_candidates,
    kernel_or_skip,
    log_lines,
    random_bytes,
)

PARAMETERS = ChunkingParameters.for_target(4096)
RULES = PARAMETERS.rules()
DATA = log_lines("kernel", 50_000)


@pytest.fixture(params=KERNEL_DETAILS)
def chunker(request: pytest.FixtureRequest) -> Chunker:
    """Return a chunker for each kernel."""
    return Chunker(PARAMETERS, kernel_or_skip(request.param))


@pytest.fixture(params=[detail for detail in KERNEL_DETAILS if detail != "interpreter"])
def implementation(request: pytest.FixtureRequest) -> str:
    """Return the name of each native implementation."""
    return kernel_or_skip(request.param).detail


def call_native(detail: str, **changed: Any) -> list[int]:
    """Call the extension with sound arguments but for some."""
    arguments = {
        "data": DATA,
        "start": 0,
        "end": len(DATA),
        "final": True,
        **RULES._asdict(),
        "implementation": detail,
        **changed,
    }
    native = pytest.importorskip("dedupstore.chunking._kernel")
    cuts: list[int] = native.find_cuts(*arguments.values())
    return cuts


def test_active_kernel_is_the_first_and_the_twin_the_last() -> None:
    """The fastest kernel is active, and the Python twin is there on every machine."""
    kernels = kernel.available_kernels()
    assert (kernel_name(), kernel_detail()) == (kernels[0].name, kernels[0].detail)
    assert (kernels[-1].name, kernels[-1].detail) == ("python", "interpreter")


def test_without_the_extension_the_twin_is_active(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extension cannot be imported, chunking works on the Python twin."""
    monkeypatch.setitem(sys.modules, "dedupstore.chunking._kernel", None)
    monkeypatch.delattr(chunking, "_kernel", raising=False)
    spec = importlib.util.spec_from_file_location("kernel_alone", str(kernel.__file__))
    assert spec is not None
    assert spec.loader is not None
    alone = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "kernel_alone", alone)
    spec.loader.exec_module(alone)
    assert alone.kernel_name() == "python"
    assert len(alone.available_kernels()) == 1
    twin = alone.active_kernel().find_cuts
    assert twin(DATA, 0, len(DATA), True, RULES) == Chunker(PARAMETERS).find_cuts(
        DATA, 0, len(DATA), True
    )


@pytest.mark.parametrize("kind", ["bytearray", "memoryview", "words", "mmap"])
def test_any_contiguous_buffer_is_taken(chunker: Chunker, kind: str, tmp_path: Path) -> None:
    """Buffers of any kind are cut like bytes."""
    path = tmp_path / "data"
    path.write_bytes(DATA)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        views: dict[str, Any] = {
            "bytearray": bytearray(DATA),
            "memoryview": memoryview(b"xx" + DATA)[2:],
            "words": array.array("H", DATA),
            "mmap": mapped,
        }
        found = chunker.find_cuts(views[kind], 0, len(DATA), True)
    assert found == chunker.find_cuts(DATA, 0, len(DATA), True)


@pytest.mark.parametrize(
    ("start", "end"), [(-1, 10), (5, 4), (0, len(DATA) + 1), (len(DATA) + 1, len(DATA) + 1)]
)
def test_range_outside_the_data_is_refused(chunker: Chunker, start: int, end: int) -> None:
    """A range that is not inside the data raises ValueError."""
    with pytest.raises(ValueError, match="outside the data"):
        chunker.find_cuts(DATA, start, end, True)


def test_nothing_is_cut_into_nothing(chunker: Chunker) -> None:
    """An empty range has no chunks, wherever it lies."""
    assert chunker.find_cuts(b"", 0, 0, True) == []
    assert chunker.find_cuts(DATA, len(DATA), len(DATA), True) == []


def test_data_that_passes_the_first_stage_everywhere(chunker: Chunker) -> None:
    """Where every position is a candidate and no more, the late mask cuts at once."""
    seed, byte = all_candidates()
    parameters = ChunkingParameters.for_target(64 * 1024, seed)
    data = bytes([byte]) * (3 * parameters.max_bytes)
    hostile = Chunker(parameters, kernel_or_skip(chunker.kernel.detail))
    late = parameters.rules().late_bytes
    assert hostile.find_cuts(data, 0, len(data), False) == [*range(late, len(data) - late, late)]


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"data": "text"}, TypeError),
        ({"data": memoryview(DATA)[::2]}, BufferError),
        ({"end": 1 << 64}, OverflowError),
        ({"start": 0.5}, TypeError),
        ({"table": RULES.table[:-1]}, ValueError),
        ({"table": random_bytes("no nibbles", 2048)}, ValueError),
        ({"min_bytes": 63}, ValueError),
        ({"min_bytes": -(1 << 63)}, ValueError),
        ({"min_bytes": RULES.target_bytes + 1}, ValueError),
        ({"target_bytes": RULES.max_bytes}, ValueError),
        ({"late_bytes": RULES.target_bytes - 1}, ValueError),
        ({"max_bytes": 0}, ValueError),
        ({"max_bytes": 1 << 63}, OverflowError),
        ({"line_bound_bytes": -1}, ValueError),
        ({"line_bound_bytes": (1 << 63) - 1}, ValueError),
        ({"mask_hard": 0}, ValueError),
        ({"mask_easy": 0xFFFF}, ValueError),
        ({"implementation": "abacus"}, ValueError),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value.__name__,
)
def test_native_refuses_what_it_cannot_keep(
    implementation: str, changed: dict[str, object], error: type[Exception]
) -> None:
    """The extension refuses each wrong argument with an error, and never reads past the data."""
    with pytest.raises(error):
        call_native(implementation, **changed)


def test_native_takes_the_largest_sizes(implementation: str) -> None:
    """Sizes near the largest integer do not overflow: the data ends before they matter."""
    largest = sys.maxsize
    assert call_native(
        implementation,
        min_bytes=largest // 4,
        target_bytes=largest // 2,
        late_bytes=largest,
        max_bytes=largest,
        line_bound_bytes=largest // 2,
    ) == [len(DATA)]


def test_native_finds_more_cuts_than_one_round_holds(implementation: str) -> None:
    """Thousands of cuts come in order and without gap, though they are found in rounds."""
    zeros = bytes(300_000)
    sizes = {
        "min_bytes": 64,
        "target_bytes": 64,
        "late_bytes": 64,
        "max_bytes": 64,
        "line_bound_bytes": 0,
    }
    found = call_native(implementation, data=zeros, end=len(zeros), **sizes)
    assert found == [*range(64, len(zeros), 64), len(zeros)]
