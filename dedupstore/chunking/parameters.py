"""What decides where a stream is cut: sizes and the seed of the gear table."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self

from dedupstore.chunking.gear_table import derive_gear_table

WINDOW_BYTES: Final = 64
"""A cut depends on no more than this many bytes before it (and on where its chunk starts)."""

TARGET_BITS_MIN: Final = 12
TARGET_BITS_MAX: Final = 22
TARGET_BYTES_DEFAULT: Final = 64 * 1024

PUBLISHED_SEED: Final = b"published"
"""The seed of every repository that keeps no secret."""

_LOW_MASK: Final = 0xFFC0
_LOW_MASK_BITS: Final = 10
_HARDER_BITS: Final = 2
_EASIER_BITS: Final = 3


class CutRules(NamedTuple):
    """`ChunkingParameters` as a kernel takes them: plain bytes and integers.

    The hard mask holds up to target_bytes, the easy one up to late_bytes, then bits 6 to 15 alone.
    """

    table: bytes
    min_bytes: int
    target_bytes: int
    late_bytes: int
    max_bytes: int
    line_bound_bytes: int
    mask_hard: int
    mask_easy: int


@dataclass(frozen=True, slots=True)
class ChunkingParameters:
    """Where chunks may end. Part of a repository's config: changing one loses deduplication.

    Attributes:
        target_bytes: where cuts turn from rare to frequent; a power of two, 4 KiB to 4 MiB.
        min_bytes: no chunk but the last of a stream is shorter; 64 to target_bytes.
        max_bytes: no chunk is longer; at least target_bytes + line_bound_bytes.
        line_bound_bytes: how far a cut may move to end after a newline; 0 turns that off.
        seed: what the gear table is derived from.

    Raises:
        ValueError: a value is out of its range.
    """

    target_bytes: int
    min_bytes: int
    max_bytes: int
    line_bound_bytes: int
    seed: bytes = field(default=PUBLISHED_SEED, repr=False)  # a secret must not reach a log

    def __post_init__(self) -> None:
        target_bits = self.target_bytes.bit_length() - 1
        if self.target_bytes != 1 << max(target_bits, 0):
            raise ValueError(f"target_bytes is not a power of two: {self.target_bytes}")
        if not TARGET_BITS_MIN <= target_bits <= TARGET_BITS_MAX:
            raise ValueError(f"target_bytes is not within 4 KiB and 4 MiB: {self.target_bytes}")
        if not WINDOW_BYTES <= self.min_bytes <= self.target_bytes:
            raise ValueError(f"min_bytes is not within 64 and target_bytes: {self.min_bytes}")
        if self.line_bound_bytes < 0:
            raise ValueError(f"line_bound_bytes is negative: {self.line_bound_bytes}")
        if self.max_bytes < self.target_bytes + self.line_bound_bytes:
            raise ValueError(
                f"max_bytes is less than target_bytes + line_bound_bytes: {self.max_bytes}"
            )

    @classmethod
    def for_target(
        cls, target_bytes: int = TARGET_BYTES_DEFAULT, seed: bytes = PUBLISHED_SEED
    ) -> Self:
        """Derive all sizes from the target: a quarter, the target, four times it, a quarter.

        Args:
            target_bytes: a power of two, 4 KiB to 4 MiB.
            seed: what the gear table is derived from.

        Raises:
            ValueError: the target is out of its range.
        """
        return cls(
            target_bytes=target_bytes,
            min_bytes=target_bytes // 4,
            max_bytes=target_bytes * 4,
            line_bound_bytes=target_bytes // 4,
            seed=seed,
        )

    @property
    def tail_bytes_min(self) -> int:
        """Length in bytes from which a chunk that the stream's end has cut stays when it goes on.

        An eighth of the target: a log that grows by some lines at a time gets no chunk for each.
        """
        return self.target_bytes // 8

    def rules(self) -> CutRules:
        """Return what a kernel needs: the gear table, the sizes and the two masks."""
        target_bits = self.target_bytes.bit_length() - 1
        return CutRules(
            table=derive_gear_table(self.seed),
            min_bytes=self.min_bytes,
            target_bytes=self.target_bytes,
            late_bytes=self.target_bytes + self.target_bytes // 2,
            max_bytes=self.max_bytes,
            line_bound_bytes=self.line_bound_bytes,
            mask_hard=_mask(target_bits + _HARDER_BITS),
            mask_easy=_mask(max(target_bits - _EASIER_BITS, _LOW_MASK_BITS)),
        )


def _mask(bits: int) -> int:
    """Return a mask of `bits` bits: 6 to 15, which a vector unit tests, the others from the top."""
    high_bits = bits - _LOW_MASK_BITS
    return _LOW_MASK | ((1 << high_bits) - 1) << (64 - high_bits)
