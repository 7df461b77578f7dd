"""Choosing and comparing the places that prove that a file only grew."""

from __future__ import annotations

import os
import random
from collections.abc import Collection, Iterator
from itertools import accumulate
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.format.hashing import digest
from dedupstore.format.pieces import HOLE_ID, Extent
from dedupstore.operations.snapshot.probes import (
    PROBE_BYTES_MAX,
    PROBE_BYTES_MIN,
    PROBE_SHARE,
    Probe,
    ProbePlan,
    ProbeReader,
)
from stored_pieces import StoredPieces

CHUNK = 5000
SEED = digest(b"the last chunk")


class _StoredChunks(StoredPieces):
    """Chunks in memory, read as a stream."""

    def stream(self, ids: Iterator[bytes]) -> Iterator[memoryview]:
        """Yield chunks by their ids."""
        return map(self.read, ids)


def plan(
    lengths: list[int],
    seed: bytes = SEED,
    ids: list[bytes] | None = None,
    at_hand: Collection[int] = (),
) -> list[Probe]:
    """Return what is compared of a file of chunks, or others, of these lengths.

    Those whose numbers are ``at_hand`` are read from the repository anyway.
    """
    ids = ids or [digest(b"%d" % number) for number in range(len(lengths))]
    chosen = ProbePlan(sum(lengths), seed)
    for begin, length, id_ in zip(accumulate(lengths, initial=0), lengths, ids, strict=False):
        chosen.look_at(Extent(length, id_), begin)
    return chosen.probes([ids[number] for number in at_hand])


def probed_bytes(probes: list[Probe]) -> int:
    """Return how much is read of the file."""
    return sum(probe.end - probe.begin for probe in probes)


@given(
    lengths=st.lists(st.integers(1, 300_000), min_size=1, max_size=120),
    scale=st.sampled_from([1, 40, 4000]),
    at_hand=st.sets(st.integers(0, 119)),
)
def test_a_proof_is_small_and_holds_both_ends(
    lengths: list[int], scale: int, at_hand: set[int]
) -> None:
    """Whatever the chunks, the ends are compared, and little more than a 32nd of all bytes."""
    lengths = [max(1, length // scale) for length in lengths]
    known = sum(lengths)
    probes = plan(lengths, at_hand={number for number in at_hand if number < len(lengths)})
    budget = min(max(known // PROBE_SHARE, PROBE_BYTES_MIN), PROBE_BYTES_MAX)
    for probe in probes:
        assert probe.extent_begin <= probe.begin < probe.end
        assert probe.end <= probe.extent_begin + probe.extent.extent_bytes
    assert probes[0].begin == 0
    assert probes[-1].end == known
    assert len(set(probes)) == len(probes)
    assert probed_bytes(probes) <= 4 * budget + max(lengths)
    if known <= PROBE_BYTES_MIN:
        assert probed_bytes(probes) == known


@pytest.mark.parametrize("lengths", [[5000] * 40, [64_000] * 30, [64_000] * 4000])
def test_a_proof_reads_a_32nd_on_average(lengths: list[int]) -> None:
    """Over many snapshots, what is compared is a 32nd, or 512 KiB where that is less."""
    budget = min(sum(lengths) // PROBE_SHARE, PROBE_BYTES_MAX)
    read = [probed_bytes(plan(lengths, digest(b"%d" % seed))) for seed in range(300)]
    assert 0.5 * budget < sum(read) / len(read) < 1.3 * budget


def test_only_ends_and_what_is_at_hand_are_compared_in_part() -> None:
    """Within chunks that need not be read from the repository nothing is compared by halves."""
    lengths = [64_000] * 40
    at_hand = {3, 17, 38, 39}
    parted = set()
    for seed in range(200):
        probes = plan(lengths, digest(b"%d" % seed), at_hand=at_hand)
        parted |= {p.extent_begin // 64_000 for p in probes if not p.is_whole_chunk}
    assert parted == {0, *at_hand}


def test_all_parts_of_a_file_are_looked_at_in_turn() -> None:
    """The places between follow from the size and the seed, and are others for others."""
    lengths = [64_000] * 40
    everything = range(40)
    assert plan(lengths) == plan(lengths)
    begins = {probe.begin for probe in plan(lengths, at_hand=everything)}
    for other in (
        plan([*lengths, 1], at_hand=everything),
        plan(lengths, digest(b"another"), at_hand=everything),
    ):
        assert len({probe.begin for probe in other} & begins) <= 2
    sampled = [probe.begin for probe in plan(lengths, at_hand=everything)][1:7]
    inner = sum(lengths) - 2 * sum(lengths) // 256
    assert [(begin - sum(lengths) // 256) * 6 // inner for begin in sampled] == [*range(6)]
    seen = {
        probe.extent_begin // 64_000
        for seed in range(1000)
        for probe in plan(lengths, digest(b"%d" % seed))
    }
    assert seen == set(everything)


def test_a_large_file_is_proved_by_whole_chunks() -> None:
    """Where windows come near to a chunk's size, nothing is read from the repository."""
    probes = plan([70_000] * 1000)
    assert [probe.is_whole_chunk for probe in probes] == [True] * 8


@pytest.fixture
def log(tmp_path: Path) -> Iterator[tuple[int, list[Probe], ChunkReader]]:
    """Return an open log of chunks and a hole, what is to be compared of it, and its chunks."""
    chunks = [bytes([65 + number]) * CHUNK for number in range(8)]
    chunks[4] = bytes(CHUNK)
    path = tmp_path / "app.log"
    path.write_bytes(b"".join(chunks) + b"more")
    stored = _StoredChunks(*chunks)
    ids = [digest(chunk) for chunk in chunks]
    ids[4] = HOLE_ID
    descriptor = os.open(path, os.O_RDWR)
    probes = plan([CHUNK] * 8, ids=ids, at_hand=range(8))
    assert any(probe.extent.id == HOLE_ID for probe in probes)
    yield descriptor, probes, cast(ChunkReader, stored)
    os.close(descriptor)


def test_a_log_that_grew_is_proved(log: tuple[int, list[Probe], ChunkReader]) -> None:
    """Where all places agree the proof holds, and what was read is counted, without holes."""
    descriptor, probes, chunks = log
    reader = ProbeReader(descriptor, chunks)
    assert reader.all_hold(probes)
    compared = [probe for probe in probes if probe.extent.id != HOLE_ID]
    assert reader.bytes_read == sum(probe.end - probe.begin for probe in compared)


def test_every_place_counts(log: tuple[int, list[Probe], ChunkReader]) -> None:
    """One other byte in any place that is compared, in holes too, and the proof fails."""
    descriptor, probes, chunks = log
    for probe in probes:
        for place in (probe.begin, probe.end - 1):
            was = os.pread(descriptor, 1, place)
            os.pwrite(descriptor, b"!", place)
            assert not ProbeReader(descriptor, chunks).all_hold(probes)
            os.pwrite(descriptor, was, place)
    assert ProbeReader(descriptor, chunks).all_hold(probes)


def test_a_log_that_ends_before_proves_nothing(log: tuple[int, list[Probe], ChunkReader]) -> None:
    """A file that was cut short since it was opened is not what is known, nor is a hole."""
    descriptor, probes, chunks = log
    os.truncate(descriptor, CHUNK * 8 - 1)
    assert not ProbeReader(descriptor, chunks).all_hold(probes)
    in_hole = [probe for probe in probes if probe.extent.id == HOLE_ID]
    os.truncate(descriptor, CHUNK * 4)
    assert not ProbeReader(descriptor, chunks).all_hold(in_hole)


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (bytes(200), True),
        (b"~" * 200, True),
        (b"all is well\n" * 40, True),
        (b"all is well\n" * 40 + b"?", False),
        (random.Random(1).randbytes(200), False),
    ],
)
def test_an_end_that_repeats_itself_tells_little(
    tmp_path: Path, end: bytes, expected: bool
) -> None:
    """Zeros and equal lines are told from an end with anything else in it, wherever it stands."""
    path = tmp_path / "log"
    data = random.Random(2).randbytes(2000) + end
    path.write_bytes(data + b"more")
    with path.open("rb") as file:
        assert ProbePlan(len(data), SEED).ends_in_repetition(file.fileno()) is expected


def test_what_is_compared_whole_may_repeat_itself(tmp_path: Path) -> None:
    """A short log of equal lines is proved by all its bytes."""
    path = tmp_path / "log"
    path.write_bytes(bytes(PROBE_BYTES_MIN + 1))
    with path.open("rb") as file:
        assert not ProbePlan(PROBE_BYTES_MIN, SEED).ends_in_repetition(file.fileno())
        assert ProbePlan(PROBE_BYTES_MIN + 1, SEED).ends_in_repetition(file.fileno())
