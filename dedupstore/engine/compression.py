"""How much time is spent on making what is stored small."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from dedupstore.format.codecs import LEVEL_MAX

COMPRESSING_MAX = 3
"""How many threads compress at once: with what waits to be stored, all has to fit into 200 MB."""


class Levels(NamedTuple):
    """Levels of zstd, 1 to 19: for ``each`` block, or for a writer's ``only`` one.

    How well a log compresses decides nothing: a higher level takes 1 to 2 KB off for each
    millisecond, of wide JSON as of terse text. How much there is does: what frequent snapshots
    bring is little, and takes little time at any level.
    """

    each: int
    only: int


class Compression(Enum):
    """What a snapshot is asked to spend; ``levels`` is what that means."""

    AUTO = "auto"
    FAST = "fast"
    SMALL = "small"

    @property
    def levels(self) -> Levels:
        """The levels of zstd that are used."""
        return _LEVELS[self]


REPACKING = 9
"""The level of what is packed anew: it may be read for years, and nobody waits for it."""

_LEVELS = {
    Compression.AUTO: Levels(1, 9),
    Compression.FAST: Levels(1, 1),
    Compression.SMALL: Levels(LEVEL_MAX, LEVEL_MAX),
}
