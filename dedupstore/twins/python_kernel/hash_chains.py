"""Earlier positions of a text at which the same three bytes stand, as zlib finds them."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator
from itertools import islice

from dedupstore.twins.python_kernel.plan import Parameters
from dedupstore.twins.python_kernel.recipe import HOPS_MAX
from dedupstore.twins.python_kernel.sliding_text import SlidingText

_HASHED_BYTES = 64 * 1024
_MARGIN_BYTES = 262
"""zlib's MIN_LOOKAHEAD: the longest match, and what its search reads behind it."""


class HashChains:
    """Chains of the positions whose three bytes have the same hash, latest first.

    Attributes:
        next: the first position that has not been inserted; all before are, or never will be.
        era: where the dictionary was emptied last; it and what is before are no candidates.
        compared: how many candidates have been compared.
        reach: how far back the first candidate may be; the others must be nearer.
    """

    def __init__(self, text: SlidingText, parameters: Parameters) -> None:
        self.next = 0
        self.era = 0
        self.compared = 0
        self.reach = (1 << parameters.window_bits) - _MARGIN_BYTES
        self._text = text
        self._parameters = parameters
        self._mask = (1 << parameters.window_bits) - 1
        self._latest = [-1] * (1 << parameters.hash_bits)
        self._earlier = [-1] * (1 << parameters.window_bits)
        self._hashes = array("H")
        self._hashes_begin = 0

    def insert_until(self, stop: int) -> None:
        """Insert the positions before ``stop``, behind which two more bytes of text must be."""
        position = self.next
        if position >= stop:
            return
        if stop > self._hashes_begin + len(self._hashes):
            self._hash_more(stop)
        latest, earlier, mask = self._latest, self._earlier, self._mask
        offset = self._hashes_begin
        for value in self._hashes[position - offset : stop - offset]:
            earlier[position & mask] = latest[value]
            latest[value] = position
            position += 1
        self.next = stop

    def longest_match(self, position: int, shortest: int, room: int) -> int:
        """Return the token of the match that zlib finds at a position, 0 if it finds none.

        Args:
            position: has been inserted.
            shortest: what is found must be longer.
            room: the bytes of text from the position on that a match may cover.
        """
        parameters = self._parameters
        room = min(room, 258)
        candidate = self._earlier[position & self._mask]
        if candidate <= self.era or position - candidate > self.reach or shortest >= room:
            return 0
        left = parameters.chain if shortest < parameters.good else parameters.chain >> 2
        allowed = left
        limit = max(self.era, position - self.reach)
        nice = min(parameters.nice, room)
        data, begin = self._text.data, self._text.begin
        here = bytes(data[position - begin : position - begin + room])
        best, found = shortest, 0
        wanted, last, offset = here[: best + 1], here[best], best - begin
        earlier, mask = self._earlier, self._mask
        while left:
            left -= 1
            if data[candidate + offset] == last and data.startswith(wanted, candidate - begin):
                there = data[candidate - begin : candidate - begin + room]
                best, found = _common_bytes(there, here, best + 1), candidate
                if best >= nice:
                    break
                wanted, last, offset = here[: best + 1], here[best], best - begin
            candidate = earlier[candidate & mask]
            if candidate <= limit:
                break
        self.compared += allowed - left
        return (position - found) << 9 | best if found else 0

    def hop_of(self, position: int, length: int, distance: int) -> int | None:
        """Return which of the candidates that match for ``length`` has a distance."""
        for hop, candidate in enumerate(self._matching(position, length, position - distance)):
            if candidate == position - distance:
                return hop
        return None

    def distance_of(self, position: int, length: int, hop: int) -> int | None:
        """Return the distance of the candidate that `hop_of` means, None if there is none."""
        candidate = next(islice(self._matching(position, length), hop, None), None)
        return None if candidate is None else position - candidate

    def _matching(self, position: int, length: int, last: int = 0) -> Iterator[int]:
        """Yield candidates that match for a length, up to the first that is not behind ``last``."""
        data, begin = self._text.data, self._text.begin
        here = self._text.part(position, position + length)
        candidate = self._earlier[position & self._mask]
        if candidate <= self.era or position - candidate > self.reach:
            return
        limit = max(self.era, position - self.reach)
        for _ in range(HOPS_MAX):
            self.compared += 1
            if data.startswith(here, candidate - begin):
                yield candidate
            if candidate <= last:
                return
            candidate = self._earlier[candidate & self._mask]
            if candidate <= limit:
                return

    def _hash_more(self, stop: int) -> None:
        """Hash a good piece of the text that is there, at least up to ``stop``."""
        begin = self.next
        end = max(stop, min(self._text.end - 2, begin + _HASHED_BYTES))
        self._hashes = text_hashes(self._text.part(begin, end + 2), self._parameters.hash_bits)
        self._hashes_begin = begin


def text_hashes(text: bytes, hash_bits: int) -> array[int]:
    """Return zlib's hash of each three bytes of a text: ``a << 2s ^ b << s ^ c``, cut to its bits.

    All are computed at once, in numbers with 16 bits for each position; what would leave them at
    the top is cut off first.
    """
    shift = (hash_bits + 2) // 3
    lanes = array("H", list(text))
    if sys.byteorder == "big":
        lanes.byteswap()
    count = len(text)
    ones = int.from_bytes(b"\1\0" * count, "little")
    mask = (1 << hash_bits) - 1
    bytes_here = int.from_bytes(lanes.tobytes(), "little")
    first = (bytes_here & ones * (mask >> 2 * shift)) << 2 * shift
    second = (bytes_here >> 16 & ones * min(255, mask >> shift)) << shift
    hashes = array("H")
    value = (first ^ second ^ bytes_here >> 32) & ones * mask
    hashes.frombytes(value.to_bytes(2 * count, "little"))
    if sys.byteorder == "big":
        hashes.byteswap()
    return hashes[: count - 2]


def _common_bytes(one: bytearray, other: bytes, known: int) -> int:
    """Return how many first bytes two texts of the same length have in common."""
    if one == other:
        return len(other)
    unlike = int.from_bytes(one[known:], "little") ^ int.from_bytes(other[known:], "little")
    return known + ((unlike & -unlike).bit_length() - 1 >> 3)
