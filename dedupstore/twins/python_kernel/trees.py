"""The trees that zlib makes of the symbols of a block, and the header in which it says them.

GNU gzip makes the same. Any Huffman code with the right lengths would be as short; these are
rebuilt bit for bit, so ties are broken and codes shortened exactly as by ``build_tree``,
``gen_bitlen`` and ``scan_tree`` of zlib's trees.c (version 1.2.11; the same in all since 1995).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dedupstore.twins.python_kernel.alphabets import DISTANCE_CODES, LITERAL_CODES
from dedupstore.twins.python_kernel.huffman import (
    CODE_BITS_MAX,
    LENGTH_CODE_ORDER,
    Trees,
    canonical_codes,
    number_bits,
)

_LENGTH_CODE_BITS_MAX = 7
_EXTRA_BITS = {16: 2, 17: 3, 18: 7}


def zlib_trees(literal_counts: Sequence[int], distance_counts: Sequence[int]) -> Trees:
    """Return zlib's trees for a block.

    Args:
        literal_counts: how often each of the 286 literals, ends and lengths is used.
        distance_counts: how often each of the 30 distance codes is used.
    """
    literals = _trimmed(code_lengths(literal_counts, CODE_BITS_MAX))
    distances = _trimmed(code_lengths(distance_counts, CODE_BITS_MAX))
    items = [*_run_lengths(literals), *_run_lengths(distances)]
    counts = [0] * 19
    for symbol, _extra in items:
        counts[symbol] += 1
    lengths = code_lengths(counts, _LENGTH_CODE_BITS_MAX)
    named = 19
    while named > 4 and not lengths[LENGTH_CODE_ORDER[named - 1]]:
        named -= 1
    codes = canonical_codes(lengths)
    header = [
        number_bits(len(literals) - 257, 5),
        number_bits(len(distances) - 1, 5),
        number_bits(named - 4, 4),
        *(number_bits(lengths[symbol], 3) for symbol in LENGTH_CODE_ORDER[:named]),
        *(
            codes[symbol] + number_bits(extra, _EXTRA_BITS.get(symbol, 0))
            for symbol, extra in items
        ),
    ]
    return Trees(literals, distances, "".join(header))


def code_lengths(counts: Sequence[int], bits_max: int) -> list[int]:
    """Return the bits of each symbol's code, 0 for those that have none.

    Where fewer than two symbols are used, the lowest unused ones get codes, too.
    """
    counts = list(counts)
    used = [symbol for symbol, count in enumerate(counts) if count]
    largest = used[-1] if used else -1
    while len(used) < 2:
        if largest < 2:
            largest += 1
            forced = largest
        else:
            forced = 0
        counts[forced] = 1
        used.append(forced)
    order, parents = _merge(counts, used)
    return _limited_lengths(order, parents, len(counts), bits_max)


def _merge(counts: list[int], used: list[int]) -> tuple[list[int], dict[int, int]]:
    """Build the tree; return its nodes, those merged last first, and the parent of each.

    Nodes from ``len(counts)`` on are not symbols. The heap is zlib's own: among equal nodes, what
    comes first depends on how it moves them.
    """
    weights = dict(enumerate(counts))
    depths = dict.fromkeys(range(len(counts)), 0)
    heap = [-1, *used]

    def smaller(one: int, other: int) -> bool:
        if weights[one] != weights[other]:
            return weights[one] < weights[other]
        return depths[one] <= depths[other]

    def sift_down(place: int) -> None:
        moved = heap[place]
        child = place * 2
        while child < len(heap):
            if child + 1 < len(heap) and smaller(heap[child + 1], heap[child]):
                child += 1
            if smaller(moved, heap[child]):
                break
            heap[place] = heap[child]
            place, child = child, child * 2
        heap[place] = moved

    for place in range(len(used) // 2, 0, -1):
        sift_down(place)
    merged: list[int] = []
    parents: dict[int, int] = {}
    node = len(counts)
    while len(heap) > 2:
        least = heap[1]
        last = heap.pop()
        heap[1] = last
        sift_down(1)
        second = heap[1]
        merged += (least, second)
        weights[node] = weights[least] + weights[second]
        depths[node] = max(depths[least], depths[second]) + 1
        parents[least] = parents[second] = node
        heap[1] = node
        sift_down(1)
        node += 1
    merged.append(heap[1])
    return merged[::-1], parents


def _limited_lengths(
    order: list[int], parents: dict[int, int], symbol_count: int, bits_max: int
) -> list[int]:
    lengths = {order[0]: 0}
    counts = [0] * (bits_max + 1)
    overflow = 0
    for node in order[1:]:
        bits = lengths[parents[node]] + 1
        if bits > bits_max:
            bits = bits_max
            overflow += 1
        lengths[node] = bits
        if node < symbol_count:
            counts[bits] += 1
    if overflow:
        _shorten(order, lengths, counts, overflow, symbol_count)
    return [lengths.get(symbol, 0) for symbol in range(symbol_count)]


def _shorten(
    order: list[int], lengths: dict[int, int], counts: list[int], overflow: int, symbol_count: int
) -> None:
    """Bring all codes down to the most bits: pairs move under a leaf that is higher up."""
    bits_max = len(counts) - 1
    while overflow > 0:
        bits = bits_max - 1
        while not counts[bits]:
            bits -= 1
        counts[bits] -= 1
        counts[bits + 1] += 2
        counts[bits_max] -= 1
        overflow -= 2
    leaves = (node for node in reversed(order) if node < symbol_count)
    for bits in range(bits_max, 0, -1):
        for _ in range(counts[bits]):
            lengths[next(leaves)] = bits


def _trimmed(lengths: list[int]) -> list[int]:
    while not lengths[-1]:
        lengths.pop()
    return lengths


def _run_lengths(lengths: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the symbols of the code of lengths for the lengths of a code, with their extra bits."""
    previous, place = -1, 0
    while place < len(lengths):
        length = lengths[place]
        most = 138 if length == 0 else 6 if length == previous else 7
        least = 3 if length == 0 or length == previous else 4
        run = 1
        while run < most and place + run < len(lengths) and lengths[place + run] == length:
            run += 1
        place += run
        if run < least:
            yield from [(length, 0)] * run
        elif length:
            if length != previous:
                yield length, 0
                run -= 1
            yield 16, run - 3
        elif run <= 10:
            yield 17, run - 3
        else:
            yield 18, run - 11
        previous = length


def empty_counts() -> tuple[list[int], list[int]]:
    """Return counts of 0 for all literals and distances of a block."""
    return [0] * LITERAL_CODES, [0] * DISTANCE_CODES
