"""Every kind of object × every kind of damage, with what is found and lost by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from dedupstore.format.block import HEADER_BYTES
from dedupstore.format.pack import PACK_HEADER_BYTES, TRAILER_BYTES
from faults.damage import (
    DATA,
    MANIFEST,
    Damage,
    flip,
    flip_in_pack,
    on_current,
    on_index,
    on_pack,
    on_record,
    payload_position,
    replace_index,
    replace_pack,
    replace_record,
    swap_packs,
    swap_records,
    table_position,
    truncate,
)

Finding = tuple[str, str]
"""Kind, and the object by the role that it plays in the sample."""


@dataclass(frozen=True)
class Case:
    """One damage, what check must find, and what is lost by it.

    ``found`` are the findings of check, ``found_in_data`` those it has besides or instead when it
    reads all data; None where they are the same. ``packs_lost`` are the packs that have no sound
    block; those of them of which a restore still reads every chunk are also in ``packs_salvaged``,
    and those of which it reads some in ``packs_salvaged_in_part``. ``records_lost`` are the
    snapshots that are no longer listed.
    """

    damage: Damage
    found: tuple[Finding, ...] = ()
    found_in_data: tuple[Finding, ...] | None = None
    packs_lost: frozenset[str] = frozenset()
    packs_salvaged: frozenset[str] = frozenset()
    packs_salvaged_in_part: frozenset[str] = frozenset()
    records_lost: frozenset[int] = frozenset()
    warned: tuple[Finding, ...] = field(default=())


def lost(*roles: str) -> frozenset[str]:
    """Return a set of packs by their roles."""
    return frozenset(roles)


REBUILT = (("index-rebuilt", "index"),)
MISSING_DATA = (("chunks-missing", "snapshot 0"),)
CASES = {
    # A data pack: its parts.
    "data pack header, flipped": Case(
        on_pack(DATA, 0, lambda pack: flip(pack, 1)),
        (("pack-damaged", "data pack 0"),),
    ),
    "data pack version, flipped": Case(
        on_pack(DATA, 0, lambda pack: flip(pack, 4)),
        (("pack-damaged", "data pack 0"),),
    ),
    "data block payload, flipped": Case(
        flip_in_pack(DATA, 0, payload_position),
        (),
        (("block-damaged", "data pack 0"),),
        packs_lost=lost("data pack 0"),
        packs_salvaged_in_part=lost("data pack 0"),
    ),
    "data block header, flipped": Case(
        on_pack(DATA, 0, lambda pack: flip(pack, PACK_HEADER_BYTES + 2)),
        (),
        (("block-damaged", "data pack 0"),),
        packs_lost=lost("data pack 0"),
        packs_salvaged=lost("data pack 0"),
    ),
    "data block version, flipped": Case(
        on_pack(DATA, 1, lambda pack: flip(pack, PACK_HEADER_BYTES + 4)),
        (),
        (("block-damaged", "data pack 1"),),
        packs_lost=lost("data pack 1"),
        packs_salvaged=lost("data pack 1"),
    ),
    "data block codec, flipped": Case(
        on_pack(DATA, 1, lambda pack: flip(pack, PACK_HEADER_BYTES + 5)),
        (),
        (("block-damaged", "data pack 1"),),
        packs_lost=lost("data pack 1"),
        packs_salvaged=lost("data pack 1"),
    ),
    "data block directory, flipped": Case(
        on_pack(DATA, 0, lambda pack: flip(pack, PACK_HEADER_BYTES + HEADER_BYTES + 3)),
        (),
        (("block-damaged", "data pack 0"),),
        packs_lost=lost("data pack 0"),
        packs_salvaged=lost("data pack 0"),
    ),
    "data pack table, flipped": Case(
        flip_in_pack(DATA, 0, table_position),
        (("pack-damaged", "data pack 0"),),
    ),
    "data pack trailer, flipped": Case(
        on_pack(DATA, 0, lambda pack: flip(pack, -TRAILER_BYTES)),
        (("pack-damaged", "data pack 0"),),
    ),
    "data pack trailer flags, flipped": Case(
        on_pack(DATA, 0, lambda pack: flip(pack, -7, bit=1)),
        (("pack-damaged", "data pack 0"),),
    ),
    # A data pack as a whole.
    "data pack, cut off in its trailer": Case(
        on_pack(DATA, 0, lambda pack: truncate(pack, -1)),
        (("pack-damaged", "data pack 0"),),
        warned=REBUILT,
    ),
    "data pack, cut off in its block": Case(
        on_pack(DATA, 0, lambda pack: truncate(pack, 500)),
        (("pack-damaged", "data pack 0"), *MISSING_DATA),
        packs_lost=lost("data pack 0"),
        warned=REBUILT,
    ),
    "data pack, missing": Case(
        on_pack(DATA, 0, Path.unlink),
        (("pack-missing", "data pack 0"), *MISSING_DATA),
        packs_lost=lost("data pack 0"),
        warned=REBUILT,
    ),
    "data pack, emptied": Case(
        on_pack(DATA, 1, lambda pack: truncate(pack, 0)),
        (("pack-damaged", "data pack 1"), ("chunks-missing", "snapshot 1")),
        packs_lost=lost("data pack 1"),
        warned=REBUILT,
    ),
    "data packs, swapped": Case(
        swap_packs(DATA, 0, 1),
        (),
        (("block-damaged", "data pack 0"), ("block-damaged", "data pack 1")),
        warned=REBUILT,
    ),
    "data pack, another repository's": Case(
        replace_pack(DATA, 0),
        MISSING_DATA,
        (("block-damaged", "data pack 0"), *MISSING_DATA),
        packs_lost=lost("data pack 0"),
        warned=REBUILT,
    ),
    # A manifest pack.
    "manifest pack header, flipped": Case(
        on_pack(MANIFEST, 0, lambda pack: flip(pack, 1)),
        (("pack-damaged", "manifest pack 0"),),
    ),
    "manifest block payload, flipped": Case(
        flip_in_pack(MANIFEST, 0, payload_position),
        (("manifest-damaged", "snapshot 0"),),
        (("block-damaged", "manifest pack 0"), ("manifest-damaged", "snapshot 0")),
        packs_lost=lost("manifest pack 0"),
    ),
    "manifest pack table, flipped": Case(
        flip_in_pack(MANIFEST, 2, table_position),
        (("pack-damaged", "manifest pack 2"),),
    ),
    "manifest pack, cut off": Case(
        on_pack(MANIFEST, 1, lambda pack: truncate(pack, 200)),
        (
            ("list-damaged", "snapshot 2"),
            ("manifest-damaged", "snapshot 1"),
            ("pack-damaged", "manifest pack 1"),
        ),
        packs_lost=lost("manifest pack 1"),
        warned=REBUILT,
    ),
    "manifest pack, missing": Case(
        on_pack(MANIFEST, 2, Path.unlink),
        (("manifest-damaged", "snapshot 2"), ("pack-missing", "manifest pack 2")),
        packs_lost=lost("manifest pack 2"),
        warned=REBUILT,
    ),
    "manifest pack, emptied": Case(
        on_pack(MANIFEST, 2, lambda pack: truncate(pack, 0)),
        (("manifest-damaged", "snapshot 2"), ("pack-damaged", "manifest pack 2")),
        packs_lost=lost("manifest pack 2"),
        warned=REBUILT,
    ),
    "manifest packs, swapped": Case(
        swap_packs(MANIFEST, 1, 2),
        (),
        (("block-damaged", "manifest pack 1"), ("block-damaged", "manifest pack 2")),
        warned=REBUILT,
    ),
    "manifest pack, another repository's": Case(
        replace_pack(MANIFEST, 2),
        (("manifest-damaged", "snapshot 2"),),
        (("block-damaged", "manifest pack 2"), ("manifest-damaged", "snapshot 2")),
        packs_lost=lost("manifest pack 2"),
        warned=REBUILT,
    ),
    # A snapshot record.
    "snapshot record, flipped": Case(
        on_record(1, lambda record: flip(record, 100)),
        (("snapshot-damaged", "snapshot 1"),),
        records_lost=frozenset({1}),
    ),
    "snapshot record, cut off": Case(
        on_record(2, lambda record: truncate(record, 100)),
        (("snapshot-damaged", "snapshot 2"),),
        records_lost=frozenset({2}),
    ),
    "snapshot record, missing": Case(
        on_record(1, Path.unlink),
        (("snapshot-missing", "snapshot 1"),),
        records_lost=frozenset({1}),
    ),
    "snapshot record, emptied": Case(
        on_record(0, lambda record: truncate(record, 0)),
        (("snapshot-damaged", "snapshot 0"),),
        records_lost=frozenset({0}),
    ),
    "snapshot records, swapped": Case(
        swap_records,
        (("snapshot-damaged", "snapshot 0"), ("snapshot-damaged", "snapshot 1")),
        records_lost=frozenset({0, 1}),
    ),
    "snapshot record, another repository's": Case(
        replace_record,
        (("snapshot-damaged", "snapshot 1"),),
        records_lost=frozenset({1}),
    ),
    # The index, which nothing depends on.
    "index data, flipped": Case(on_index(lambda data: flip(data, 16)), warned=REBUILT),
    "index data, cut off": Case(on_index(lambda data: truncate(data, -4096)), warned=REBUILT),
    "index data, missing": Case(on_index(Path.unlink), warned=REBUILT),
    "index data, emptied": Case(on_index(lambda data: truncate(data, 0)), warned=REBUILT),
    "index, another repository's": Case(replace_index, warned=REBUILT),
    "CURRENT, flipped": Case(on_current(lambda current: flip(current, 3)), warned=REBUILT),
    "CURRENT, cut off": Case(on_current(lambda current: truncate(current, 15)), warned=REBUILT),
    "CURRENT, missing": Case(on_current(Path.unlink), warned=REBUILT),
    "CURRENT, emptied": Case(on_current(lambda current: truncate(current, 0)), warned=REBUILT),
}
