"""Vectors of the memory of check (repository.md)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from dedupstore.format.hashing import digest
from golden.format.layouts import verified
from golden.format.vectors import Vector, accepted, refused

damaged = partial(refused, "damaged")
newer = partial(refused, "newer")

FIRST = (b"\x11" * 32, 7, 1_772_366_400)
SECOND = (b"\x22" * 32, 3, -1)
LAST_RUN = (1 << 62) - 1


def cases() -> Iterator[Vector]:
    """Yield all vectors of this object."""
    yield _sound("verified", FIRST, SECOND)
    yield _sound("verified-empty")
    yield _sound("verified-last-run", (b"\0" * 32, LAST_RUN, -(1 << 63)))
    flagged = verified([FIRST], flags=1)
    value = [[FIRST[0].hex(), *FIRST[1:]]]
    yield Vector("verified-optional-flag", "verified", ("K-03",), "accepted", (flagged,), {}, value)
    yield damaged("verified-without-bytes", "verified", "K-01", b"")
    yield damaged("verified-cut-off-in-header", "verified", "K-01", verified([])[:-1])
    long = verified([])
    yield Vector(
        "verified-too-long", "verified", ("K-01",), "damaged", (long, (bytes(48), 1048577))
    )
    yield damaged("verified-magic-wrong", "verified", "K-01", verified([FIRST], magic=b"DVRG"))
    yield damaged("verified-checksum-wrong", "verified", "K-02", verified([], checksum=bytes(16)))
    checksum = digest(verified([FIRST])[:8] + verified([FIRST])[24:])[:16]
    flipped = verified([FIRST], version=3, checksum=checksum)
    yield damaged("verified-version-flipped", "verified", "K-02", flipped)
    yield newer("verified-version-2", "verified", "K-03", verified([FIRST], version=2))
    yield newer("verified-required-flag", "verified", "K-03", verified([FIRST], flags=1 << 8))
    cut = verified([FIRST], behind=bytes(47))
    yield damaged("verified-cut-off-in-row", "verified", "K-04", cut)
    yield damaged("verified-out-of-order", "verified", "K-05", verified([SECOND, FIRST]))
    yield damaged("verified-pack-twice", "verified", "K-05", verified([FIRST, FIRST]))
    for name, run in (("0", 0), ("too-high", LAST_RUN + 1), ("max", (1 << 64) - 1)):
        row = (FIRST[0], run, 0)
        yield damaged(f"verified-run-{name}", "verified", "K-06", verified([row]))


def _sound(name: str, *rows: tuple[bytes, int, int]) -> Vector:
    value = [[id_.hex(), run, time] for id_, run, time in rows]
    return accepted(name, "verified", "K-02 K-05", verified(rows), value)
