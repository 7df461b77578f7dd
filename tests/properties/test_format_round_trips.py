"""What is written is read back as it was, for any value the format can hold."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from dedupstore.format.block import HEADER_BYTES, ChunkInfo, decode_block, encode_block
from dedupstore.format.canonical_json import (
    bytes_from_json,
    bytes_to_json,
    decode_json,
    encode_json,
)
from dedupstore.format.codecs import CODEC_STORED, CODEC_ZSTD, ZstdCompressor
from dedupstore.format.config import (
    ChunkingConfig,
    RepositoryConfig,
    decode_config,
    encode_config,
)
from dedupstore.format.entry import (
    Entry,
    EntryType,
    decode_entry,
    encode_content,
    encode_entry,
    glance_at_entry,
    split_entries,
)
from dedupstore.format.generation_record import (
    GenerationRecord,
    Tombstone,
    decode_generation_record,
    encode_generation_record,
)
from dedupstore.format.hashing import digest
from dedupstore.format.pack import (
    PACK_HEADER_BYTES,
    TRAILER_BYTES,
    BlockInfo,
    PackKind,
    PackTable,
    decode_table,
    decode_trailer,
    encode_pack_header,
    encode_table_and_trailer,
)
from dedupstore.format.pieces import (
    Extent,
    decode_extents,
    encode_extents,
    encode_piece,
    piece_body,
)
from dedupstore.format.snapshot_record import (
    SnapshotCounts,
    SnapshotRecord,
    decode_snapshot_record,
    encode_snapshot_record,
)
from dedupstore.limits import GENERATION_MAX
from stored_values import entries, extents, ids

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TIMES = st.datetimes(timezones=st.just(UTC), min_value=datetime(1, 1, 2), allow_imaginary=False)
COUNTS = st.integers(0, (1 << 63) - 1)

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(TEXTS, JSON_VALUES, max_size=5))
def test_json_objects_are_read_back(value: dict[str, object]) -> None:
    """Any JSON object of texts and integers is read back equal from its one text."""
    assert decode_json(encode_json(value), 1 << 20, "it") == value


@given(st.binary(max_size=40) | TEXTS.map(str.encode))
def test_bytes_survive_json(value: bytes) -> None:
    """Any bytes come back from JSON, and are readable where they are UTF-8."""
    written = bytes_to_json(value)
    assert bytes_from_json(written, "it") == value
    assert isinstance(written, str) == (value.decode("utf-8", "replace").encode() == value)


@given(
    st.builds(
        RepositoryConfig,
        repository_id=ids(),
        created=TIMES,
        chunking=st.builds(
            ChunkingConfig,
            algorithm=TEXTS,
            seed=st.binary(max_size=40),
            bytes_min=COUNTS,
            bytes_target=COUNTS,
            bytes_max=COUNTS,
            line_bound_bytes=COUNTS,
        ),
        parity_percent=st.none() | st.integers(1, 100),
    )
)
def test_configs_are_read_back(config: RepositoryConfig) -> None:
    """Any config is read back equal."""
    assert decode_config(encode_config(config)) == config


@given(
    st.builds(
        SnapshotRecord,
        repository_id=ids(),
        time=TIMES,
        set_name=TEXTS,
        host=TEXTS,
        paths=st.lists(st.binary(max_size=20), max_size=4).map(tuple),
        tags=st.lists(TEXTS, max_size=4).map(tuple),
        manifest=ids(),
        manifest_level=st.integers(0, 8),
        counts=st.builds(SnapshotCounts, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS),
        previous=st.none() | ids(),
        program=TEXTS,
    )
)
def test_snapshot_records_are_read_back(record: SnapshotRecord) -> None:
    """Any snapshot record is read back equal under the id of its text."""
    snapshot, data = encode_snapshot_record(record)
    assert snapshot == digest(data)
    assert decode_snapshot_record(snapshot, data) == record


@st.composite
def generation_records(draw: st.DrawFn) -> GenerationRecord:
    """Draw a record of any generation, with tombstones of that or earlier ones."""
    generation = draw(st.integers(1, GENERATION_MAX))
    tombstones = st.builds(Tombstone, st.sampled_from(PackKind), st.integers(1, generation))
    return GenerationRecord(
        generation,
        draw(TIMES),
        draw(st.dictionaries(ids(), tombstones, max_size=4)),
        draw(st.frozensets(ids(), max_size=4)),
    )


@given(generation_records())
def test_generation_records_are_read_back(record: GenerationRecord) -> None:
    """A record of any generation is read back equal under its number."""
    assert decode_generation_record(encode_generation_record(record), record.generation) == record


@given(
    st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=8),
    st.booleans(),
    st.integers(0, 31),
)
def test_blocks_are_read_back(originals: list[bytes], compressed: bool, level: int) -> None:
    """The chunks of any block are read back in order, whether it is compressed or not."""
    original = b"".join(originals)
    chunks = [ChunkInfo(digest(data), len(data)) for data in originals]
    codec = CODEC_ZSTD if compressed else CODEC_STORED
    payload = ZstdCompressor(1, 1 << 16).compress(original) if compressed else original
    data = encode_block(codec, chunks, payload, level=level)
    block = decode_block(data)
    assert list(block.chunks) == chunks
    assert bytes(block.original()) == original
    assert (block.header.codec, block.header.stored_bytes) == (codec, len(data))
    assert block.header.level == level


@st.composite
def pack_blocks(draw: st.DrawFn) -> list[BlockInfo]:
    """Draw what a table says of blocks that follow each other."""
    blocks = []
    offset = PACK_HEADER_BYTES
    chunk = st.builds(ChunkInfo, ids(), st.integers(1, 1 << 20))
    for chunks in draw(st.lists(st.lists(chunk, min_size=1, max_size=6), max_size=5)):
        stored = HEADER_BYTES + 36 * len(chunks) + draw(st.integers(0, 1 << 20))
        original = sum(chunk.chunk_bytes for chunk in chunks)
        blocks.append(BlockInfo(offset, stored, original, tuple(chunks)))
        offset += stored
    return blocks


@given(st.sampled_from(PackKind), pack_blocks(), st.integers(0, GENERATION_MAX), st.integers(0, 31))
def test_tables_of_packs_are_read_back(
    kind: PackKind, blocks: list[BlockInfo], generation: int, level: int
) -> None:
    """The table of any pack is found through its trailer and read back equal."""
    end = encode_table_and_trailer(PackTable(kind, tuple(blocks), generation, level))
    offset = blocks[-1].offset + blocks[-1].stored_bytes if blocks else PACK_HEADER_BYTES
    trailer = decode_trailer(end[-TRAILER_BYTES:], offset + len(end))
    assert (trailer.table_offset, trailer.table_bytes) == (offset, len(end) - TRAILER_BYTES)
    table = decode_table(encode_pack_header(kind), end[:-TRAILER_BYTES], trailer)
    assert table == PackTable(kind, tuple(blocks), generation, level)
    assert trailer.level == level
    assert table.chunk_count == sum(len(block.chunks) for block in blocks)


@given(st.lists(extents(), min_size=1, max_size=20), st.integers(1, 8))
def test_pieces_of_extents_are_read_back(listed: list[Extent], level: int) -> None:
    """Any list of extents is read back equal from a piece of any level."""
    piece = encode_piece(level, encode_extents(listed))
    assert decode_extents(piece_body(piece, level)) == listed


@given(st.lists(entries(), min_size=1, max_size=5))
def test_entries_are_read_back(listed: list[Entry]) -> None:
    """Any entries, one after another in a piece, are split where they end and read back equal."""
    piece = encode_piece(0, b"".join(map(encode_entry, listed)))
    assert [decode_entry(data) for data in split_entries(piece_body(piece, 0))] == listed


@given(entries())
def test_a_glance_sees_what_is_there(entry: Entry) -> None:
    """A glance at any entry gives its path, size and so on as reading it does."""
    glance = glance_at_entry(encode_entry(entry))
    assert glance.path == entry.path
    assert (glance.type, glance.mtime_ns, glance.size) == (entry.type, entry.mtime_ns, entry.size)
    assert (glance.device, glance.inode) == (entry.device, entry.inode)
    if entry.type is EntryType.FILE:
        assert glance.content == encode_content(entry.content)
