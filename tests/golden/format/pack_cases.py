"""Vectors of packs and blocks (docs/format/packs.md)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from golden.format.layouts import (
    HELLO,
    WORLD,
    block,
    chunk_of,
    directory_of,
    pack,
    pack_header,
    table,
    zstd_raw_frame,
)
from golden.format.vectors import Vector, accepted, refused

MIB = 1 << 20
U32_MAX = (1 << 32) - 1

damaged = partial(refused, "damaged")
newer = partial(refused, "newer")

TEXT = b"2026-03-01T12:00:00Z app started\n" * 3


def cases() -> Iterator[Vector]:
    """Yield all vectors of this page."""
    yield from _accepted_blocks()
    yield from _refused_blocks()
    yield from _refused_block_contents()
    yield from _accepted_packs()
    yield from _refused_trailers()
    yield from _refused_tables()


def _chunks(*originals: bytes) -> list[dict[str, Any]]:
    return [{"id": chunk_of(data)[0].hex(), "bytes": len(data)} for data in originals]


def _block_value(*originals: bytes, codec: int = 0, notes: bytes = b"") -> dict[str, Any]:
    return {
        "codec": codec,
        "chunks": _chunks(*originals),
        "notes": notes.hex(),
        "original": b"".join(originals).hex(),
    }


def _accepted_blocks() -> Iterator[Vector]:
    yield accepted("block-stored", "block", "B-10", block(), _block_value(HELLO))
    yield accepted(
        "block-two-chunks", "block", "B-08", block((HELLO, WORLD)), _block_value(HELLO, WORLD)
    )
    yield accepted(
        "block-zstd",
        "block",
        "B-11",
        block((TEXT,), codec=1, payload=zstd_raw_frame(TEXT)),
        _block_value(TEXT, codec=1),
    )
    value = _block_value(HELLO) | {"level": 19}
    yield accepted("block-of-level-19", "block", "B-13", block(flags=19 << 1), value)
    data = block(flags=0x0081, notes=b"\1\2\3")
    value = _block_value(HELLO, notes=b"\1\2\3")
    yield Vector(
        "block-optional-flags-and-notes", "block", ("B-04",), "accepted", (data,), {}, value
    )


def _refused_blocks() -> Iterator[Vector]:
    whole = block()
    yield damaged("block-empty", "block", "B-01", b"")
    yield damaged("block-magic-wrong", "block", "B-01", block(magic=b"DBLX"))
    yield damaged("block-cut-off-in-header", "block", "B-02", whole[:39])
    yield damaged("block-cut-off-in-payload", "block", "B-02", whole[:-1])
    yield damaged("block-checksum-wrong", "block", "B-02", block(checksum=bytes(16)))
    yield damaged("block-version-flipped", "block", "B-02", block(version=3, checksum=whole[24:40]))
    yield damaged(
        "block-flags-flipped", "block", "B-02", block(flags=0x8000, checksum=whole[24:40])
    )
    yield newer("block-version-2", "block", "B-03", block(version=2))
    yield newer("block-required-flag", "block", "B-03", block(flags=0x0100))
    yield damaged("block-without-chunks", "block", "B-05", block((), original_bytes=1))
    yield damaged("block-too-many-chunks", "block", "B-05", block(chunk_count=(1 << 18) + 1))
    yield damaged("block-chunk-count-max", "block", "B-05", block(chunk_count=U32_MAX))
    yield damaged("block-original-empty", "block", "B-05", block(original_bytes=0))
    yield damaged("block-original-too-long", "block", "B-05", block(original_bytes=32 * MIB + 1))
    yield damaged("block-payload-too-long", "block", "B-06", block(payload_bytes=32 * MIB + 1))
    yield damaged("block-notes-too-long", "block", "B-06", block(notes_bytes=(1 << 16) + 1))
    yield damaged("block-payload-longer-than-block", "block", "B-07", block(payload_bytes=7))
    yield damaged("block-payload-shorter-than-block", "block", "B-07", block(payload_bytes=5))
    yield damaged("block-directory-longer-than-block", "block", "B-07", block(chunk_count=2))


def _refused_block_contents() -> Iterator[Vector]:
    id_ = chunk_of(HELLO)[0]
    two = directory_of([(id_, 6), (id_, 0)])
    yield damaged("block-chunk-empty", "block", "B-08", block((HELLO, b""), directory=two))
    long = directory_of([(id_, 16 * MIB + 1)])
    yield damaged(
        "block-chunk-too-long", "block", "B-08", block(directory=long, original_bytes=16 * MIB + 1)
    )
    short = directory_of([(id_, 5)])
    yield damaged("block-chunks-add-up-to-less", "block", "B-08", block(directory=short))
    yield newer("block-codec-unknown", "block", "B-09", block(codec=2))
    yield damaged("block-stored-too-short", "block", "B-10", block(payload=b"hello"))
    zstd = partial(block, (TEXT,), codec=1)
    frame = zstd_raw_frame(TEXT)
    yield damaged("block-zstd-not-a-frame", "block", "B-10", zstd(payload=TEXT))
    yield damaged("block-zstd-empty", "block", "B-10", zstd(payload=b""))
    yield damaged("block-zstd-cut-off", "block", "B-10", zstd(payload=frame[:-1]))
    yield damaged(
        "block-zstd-other-size", "block", "B-11", zstd(payload=zstd_raw_frame(TEXT + b"x"))
    )
    lying = zstd_raw_frame(TEXT + b"x", declared_bytes=len(TEXT))
    yield damaged("block-zstd-longer-than-declared", "block", "B-10", zstd(payload=lying))
    no_size = bytes.fromhex("28b52ffd0048") + frame[6:]
    yield damaged("block-zstd-no-size", "block", "B-11", zstd(payload=no_size))
    huge = bytes.fromhex("28b52ffde0ffffffffffffff7f") + frame[6:]
    yield damaged("block-zstd-declares-2-to-the-63", "block", "B-11", zstd(payload=huge))
    dictionary = bytes.fromhex("28b52ffd2107") + frame[5:]
    yield damaged("block-zstd-dictionary", "block", "B-11", zstd(payload=dictionary))
    yield damaged("block-zstd-two-frames", "block", "B-11", zstd(payload=frame + frame))
    yield damaged("block-zstd-trailing-bytes", "block", "B-11", zstd(payload=frame + b"\0"))
    # A skippable frame (0x184D2A50) holds nothing, whatever follows it.
    skippable = bytes.fromhex("502a4d1800000000") + frame
    yield damaged("block-zstd-skippable-frame", "block", "B-11", zstd(payload=skippable))


def _row(originals: tuple[bytes, ...] = (HELLO,), offset: int = 8) -> tuple[Any, ...]:
    chunks = [chunk_of(original) for original in originals]
    return offset, len(block(originals)), sum(map(len, originals)), chunks


def _table_value(
    *rows: tuple[int, tuple[bytes, ...]], kind: str = "data", generation: int = 0
) -> dict[str, Any]:
    blocks = [
        {
            "offset": offset,
            "stored_bytes": len(block(originals)),
            "original_bytes": sum(map(len, originals)),
            "chunks": _chunks(*originals),
        }
        for offset, originals in rows
    ]
    return {"kind": kind, "generation": generation, "blocks": blocks}


def _accepted_packs() -> Iterator[Vector]:
    one = pack(pack_header(), block(), table([_row()]))
    yield accepted("pack-one-chunk", "pack", "P-08", one, _table_value((8, (HELLO,))))
    empty = pack(pack_header(), b"", table([]))
    yield accepted("pack-without-blocks", "pack", "P-01", empty, _table_value())
    second = 8 + len(block())
    rows = [_row(), _row((WORLD, HELLO), second)]
    both = pack(pack_header(kind=2), block() + block((WORLD, HELLO)), table(rows))
    value = _table_value((8, (HELLO,)), (second, (WORLD, HELLO)), kind="manifest")
    yield accepted("pack-of-manifests-two-blocks", "pack", "P-08", both, value)
    later = pack(pack_header(), block(), table([_row()]), generation=(1 << 62) - 1)
    value = _table_value((8, (HELLO,)), generation=(1 << 62) - 1)
    yield accepted("pack-of-last-generation", "pack", "P-04", later, value)
    levelled = pack(pack_header(), block(flags=9 << 1), table([_row()]), flags=9 << 1)
    value = _table_value((8, (HELLO,))) | {"level": 9}
    yield accepted("pack-of-level-9", "pack", "P-15", levelled, value)
    flagged = pack(pack_header(flags=1), block(), table([_row()]), flags=1)
    value = _table_value((8, (HELLO,)))
    yield Vector("pack-optional-flags", "pack", ("P-07",), "accepted", (flagged,), {}, value)


def _refused_trailers() -> Iterator[Vector]:
    header, stored, rows = pack_header(), block(), table([_row()])
    whole = pack(header, stored, rows)
    checksum = whole[-24:-8]
    end = 8 + len(stored)
    yield damaged("pack-empty", "pack", "P-01", b"")
    yield damaged("pack-too-short", "pack", "P-01", pack(b"DSPK\1\1\0", b"", table([])))
    yield damaged("pack-cut-off", "pack", "P-02", whole[:-1])
    yield damaged("pack-end-wrong", "pack", "P-02", pack(header, stored, rows, magic=b"DENX"))
    yield damaged("pack-bytes-behind-end", "pack", "P-02", whole + b"\0")
    place = partial(pack, header, stored, rows)
    yield damaged("pack-table-in-header", "pack", "P-03", place(table_offset=7))
    yield damaged("pack-table-place-too-low", "pack", "P-03", place(table_offset=end - 1))
    yield damaged("pack-table-place-too-high", "pack", "P-03", place(table_offset=end + 1))
    yield damaged("pack-table-place-max", "pack", "P-03", place(table_offset=(1 << 64) - 1))
    yield damaged("pack-table-too-long", "pack", "P-03", place(table_bytes=256 * MIB + 1))
    yield damaged("pack-table-length-max", "pack", "P-03", place(table_bytes=(1 << 64) - 1))
    yield damaged("pack-checksum-wrong", "pack", "P-04", place(checksum=bytes(16)))
    yield damaged("pack-generation-flipped", "pack", "P-04", place(generation=1, checksum=checksum))
    yield damaged("pack-trailer-flags-flipped", "pack", "P-04", place(flags=256, checksum=checksum))
    flipped = partial(pack, stored=stored, table=rows, checksum=checksum)
    yield damaged("pack-version-flipped", "pack", "P-04", flipped(pack_header(version=3)))
    yield damaged("pack-kind-flipped", "pack", "P-04", flipped(pack_header(kind=2)))
    sound = partial(pack, stored=stored, table=rows)
    yield damaged("pack-magic-wrong", "pack", "P-05", sound(pack_header(magic=b"DSPX")))
    yield newer("pack-version-2", "pack", "P-06", sound(pack_header(version=2)))
    yield newer("pack-kind-unknown", "pack", "P-06", sound(pack_header(kind=3)))
    yield newer("pack-required-flag", "pack", "P-06", sound(pack_header(flags=0x8000)))
    too_high = place(generation=1 << 62)
    yield damaged("pack-generation-too-high", "pack", "P-14", too_high)
    yield newer("pack-trailer-required-flag", "pack", "P-06", place(flags=0x0100))


def _refused_tables() -> Iterator[Vector]:
    stored = block()
    offset, stored_bytes, _, chunks = _row()
    whole = partial(pack, pack_header(), stored)

    def one(name: str, rules: str, *row: Any, **changes: Any) -> Vector:
        return damaged(name, "pack", rules, whole(table([row], **changes)))

    yield damaged("pack-table-empty", "pack", "P-10", whole(b""))
    yield one("pack-table-magic-wrong", "P-05", offset, stored_bytes, 6, chunks, magic=b"DTBX")
    yield one("pack-first-block-too-late", "P-08", 9, stored_bytes - 1, 6, chunks)
    yield one("pack-block-ends-too-early", "P-08", 8, stored_bytes - 1, 6, chunks)
    yield one("pack-block-ends-too-late", "P-08", 8, stored_bytes + 1, 6, chunks)
    yield damaged("pack-block-not-in-table", "pack", "P-08", whole(table([])))
    gap = [_row(), _row(offset=8 + stored_bytes + 1)]
    yield damaged(
        "pack-gap-between-blocks",
        "pack",
        "P-08",
        pack(pack_header(), stored + b"\0" + stored, table(gap)),
    )
    yield one("pack-block-shorter-than-its-header", "P-09", 8, 39 + 36, 6, chunks)
    too_long = 40 + 36 + (1 << 16) + 32 * MIB + 1
    yield one("pack-block-too-long", "P-09", 8, too_long, 6, chunks)
    yield one("pack-block-without-chunks", "P-09", 8, stored_bytes, 6, [])
    yield one("pack-block-original-empty", "P-09", 8, stored_bytes, 0, chunks)
    yield one("pack-block-original-too-long", "P-09", 8, stored_bytes, 32 * MIB + 1, chunks)
    many = partial(one, "pack-block-chunk-count-max", "P-09", 8, U32_MAX, 6, chunks)
    yield many(chunk_counts=[U32_MAX])
    yield one("pack-block-count-max", "P-10", *_row(), block_count=U32_MAX)
    yield one("pack-block-count-too-high", "P-10", *_row(), block_count=2)
    yield damaged("pack-table-bytes-behind", "pack", "P-10", whole(table([_row()]) + b"\0"))
    yield damaged("pack-table-chunks-missing", "pack", "P-10", whole(table([_row()])[:-36]))
    yield one("pack-chunk-empty", "P-11", 8, stored_bytes, 6, [(chunks[0][0], 0)])
    yield one("pack-chunks-add-up-to-more", "P-11", 8, stored_bytes, 6, [(chunks[0][0], 7)])
    long = [(chunks[0][0], 16 * MIB + 1)]
    yield one("pack-chunk-too-long", "P-11", 8, stored_bytes, 16 * MIB + 1, long)
