"""Vectors of pieces, chunk lists, entries and trees (docs/format/manifests.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from dedupstore.format.hashing import digest
from golden.format.layouts import (
    HELLO,
    WORLD,
    Extent,
    entry,
    extents_of,
    field,
    piece,
    twin,
)
from golden.format.vectors import Outcome, Vector, accepted, refused

MIB = 1 << 20
HOLE = bytes(32)
HELLO_ID, WORLD_ID = digest(HELLO), digest(WORLD)

damaged = partial(refused, "damaged", decoder="piece", level=0)
newer = partial(refused, "newer", decoder="piece", level=0)


def cases() -> Iterator[Vector]:
    """Yield all vectors of this page."""
    yield from _accepted_pieces()
    yield from _refused_pieces()
    yield from _refused_entries()
    yield from _refused_contents()
    yield from _refused_fields()
    yield from _accepted_twins()
    yield from _refused_twins()
    yield from _lineages()
    yield from _trees()
    yield from _manifests()


def file_content(extents: Sequence[Extent], level: int = 0) -> bytes:
    """Return the content of a file's entry."""
    return bytes((level,)) + extents_of(extents)


def _entry_value(path: bytes, kind: str, **changes: Any) -> dict[str, Any]:
    value = {
        "path": path.hex(),
        "type": kind,
        "mode": 0o640,
        "owner": [0, 0],
        "times": [0, 0],
        "size": 0,
        "place": [0, 0],
        "level": 0,
        "extents": [],
        "link_target": "",
        "user": "",
        "group": "",
    }
    return value | changes


def _extents_value(extents: Sequence[Extent]) -> list[list[Any]]:
    return [[extent_bytes, id_.hex()] for extent_bytes, id_ in extents]


def _accepted_pieces() -> Iterator[Vector]:
    full = entry(
        b"var/log/\xff.log",
        content=file_content([(6, HELLO_ID), (1 << 40, HOLE), (6, WORLD_ID)]),
        fields=field(1, b"root") + field(2, b"adm"),
        mode=0o4755,
        owner=(1000, (1 << 32) - 1),
        times=(-1, (1 << 63) - 1),
        size=(1 << 40) + 12,
        place=((1 << 64) - 1, 12345),
    )
    value = _entry_value(
        b"var/log/\xff.log",
        "file",
        mode=0o4755,
        owner=[1000, (1 << 32) - 1],
        times=[-1, (1 << 63) - 1],
        size=(1 << 40) + 12,
        place=[(1 << 64) - 1, 12345],
        extents=_extents_value([(6, HELLO_ID), (1 << 40, HOLE), (6, WORLD_ID)]),
        user=b"root".hex(),
        group=b"adm".hex(),
    )
    entries = entry(b"var", 2) + entry(b"var/link", 3) + full
    values = [
        _entry_value(b"var", "directory"),
        _entry_value(b"var/link", "symlink", link_target=b"target".hex()),
        value,
    ]
    yield accepted("piece-of-entries", "piece", "M-12 M-14", piece(0, entries), values, level=0)
    large = file_content([(1 << 50, HELLO_ID)], level=2)
    value = _entry_value(
        b"a", "file", size=1 << 50, level=2, extents=_extents_value([(1 << 50, HELLO_ID)])
    )
    data = piece(0, entry(b"a", content=large, size=1 << 50))
    yield accepted("piece-entry-with-tree", "piece", "M-17", data, [value], level=0)
    extents = [(6, HELLO_ID), (1 << 63, HOLE), (16 * MIB, WORLD_ID)]
    yield accepted(
        "piece-of-extents",
        "piece",
        "M-06",
        piece(1, extents_of(extents)),
        _extents_value(extents),
        level=1,
    )
    unknown = entry(b"a", fields=field(1, b"root") + field(4, b"?") + field(0x7FFF, b""))
    value = _entry_value(b"a", "file", user=b"root".hex())
    yield Vector(
        "piece-optional-fields",
        "piece",
        ("M-23",),
        "accepted",
        (piece(0, unknown),),
        {"level": 0},
        [value],
    )


def _refused_pieces() -> Iterator[Vector]:
    sound = entry()
    yield damaged("piece-empty", rules="M-01", data=b"")
    yield damaged("piece-without-body", rules="M-01", data=piece(0, b""))
    yield Vector(
        "piece-too-long",
        "piece",
        ("M-01",),
        "damaged",
        (piece(0, b""), (sound, 1 + MIB // len(sound))),
        {"level": 0},
    )
    yield damaged("piece-magic-wrong", rules="M-02", data=piece(0, sound, magic=b"DX"))
    yield newer("piece-version-2", rules="M-03", data=piece(0, sound, version=2))
    yield damaged(
        "piece-of-another-level", rules="M-04", data=piece(1, extents_of([(1, HELLO_ID)]))
    )
    nine = piece(9, extents_of([(1, HELLO_ID)]))
    yield refused("damaged", "piece-level-9", "piece", "M-04", nine, level=9)
    for name, rule, body in (
        ("cut-off", "M-05", extents_of([(6, HELLO_ID)])[:-1]),
        ("empty", "M-06", extents_of([(6, HELLO_ID), (0, WORLD_ID)])),
        ("hole-empty", "M-06", extents_of([(0, HOLE)])),
    ):
        yield refused("damaged", f"extents-{name}", "piece", rule, piece(1, body), level=1)


def _refused_entries() -> Iterator[Vector]:
    sound = entry()
    for name, rule, body in (
        ("cut-off", "M-12", sound + sound[:10]),
        ("longer-than-piece", "M-12", entry(entry_bytes=len(sound) + 1)),
        ("length-0", "M-12", entry(entry_bytes=0)),
        ("length-64", "M-12", entry(entry_bytes=64)),
        ("length-max", "M-12", entry(entry_bytes=(1 << 32) - 1)),
        ("path-longer-than-entry", "M-13", entry(b"a", path_bytes=3)),
        ("content-longer-than-entry", "M-13", entry(content_bytes=2)),
        ("content-bytes-max", "M-13", entry(content_bytes=(1 << 32) - 1)),
        ("path-empty", "M-14", entry(b"")),
        ("path-absolute", "M-14", entry(b"/etc/passwd")),
        ("path-with-parent", "M-14", entry(b"var/../../etc/passwd")),
        ("path-parent", "M-14", entry(b"..")),
        ("path-with-dot", "M-14", entry(b"./a")),
        ("path-with-empty-part", "M-14", entry(b"a//b")),
        ("path-ends-in-slash", "M-14", entry(b"a/", 2)),
        ("path-with-00", "M-14", entry(b"a\0b")),
        ("mode-with-type", "M-16", entry(mode=0o100644)),
        ("mode-max", "M-16", entry(mode=(1 << 32) - 1)),
    ):
        yield damaged(f"entry-{name}", rules=rule, data=piece(0, body))
    for name, body in (
        ("type-0", entry(kind=0)),
        ("type-4", entry(kind=4)),
        ("flag", entry(flags=1)),
    ):
        yield newer(f"entry-{name}", rules="M-15", data=piece(0, body))
    long = entry(b"a", 3, content_bytes=512 << 10, entry_bytes=65 + (512 << 10))
    yield Vector(
        "entry-too-long",
        "piece",
        ("M-12",),
        "damaged",
        (piece(0, long[: 64 + 1]), (b"t", 512 << 10)),
        {"level": 0},
    )


def _refused_contents() -> Iterator[Vector]:
    one = [(6, HELLO_ID)]
    for name, rule, body in (
        ("file-without-level", "M-17", entry(content=b"")),
        ("file-level-9", "M-17", entry(content=file_content(one, 9), size=6)),
        ("file-33-extents", "M-17", entry(content=file_content(one * 33), size=198)),
        ("file-tree-without-piece", "M-17", entry(content=b"\1")),
        ("file-extents-cut-off", "M-05", entry(content=file_content(one)[:-1], size=6)),
        ("file-extent-empty", "M-06", entry(content=file_content([(0, HELLO_ID)]))),
        ("file-hole-in-tree", "M-07", entry(content=file_content([(6, HOLE)], 1), size=6)),
        (
            "file-chunk-too-long",
            "M-08",
            entry(content=file_content([(16 * MIB + 1, HELLO_ID)]), size=16 * MIB + 1),
        ),
        ("file-size-too-low", "M-18", entry(content=file_content(one), size=5)),
        ("file-size-without-content", "M-18", entry(size=1)),
        (
            "file-size-wraps-around",
            "M-18",
            entry(content=file_content([(1 << 63, HOLE), (1 << 63, HOLE)]), size=0),
        ),
        ("folder-with-content", "M-19", entry(kind=2, content=b"\0")),
        ("folder-with-size", "M-19", entry(kind=2, size=4096)),
        ("link-with-size", "M-19", entry(kind=3, size=6)),
        ("link-without-target", "M-20", entry(kind=3, content=b"")),
        ("link-target-with-00", "M-20", entry(kind=3, content=b"a\0b")),
    ):
        yield damaged(f"entry-{name}", rules=rule, data=piece(0, body))


def _refused_fields() -> Iterator[Vector]:
    for name, fields in (
        ("cut-off", field(1, b"root")[:5]),
        ("longer-than-entry", field(1, b"root", value_bytes=5)),
        ("length-max", field(3, b"", value_bytes=(1 << 32) - 1)),
        ("twice", field(1, b"a") + field(1, b"b")),
        ("out-of-order", field(2, b"a") + field(1, b"b")),
        ("tag-0", field(0, b"")),
    ):
        yield damaged(f"entry-field-{name}", rules="M-21", data=piece(0, entry(fields=fields)))
    required = entry(fields=field(0x8002, b""))
    yield newer("entry-field-required", rules="M-22", data=piece(0, required))


def _accepted_twins() -> Iterator[Vector]:
    file_id = bytes(range(32)).hex()
    text = [(6, HELLO_ID), (6, WORLD_ID)]
    inline = entry(
        b"app.log.2.gz",
        content=file_content(text),
        fields=field(1, b"root") + field(3, b"app.log") + twin(b"\xffRR", plain_bytes=12),
        size=32,
    )
    listed = entry(
        b"app.log.3.gz",
        content=file_content([(1 << 50, HELLO_ID)], level=2),
        fields=twin(file_content([(32 * MIB, WORLD_ID)], level=1), plain_bytes=1 << 50),
        size=(1 << 64) - 1,
    )
    of_nothing = entry(b"empty.gz", fields=twin(b"\xff" + bytes(1024)), size=20)
    zeros = entry(
        b"zeros.gz",
        content=file_content([(20 * 1032, HOLE)]),
        fields=twin(plain_bytes=20 * 1032),
        size=20,
    )
    values = [
        _entry_value(
            b"app.log.2.gz",
            "file",
            size=32,
            extents=_extents_value(text),
            user=b"root".hex(),
            lineage=b"app.log".hex(),
            twin={"plain_bytes": 12, "file_id": file_id, "recipe": b"RR".hex()},
        ),
        _entry_value(
            b"app.log.3.gz",
            "file",
            size=(1 << 64) - 1,
            level=2,
            extents=_extents_value([(1 << 50, HELLO_ID)]),
            twin={
                "plain_bytes": 1 << 50,
                "file_id": file_id,
                "recipe_level": 1,
                "recipe_extents": _extents_value([(32 * MIB, WORLD_ID)]),
            },
        ),
        _entry_value(
            b"empty.gz",
            "file",
            size=20,
            twin={"plain_bytes": 0, "file_id": file_id, "recipe": bytes(1024).hex()},
        ),
        _entry_value(
            b"zeros.gz",
            "file",
            size=20,
            extents=_extents_value([(20 * 1032, HOLE)]),
            twin={"plain_bytes": 20 * 1032, "file_id": file_id, "recipe": b"R".hex()},
        ),
    ]
    data = piece(0, inline + listed + of_nothing + zeros)
    yield accepted("piece-entries-with-twins", "piece", "M-18 M-28 M-31", data, values, level=0)


def _refused_twins() -> Iterator[Vector]:
    one = [(6, HELLO_ID)]
    sound = entry(content=file_content(one), fields=twin(plain_bytes=6), size=26)
    for name, fields in (
        ("scheme-0", twin(scheme=0)),
        ("scheme-2", field(0x8001, b"\2")),
    ):
        yield newer(f"twin-{name}", rules="M-26", data=piece(0, sound + entry(b"w", fields=fields)))
    for name, rule, fields in (
        ("without-scheme", "M-28", field(0x8001, b"")),
        ("cut-off", "M-28", twin(b"")),
        ("recipe-empty", "M-28", twin(b"\xff")),
        ("recipe-too-long", "M-28", twin(b"\xff" + bytes(1025))),
        ("recipe-list-empty", "M-28", twin(b"\0")),
        ("recipe-tree-without-piece", "M-17", twin(b"\1")),
        ("recipe-level-9", "M-17", twin(file_content(one, 9))),
        ("recipe-33-extents", "M-17", twin(file_content(one * 33))),
        ("recipe-extents-cut-off", "M-05", twin(file_content(one)[:-1])),
        ("recipe-extent-empty", "M-06", twin(file_content([(0, HELLO_ID)]))),
        ("recipe-chunk-too-long", "M-08", twin(file_content([(16 * MIB + 1, HELLO_ID)]))),
        (
            "recipe-chunks-too-long",
            "M-28",
            twin(file_content([(16 * MIB, HELLO_ID), (16 * MIB, HELLO_ID), (1, WORLD_ID)])),
        ),
        ("recipe-tree-too-long", "M-28", twin(file_content([(1 << 63, HELLO_ID)] * 2, 1))),
        ("recipe-hole", "M-29", twin(file_content([(6, HELLO_ID), (1, HOLE)]))),
        ("recipe-hole-in-tree", "M-07", twin(file_content([(6, HOLE)], 1))),
    ):
        yield damaged(f"twin-{name}", rules=rule, data=piece(0, entry(fields=fields, size=20)))
    for name, rule, body in (
        ("of-folder", "M-27", entry(kind=2, fields=twin())),
        ("of-link", "M-27", entry(kind=3, fields=twin())),
        (
            "text-too-long",
            "M-31",
            entry(
                content=file_content([(20 * 1032 + 1, HOLE)]),
                fields=twin(plain_bytes=20 * 1032 + 1),
                size=20,
            ),
        ),
        ("plain-bytes-too-few", "M-18", entry(content=file_content(one), fields=twin(), size=20)),
        ("plain-bytes-too-many", "M-18", entry(fields=twin(plain_bytes=1), size=1)),
        (
            "plain-bytes-are-size",
            "M-18",
            entry(content=file_content(one), fields=twin(plain_bytes=20), size=20),
        ),
    ):
        yield damaged(f"twin-{name}", rules=rule, data=piece(0, body))


def _lineages() -> Iterator[Vector]:
    for name, body in (
        ("empty", entry(fields=field(3, b""))),
        ("absolute", entry(fields=field(3, b"/var/log/app.log"))),
        ("with-parent", entry(fields=field(3, b"var/../log"))),
        ("with-00", entry(fields=field(3, b"a\0b"))),
        ("of-itself", entry(b"a", fields=field(3, b"a"))),
        ("of-folder", entry(kind=2, fields=field(3, b"a"))),
        ("of-link", entry(kind=3, fields=field(3, b"a"))),
    ):
        yield damaged(f"entry-lineage-{name}", rules="M-25", data=piece(0, body))


def _tree(
    outcome: Outcome,
    name: str,
    rules: str,
    pieces: Sequence[bytes],
    extents: Sequence[Extent],
    level: int,
) -> Vector:
    arguments = {"extents": _extents_value(extents), "level": level}
    return Vector(name, "content", tuple(rules.split()), outcome, tuple(pieces), arguments)


def _trees() -> Iterator[Vector]:
    """Yield vectors of chunk lists whose extents, in an entry, refer to the pieces."""
    below = [(6, HELLO_ID), (100, HOLE)]
    leaf = piece(1, extents_of(below))
    middle = piece(2, extents_of([(106, digest(leaf)), (106, digest(leaf))]))
    top = [(212, digest(middle)), (106, HOLE)]
    yield Vector(
        "tree-two-levels",
        "content",
        ("M-09",),
        "accepted",
        (leaf, middle),
        {"extents": _extents_value(top[:1]), "level": 2},
        _extents_value(below * 2),
    )
    bad = partial(_tree, "damaged")
    yield bad("tree-length-wrong", "M-09", [leaf], [(105, digest(leaf))], 1)
    wrong = piece(2, extents_of([(107, digest(leaf))]))
    yield bad("tree-length-wrong-below", "M-09", [leaf, wrong], [(107, digest(wrong))], 2)
    yield bad("tree-level-too-low", "M-04", [leaf], [(106, digest(leaf))], 2)
    yield bad("tree-level-too-high", "M-04", [leaf, middle], [(212, digest(middle))], 1)
    yield bad("tree-hole-above-level-0", "M-07", [leaf], [(106, HOLE)], 1)
    holed = piece(2, extents_of([(106, digest(leaf)), (106, HOLE)]))
    yield bad("tree-hole-in-piece-of-level-2", "M-07", [leaf, holed], [(212, digest(holed))], 2)
    long = piece(1, extents_of([(16 * MIB + 1, HELLO_ID)]))
    yield bad("tree-chunk-too-long", "M-08", [long], [(16 * MIB + 1, digest(long))], 1)
    log = b"2026-03-01T12:00:00Z app started\n"
    yield bad("tree-chunk-of-a-log", "M-02", [log], [(106, digest(log))], 1)


def _manifest(
    outcome: Outcome, name: str, rule: str, pieces: Sequence[bytes], level: int, value: Any = None
) -> Vector:
    arguments = {"manifest": digest(pieces[-1]).hex(), "level": level}
    return Vector(name, "manifest", (rule,), outcome, tuple(pieces), arguments, value)


def _manifests() -> Iterator[Vector]:
    """Yield vectors of manifests, whose top piece is the last of the pieces."""
    first, second = piece(0, entry(b"a-b") + entry(b"b", 2)), piece(0, entry(b"b/c") + entry(b"ba"))
    both = [(len(first), digest(first)), (len(second), digest(second))]
    top = piece(1, extents_of(both))
    paths = [path.hex() for path in (b"a-b", b"b", b"b/c", b"ba")]
    yield _manifest("accepted", "manifest-of-one-piece", "M-11", [first], 0, paths[:2])
    yield _manifest("accepted", "manifest-of-two-pieces", "M-10", [first, second, top], 1, paths)
    bad = partial(_manifest, "damaged")
    yield bad("manifest-path-twice", "M-11", [piece(0, entry(b"a") * 2)], 0)
    yield bad("manifest-out-of-order", "M-11", [piece(0, entry(b"b") + entry(b"a"))], 0)
    # As plain bytes "a-" sorts before "a/": a folder would not be next to what it holds.
    plain = piece(0, entry(b"a", 2) + entry(b"a-b") + entry(b"a/b"))
    yield bad("manifest-ordered-as-plain-bytes", "M-11", [plain], 0)
    swapped = piece(1, extents_of(both[::-1]))
    yield bad("manifest-pieces-swapped", "M-11", [first, second, swapped], 1)
    short = piece(1, extents_of([(len(first) - 1, digest(first))]))
    yield bad("manifest-piece-longer-than-listed", "M-10", [first, short], 1)
    yield bad("manifest-level-too-low", "M-04", [first, second, top], 0)
    yield bad("manifest-level-too-high", "M-04", [first, second, top], 2)
    holed = piece(1, extents_of([(len(first), digest(first)), (80, HOLE)]))
    yield bad("manifest-with-hole", "M-07", [first, holed], 1)
