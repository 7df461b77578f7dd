"""Cuts at exact positions: a trigger among zeros allows a cut behind it and nowhere else."""

from __future__ import annotations

import pytest

from dedupstore.chunking import Chunker, ChunkingParameters
from golden.chunking.inputs import KERNEL_DETAILS, all_candidates, kernel_or_skip, trigger

PARAMETERS = ChunkingParameters(
    target_bytes=16_384, min_bytes=100, max_bytes=32_768, line_bound_bytes=1000
)
LIMIT = PARAMETERS.max_bytes - PARAMETERS.line_bound_bytes
EARLIEST = {"hard": 100, "easy": 16_384, "late": 24_576}
POSITIONS = [
    *range(64, 1500),
    *range(16_350, 16_450),
    *range(24_500, 24_600),
    *range(31_500, 31_800),
]


@pytest.fixture(params=KERNEL_DETAILS)
def chunker(request: pytest.FixtureRequest) -> Chunker:
    """Return a chunker for each kernel."""
    return Chunker(PARAMETERS, kernel_or_skip(request.param))


def first_cut(chunker: Chunker, data: bytes | bytearray) -> int:
    """Return where the first chunk ends."""
    return chunker.find_cuts(data, 0, len(data), True)[0]


def zeros_with(window: bytes, end: int, count: int = PARAMETERS.max_bytes) -> bytearray:
    """Return zeros in which a window ends at a position."""
    data = bytearray(count)
    data[end - len(window) : end] = window
    return data


@pytest.mark.parametrize("strength", ["hard", "easy", "late"])
def test_a_cut_is_found_at_every_position(chunker: Chunker, strength: str) -> None:
    """From the minimum on a hard trigger cuts, from the target on an easy one, later any."""
    earliest = EARLIEST[strength]
    window = trigger(strength)
    found = [first_cut(chunker, zeros_with(window, end)) for end in POSITIONS]
    assert found == [end if earliest <= end <= LIMIT else LIMIT for end in POSITIONS]


@pytest.mark.parametrize("data_bytes", [101, 1123, 1124, 1125, 4096, 31_767, 31_768, 31_769])
def test_data_may_end_right_behind_a_trigger(chunker: Chunker, data_bytes: int) -> None:
    """A trigger at the very end cuts where the data ends anyway, and leaves nothing over."""
    data = zeros_with(trigger("hard"), data_bytes, data_bytes)
    assert chunker.find_cuts(data, 0, data_bytes, True) == [min(data_bytes, LIMIT)] + (
        [data_bytes] if data_bytes > LIMIT else []
    )


@pytest.mark.parametrize(("newline", "cut"), [(20_000, 20_001), (20_999, 21_000), (21_000, 20_000)])
def test_a_cut_moves_behind_the_next_newline(chunker: Chunker, newline: int, cut: int) -> None:
    """A cut moves behind the next newline if the bound allows, else it stays."""
    data = zeros_with(trigger("easy"), 20_000)
    data[newline] = 0x0A
    assert first_cut(chunker, data) == cut


def test_a_cut_behind_a_newline_stays(chunker: Chunker) -> None:
    """A raw cut that happens to follow a newline does not move to the next one."""
    data = bytearray(PARAMETERS.max_bytes)
    data[LIMIT - 1] = data[LIMIT + 100] = 0x0A
    assert first_cut(chunker, data) == LIMIT


def test_a_newline_beyond_the_data_is_not_looked_for(chunker: Chunker) -> None:
    """What lies in the buffer behind the end of the data moves no cut."""
    data = zeros_with(trigger("easy"), 20_000)
    data[20_400] = 0x0A
    assert chunker.find_cuts(data, 0, 20_400, True)[0] == 20_000
    assert chunker.find_cuts(data, 0, 20_401, True) == [20_401]


@pytest.mark.parametrize("max_bytes", [5196, 5204, 8192])
def test_a_cut_is_found_behind_many_candidates(chunker: Chunker, max_bytes: int) -> None:
    """Positions that all pass the first stage, few or many, hide no cut that follows them."""
    seed, byte = all_candidates()
    parameters = ChunkingParameters(4096, 100, max_bytes, 1000, seed)
    seeded = Chunker(parameters, chunker.kernel)
    window = trigger("hard", seed)

    few = [(run_bytes, run_bytes + 128) for run_bytes in range(99, 150)]
    many = [(300, end) for end in range(428, max_bytes - 1000 + 1)]
    for run_bytes, end in few + many:
        data = zeros_with(window, end, max_bytes)
        data[:run_bytes] = bytes([byte]) * run_bytes
        assert first_cut(seeded, data) == end

    assert first_cut(seeded, bytes([byte]) * 300 + bytes(max_bytes - 300)) == max_bytes - 1000
