"""What a recipe says: of each deflate stream what its text does not say, and the bytes around."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from enum import IntEnum


class Matcher(IntEnum):
    """How the writer of a stream looked for matches."""

    NONE = 0
    FAST = 1
    LAZY = 2
    RUNS = 3


@dataclass(frozen=True, slots=True)
class Parameters:
    """What zlib's match finder was set to; the numbers mean something for FAST and LAZY only.

    Attributes:
        window_bits: 9 to 15; matches reach back two to this power, less 262 bytes.
        hash_bits: 8 to 16; zlib's memLevel and 7.
        good: a match of this length is good enough to look for a longer one with a quarter of the
            effort.
        lazy: a match of this length is taken without a look at the next position (LAZY); of a
            longer match only the first position can be found again (FAST).
        nice: a match of this length ends a search; 3 to 258.
        chain: candidates that a search compares, 4 to 4096.
        filtered: short matches are not taken (LAZY).
    """

    matcher: Matcher
    window_bits: int = 15
    hash_bits: int = 15
    good: int = 0
    lazy: int = 0
    nice: int = 0
    chain: int = 0
    filtered: bool = False

    @property
    def searches(self) -> bool:
        """Whether there are chains of earlier positions."""
        return self.matcher in (Matcher.FAST, Matcher.LAZY)


class BlockType(IntEnum):
    """The types of deflate blocks."""

    STORED = 0
    FIXED = 1
    DYNAMIC = 2


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a stream.

    ``count`` is its tokens without the end, or its bytes if it is stored. ``own_trees`` are the
    bits of its header, where zlib would have made other trees; else empty.
    """

    type: BlockType
    count: int
    own_trees: str = ""


class Fix(IntEnum):
    """How a token that was predicted wrongly is said: see `Corrections`."""

    LITERAL = 0
    LENGTH = 1
    HOP = 2
    DISTANCE = 3


@dataclass(slots=True)
class Corrections:
    """The tokens that are not as predicted, one list for each thing that is said of them.

    Attributes:
        gaps: tokens predicted rightly before each.
        kinds: the `Fix` of each.
        lengths: of all but literals, the length.
        hops: of HOP, which candidate as long as the match it is, from 0.
        distances: of DISTANCE, the distance.
    """

    gaps: array[int] = field(default_factory=lambda: array("Q"))
    kinds: bytearray = field(default_factory=bytearray)
    lengths: array[int] = field(default_factory=lambda: array("H"))
    hops: array[int] = field(default_factory=lambda: array("H"))
    distances: array[int] = field(default_factory=lambda: array("H"))


@dataclass(slots=True)
class StreamPlan:
    """One deflate stream.

    While it is being made, ``text_bytes`` is None, and more blocks, flush points and corrections
    follow. Then ``open_flush`` is where a flush is the last that is known of the text.

    Attributes:
        text_bytes: the length of its text.
        flush_points: positions in the text, ascending, that no prediction looks across.
        emptied: for each of them 1 if nothing before it can be found again, else 0.
    """

    parameters: Parameters
    text_bytes: int | None = None
    flush_points: list[int] = field(default_factory=list)
    emptied: bytearray = field(default_factory=bytearray)
    blocks: list[Block] = field(default_factory=list)
    corrections: Corrections = field(default_factory=Corrections)
    open_flush: int | None = None


Section = bytes | StreamPlan
"""Bytes that are in the file as they are, or a deflate stream."""
