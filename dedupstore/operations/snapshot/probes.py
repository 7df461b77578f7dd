"""Proving by samples that the beginning of a file is still what is known of it."""

from __future__ import annotations

import os
import struct
from collections.abc import Collection, Sequence
from typing import NamedTuple

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.format.hashing import digest, digest_parts
from dedupstore.format.pieces import HOLE_ID, Extent
from dedupstore.ids import ChunkId
from dedupstore.limits import KIB

PROBE_SHARE = 32
"""A proof reads on average one byte of this many that are known…"""

PROBE_BYTES_MIN = 1 * KIB
"""…but at least so many: a shorter file is compared whole…"""

PROBE_BYTES_MAX = 512 * KIB
"""…and not many more than so many: about what a disk that turns reads while it seeks thrice."""

WINDOWS = 8
"""The first bytes, the last, and places between."""

_SAMPLES = WINDOWS - 2
_RANDOM_NUMBERS = struct.Struct(f"<{_SAMPLES}I")
_RANDOM_LIMIT = 1 << 32


class Probe(NamedTuple):
    """A range of a file, from ``begin`` up to ``end``, that is to be compared.

    It lies in the chunk or hole ``extent``, which begins at ``extent_begin``.
    """

    extent: Extent
    extent_begin: int
    begin: int
    end: int

    @property
    def is_whole_chunk(self) -> bool:
        """True where the chunk's id proves the bytes, so that the chunk need not be read."""
        return self.end - self.begin == self.extent.extent_bytes


class ProbePlan:
    """Chooses what to compare of a file, of which ``known_bytes`` are known.

    That is on average a 32nd of it, 1 KiB at least and 512 KiB at most, in eight places: the first
    bytes, the last, and one at random in each of six equal parts between. The places follow from
    the known bytes' number and ``seed``, so that they differ from one snapshot to the next, and
    whoever repeats one compares the same.

    A few bytes within a chunk can only be compared if the repository is read, where that chunk
    stands in a block of some MiB. So of the places between, those in chunks that are read anyway
    are compared; of all others the whole chunk is, by its id, but the more rarely the longer it is.
    """

    def __init__(self, known_bytes: int, seed: ChunkId) -> None:
        budget = min(max(known_bytes // PROBE_SHARE, PROBE_BYTES_MIN), PROBE_BYTES_MAX)
        is_short = known_bytes <= budget
        self._window = window = known_bytes if is_short else budget // WINDOWS
        self._whole_bytes_max = 2 * budget
        self._last = known_bytes - window
        self._places: list[tuple[int, float]] = []
        self._ends: dict[Probe, None] = {}
        self._samples: list[tuple[Probe, float]] = []
        if is_short:
            return
        part = (known_bytes - 2 * window) // _SAMPLES
        drawn = digest_parts((seed, known_bytes.to_bytes(8, "little")))
        chances = _RANDOM_NUMBERS.unpack_from(digest(drawn))
        for number, chosen in enumerate(_RANDOM_NUMBERS.unpack_from(drawn)):
            place = window + number * part + chosen % (part - window + 1)
            self._places.append((place, chances[number] / _RANDOM_LIMIT))
        self._places.reverse()

    def look_at(self, extent: Extent, extent_begin: int) -> None:
        """Take note of the next extent; all must be shown in order."""
        extent_end = extent_begin + extent.extent_bytes
        while self._places and self._places[-1][0] < extent_end:
            place, chance = self._places.pop()
            begin = max(extent_begin, min(place, extent_end - self._window))
            end = min(begin + self._window, extent_end)
            self._samples.append((Probe(extent, extent_begin, begin, end), chance))
        if extent_begin < self._window:
            self._add_end(extent, extent_begin, 0, self._window)
        if extent_end > self._last:
            self._add_end(extent, extent_begin, self._last, extent_end)

    def probes(self, at_hand: Collection[ChunkId]) -> list[Probe]:
        """Return what to compare, in order; the chunks ``at_hand`` are read anyway."""
        at_hand = {HOLE_ID, *at_hand}
        at_hand.update(probe.extent.id for probe in self._ends if not probe.is_whole_chunk)
        chosen = dict(self._ends)
        whole_bytes = 0
        for probe, chance in self._samples:
            extent_bytes = probe.extent.extent_bytes
            if probe.extent.id in at_hand:
                chosen[probe] = None
                continue
            is_drawn = extent_bytes <= 2 * self._window or chance * extent_bytes < self._window
            fits = not whole_bytes or whole_bytes + extent_bytes <= self._whole_bytes_max
            if is_drawn and fits:
                chosen[_whole(probe.extent, probe.extent_begin)] = None
                whole_bytes += extent_bytes
        return sorted(chosen, key=lambda probe: (probe.begin, probe.end))

    def ends_in_repetition(self, descriptor: int) -> bool:
        """Tell whether the last bytes that are compared repeat themselves, and so tell little.

        Zeros do where a file was made longer in advance: what is written into them since begins
        before the last bytes, and need not reach them. Equal lines without times look the same at
        the same place of another log. What is compared whole needs no telling bytes.

        Raises:
            OSError: the file cannot be read.
        """
        if not self._last:
            return False
        end = os.pread(descriptor, self._window, self._last)
        period = end.find(end[: len(end) // 2], 1)
        return period > 0 and end[period:] == end[:-period]

    def _add_end(self, extent: Extent, extent_begin: int, begin: int, end: int) -> None:
        probe = Probe(
            extent,
            extent_begin,
            max(extent_begin, begin),
            min(extent_begin + extent.extent_bytes, end),
        )
        if extent.extent_bytes <= 2 * self._window and extent.id != HOLE_ID:
            probe = _whole(extent, extent_begin)
        self._ends[probe] = None


def _whole(extent: Extent, extent_begin: int) -> Probe:
    return Probe(extent, extent_begin, extent_begin, extent_begin + extent.extent_bytes)


class ProbeReader:
    """Compares probes of an open file with what the repository has.

    ``bytes_read`` counts what was read of the file; holes are not counted, since they cost nothing.
    """

    def __init__(self, descriptor: int, reader: ChunkReader) -> None:
        self._descriptor = descriptor
        self._reader = reader
        self.bytes_read = 0

    def all_hold(self, probes: Sequence[Probe]) -> bool:
        """Tell whether the file has the bytes that are known in all places.

        What proves itself is looked at first, so that a file that was rewritten costs little.

        Raises:
            OSError: the file cannot be read.
            ChunkUnreadable, UnsupportedFormat, StorageError: what is known cannot be read.
        """
        to_compare = []
        for probe in probes:
            if probe.extent.id == HOLE_ID:
                if self._read(probe) != bytes(probe.end - probe.begin):
                    return False
            elif not probe.is_whole_chunk:
                to_compare.append(probe)
            elif digest(self._read(probe)) != probe.extent.id:
                return False
        return self._equal_chunks(to_compare)

    def _equal_chunks(self, probes: Sequence[Probe]) -> bool:
        chunks = self._reader.stream(probe.extent.id for probe in probes)
        for probe, chunk in zip(probes, chunks, strict=True):
            skipped = probe.begin - probe.extent_begin
            known = chunk[skipped : skipped + probe.end - probe.begin]
            if self._read(probe) != known:
                return False
        return True

    def _read(self, probe: Probe) -> bytes:
        """Return the bytes of a probe, fewer where the file ends."""
        data = os.pread(self._descriptor, probe.end - probe.begin, probe.begin)
        if probe.extent.id != HOLE_ID:
            self.bytes_read += len(data)
        return data
