"""Chunking parameters and the gear table they lead to."""

from __future__ import annotations

import struct

import pytest

from dedupstore.chunking import ChunkingParameters
from dedupstore.chunking.gear_table import TABLE_BYTES, derive_gear_table, unpack_gear_table
from dedupstore.chunking.parameters import PUBLISHED_SEED

KIB = 1024


def test_default_is_64_kib() -> None:
    """Without a choice the target is 64 KiB, the other sizes a quarter, four times, a quarter."""
    parameters = ChunkingParameters.for_target()
    assert parameters == ChunkingParameters(64 * KIB, 16 * KIB, 256 * KIB, 16 * KIB, PUBLISHED_SEED)


@pytest.mark.parametrize("target_bits", range(12, 23))
def test_masks_have_the_bits_of_the_format(target_bits: int) -> None:
    """Both masks hold bits 6 to 15 and, from the top, what makes up their rarity."""
    rules = ChunkingParameters.for_target(1 << target_bits).rules()
    assert rules.mask_hard.bit_count() == target_bits + 2
    assert rules.mask_easy.bit_count() == max(target_bits - 3, 10)
    assert rules.mask_hard & rules.mask_easy == rules.mask_easy
    for mask in (rules.mask_hard, rules.mask_easy):
        assert mask & 0xFFFF == 0xFFC0
        high = mask >> 16
        assert high + (high & -high or 1 << 48) == 1 << 48, "the high bits are not at the top"


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((0, 64, 8192, 0), "power of two"),
        ((-4096, 64, 8192, 0), "power of two"),
        ((5000, 64, 8192, 0), "power of two"),
        ((2048, 64, 8192, 0), "4 KiB and 4 MiB"),
        ((1 << 23, 64, 1 << 25, 0), "4 KiB and 4 MiB"),
        ((4096, 63, 8192, 0), "min_bytes"),
        ((4096, 4097, 8192, 0), "min_bytes"),
        ((4096, 64, 8192, -1), "line_bound_bytes"),
        ((4096, 64, 4095, 0), "max_bytes"),
        ((4096, 64, 8192, 4097), "max_bytes"),
    ],
)
def test_sizes_out_of_range_are_refused(sizes: tuple[int, int, int, int], message: str) -> None:
    """Sizes that no kernel could keep are refused by name."""
    with pytest.raises(ValueError, match=message):
        ChunkingParameters(*sizes)


@pytest.mark.parametrize("sizes", [(4096, 64, 4096, 0), (4096, 4096, 8192, 4096)])
def test_sizes_at_their_bounds_are_taken(sizes: tuple[int, int, int, int]) -> None:
    """The outermost sizes are valid and are handed to the kernel as they are."""
    rules = ChunkingParameters(*sizes).rules()
    assert (
        rules.target_bytes,
        rules.min_bytes,
        rules.max_bytes,
        rules.line_bound_bytes,
    ) == sizes


def test_seed_is_not_shown() -> None:
    """A seed may be secret, so the text form of parameters leaves it out."""
    assert "hidden" not in repr(ChunkingParameters.for_target(seed=b"hidden"))


def test_low_bits_of_the_table_are_made_of_nibbles() -> None:
    """The low 16 bits of an entry are one word by low nibble xor another by high nibble."""
    table = unpack_gear_table(derive_gear_table(b"any"))
    for byte, entry in enumerate(table):
        parts = table[byte & 0x0F] ^ table[byte & 0xF0] ^ table[0]
        assert (entry ^ parts) & 0xFFFF == 0


def test_table_is_packed_little_endian() -> None:
    """A packed table is 256 little-endian words of 64 bits, none the same for another seed."""
    packed = derive_gear_table(b"one")
    assert len(packed) == TABLE_BYTES
    assert unpack_gear_table(packed) == tuple(word for (word,) in struct.iter_unpack("<Q", packed))
    assert not set(unpack_gear_table(packed)) & set(unpack_gear_table(derive_gear_table(b"two")))


def test_runs_of_one_byte_are_no_cuts_with_the_published_seed() -> None:
    """No run of a single byte, be it zeros or spaces, cuts at every position."""
    for entry in unpack_gear_table(derive_gear_table(PUBLISHED_SEED)):
        assert -entry & 0xFFC0
