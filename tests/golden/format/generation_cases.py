"""Vectors of generation records (repository.md)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from golden.format.layouts import MISSING, generation_text, tombstone
from golden.format.vectors import Vector, accepted, refused

damaged = partial(refused, "damaged", decoder="generation")
newer = partial(refused, "newer", decoder="generation")

LAST = (1 << 62) - 1
FIRST_PACK, SECOND_PACK = "11" * 32, "22" * 32
FIRST_SNAPSHOT, SECOND_SNAPSHOT = "33" * 32, "44" * 32
DATA = tombstone(FIRST_PACK, "data", 5)
MANIFEST = tombstone(SECOND_PACK, "manifest", 7)


def cases() -> Iterator[Vector]:
    """Yield all vectors of this object."""
    yield from _accepted()
    yield newer("generation-format-2", rules="V-01", data=generation_text(format=2), number=7)
    unknown = generation_text(features_required=["quarantine"])
    yield newer("generation-feature-unknown", rules="V-02", data=unknown, number=7)
    yield damaged("generation-empty-file", rules="J-01", data=b"", number=7)
    yield Vector(
        "generation-too-long",
        "generation",
        ("J-02",),
        "damaged",
        (generation_text().encode(), (b" ", 1 << 26)),
        {"number": 7},
    )
    wrong = generation_text(checksum="00" * 32)
    yield damaged("generation-checksum-wrong", rules="G-03", data=wrong, number=7)
    flipped = generation_text().replace('"format": 1', '"format": 3')
    yield damaged("generation-format-flipped", rules="G-03", data=flipped, number=7)
    yield damaged("generation-of-another-name", rules="G-04", data=generation_text(), number=6)
    yield from _refused_fields()
    yield from _refused_tombstones()
    yield from _refused_forgotten()


def _accepted() -> Iterator[Vector]:
    yield _sound("generation", 7, "G-03 G-04", [DATA, MANIFEST], [FIRST_SNAPSHOT])
    yield _sound("generation-nothing-removed", 1, "G-04", [], [])
    yield _sound("generation-last", LAST, "G-05", [tombstone(FIRST_PACK, "data", LAST)], [])
    two = [FIRST_SNAPSHOT, SECOND_SNAPSHOT]
    yield _sound("generation-two-forgotten", 2, "G-08", [], two)
    extra = generation_text(tombstones=[DATA | {"why": "sparse"}], more={"nothing": None})
    value = _value(7, [DATA], [])
    yield Vector(
        "generation-unknown-fields",
        "generation",
        ("V-03",),
        "accepted",
        (extra.encode(),),
        {"number": 7},
        value,
    )


def _sound(
    name: str, number: int, rules: str, tombstones: list[dict[str, Any]], forgotten: list[str]
) -> Vector:
    text = generation_text(generation=number, tombstones=tombstones, forgotten=forgotten)
    value = _value(number, tombstones, forgotten)
    return accepted(name, "generation", rules, text, value, number=number)


def _value(number: int, tombstones: list[dict[str, Any]], forgotten: list[str]) -> dict[str, Any]:
    return {
        "generation": number,
        "time": "2026-03-01T12:00:00Z",
        "tombstones": tombstones,
        "forgotten": forgotten,
    }


def _refused_fields() -> Iterator[Vector]:
    for name, change in (
        ("number-missing", {"generation": MISSING}),
        ("number-true", {"generation": True}),
        ("number-negative", {"generation": -7}),
        ("checksum-missing", {"checksum": MISSING}),
        ("tombstones-missing", {"tombstones": MISSING}),
        ("tombstones-an-object", {"tombstones": {}}),
        ("tombstone-a-text", {"tombstones": [FIRST_PACK]}),
        ("tombstone-without-pack", {"tombstones": [{"kind": "data", "generation": 5}]}),
        ("tombstone-without-kind", {"tombstones": [{"pack": FIRST_PACK, "generation": 5}]}),
        ("tombstone-without-number", {"tombstones": [{"pack": FIRST_PACK, "kind": "data"}]}),
        ("forgotten-missing", {"forgotten": MISSING}),
        ("forgotten-a-number", {"forgotten": [3]}),
    ):
        text = generation_text(**change)
        yield damaged(f"generation-{name}", rules="J-06", data=text, number=7)
    upper = generation_text(tombstones=[tombstone("AB" * 32, "data", 5)])
    yield damaged("generation-pack-upper-case", rules="J-07", data=upper, number=7)
    short = generation_text(forgotten=["33" * 31])
    yield damaged("generation-forgotten-too-short", rules="J-07", data=short, number=7)
    for name, time in (("null", None), ("missing", MISSING)):
        text = generation_text(time=time)
        yield damaged(f"generation-time-{name}", rules="J-06", data=text, number=7)
    local = generation_text(time="2026-03-01T12:00:00+01:00")
    yield damaged("generation-time-local", rules="J-08", data=local, number=7)


def _refused_tombstones() -> Iterator[Vector]:
    for name, number in (("0", 0), ("negative", -1), ("to-come", 8)):
        text = generation_text(tombstones=[tombstone(FIRST_PACK, "data", number)])
        rule = "J-06" if number < 0 else "G-05"
        yield damaged(f"generation-tombstone-{name}", rules=rule, data=text, number=7)
    kind = generation_text(tombstones=[tombstone(FIRST_PACK, "index", 5)])
    yield newer("generation-tombstone-kind-unknown", rules="G-06", data=kind, number=7)
    unsorted = generation_text(tombstones=[MANIFEST, DATA])
    yield damaged("generation-tombstones-unsorted", rules="G-07", data=unsorted, number=7)
    for name, second in (("same", DATA), ("of-both-kinds", DATA | {"kind": "manifest"})):
        text = generation_text(tombstones=[DATA, second])
        yield damaged(f"generation-pack-twice-{name}", rules="G-07", data=text, number=7)


def _refused_forgotten() -> Iterator[Vector]:
    for name, ids in (
        ("unsorted", [SECOND_SNAPSHOT, FIRST_SNAPSHOT]),
        ("twice", [FIRST_SNAPSHOT, FIRST_SNAPSHOT]),
    ):
        text = generation_text(forgotten=ids)
        yield damaged(f"generation-forgotten-{name}", rules="G-08", data=text, number=7)
