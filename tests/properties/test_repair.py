"""Repair after any damage: nothing that could be read before cannot be read after."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dedupstore
from dedupstore import CheckOptions
from dedupstore.format.block import ChunkInfo, encode_block
from dedupstore.format.codecs import ZstdCompressor
from dedupstore.format.hashing import digest
from dedupstore.format.salvage import salvage_chunks
from dedupstore.ids import ChunkId
from readable_chunks import (
    contents_of_objects,
    listed_snapshots,
    readable_chunks,
    stored_chunks,
)
from sample_repository import SampleRepository, log_lines, make_sample_repository

LOSSES = {"chunks-missing", "list-damaged", "manifest-damaged", "generation-damaged"}


@pytest.fixture(scope="module")
def pristine() -> Iterator[SampleRepository]:
    """Return a repository of three snapshots, which one was removed from, where syncing is free."""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="dedupstore-test-", dir=place) as folder:
        base = Path(folder)
        sample = make_sample_repository(base / "pristine", base / "logs")
        with sample.open() as repository:
            dedupstore.forget(repository, [sample.snapshots[0]])
            dedupstore.protect(repository, percent=10)
        yield sample


@pytest.fixture(scope="module")
def all_chunks(pristine: SampleRepository) -> frozenset[ChunkId]:
    """Return the ids of all chunks."""
    return stored_chunks(pristine.folder)


def objects(folder: Path) -> list[Path]:
    """Return all objects that may be damaged, the larger part of them packs."""
    places = ("packs/data", "packs/manifest", "snapshots", "generations", "parity/data")
    return sorted(path for place in places for path in (folder / place).iterdir())


def damage_one(path: Path, data: st.DataObject) -> None:
    """Flip, overwrite, cut off, insert or remove something at random."""
    if not path.exists():
        return
    content = path.read_bytes()
    begin = data.draw(st.integers(0, len(content)))
    end = min(len(content), begin + data.draw(st.integers(1, 200)))
    junk = data.draw(st.binary(max_size=4))
    how = data.draw(st.sampled_from(["flip", "flip", "cut", "zeros", "insert", "remove", "lose"]))
    if how == "lose":
        path.unlink()
        return
    changed = {
        "flip": content[:begin] + bytes(b ^ 1 for b in content[begin : begin + 1])
        + content[begin + 1 :],
        "cut": content[:begin],
        "zeros": content[:begin] + bytes(end - begin) + content[end:],
        "insert": content[:begin] + junk + content[begin:],
        "remove": content[:begin] + content[end:],
    }  # fmt: skip
    path.write_bytes(changed[how])


@settings(max_examples=60)
@given(data=st.data())
def test_no_repair_makes_anything_worse(
    pristine: SampleRepository, all_chunks: frozenset[ChunkId], data: st.DataObject
) -> None:
    """Whatever is damaged, a repair ends, loses nothing, and leaves nothing for another to do."""
    folder = pristine.folder.with_name("copy")
    shutil.rmtree(folder, ignore_errors=True)
    sample = pristine.copy_to(folder)
    paths = objects(folder)
    for number in data.draw(st.lists(st.integers(0, len(paths) - 1), min_size=1, max_size=4)):
        damage_one(paths[number], data)
    before = readable_chunks(folder, all_chunks)
    listed = listed_snapshots(folder)
    contents = contents_of_objects(folder)
    with sample.open() as repository:
        report = dedupstore.repair(repository)
    assert before <= readable_chunks(folder, all_chunks)
    assert listed == listed_snapshots(folder)
    assert contents <= contents_of_objects(folder)
    with sample.open() as repository:
        checked = dedupstore.check(repository, CheckOptions(data=True))
        again = dedupstore.repair(repository)
    assert {f.kind for f in checked.findings if f.severity is f.severity.ERROR} <= LOSSES
    assert again.actions == ()
    assert report.ok or again.snapshots_affected <= report.snapshots_affected


LINES = log_lines(2000, 3)
PARTS = [LINES[begin : begin + 5000] for begin in range(0, len(LINES), 5000)]
CHUNKS = tuple(ChunkInfo(digest(part), len(part)) for part in PARTS)
BLOCKS = {
    "stored": encode_block(0, CHUNKS, LINES),
    "zstd": encode_block(1, CHUNKS, ZstdCompressor(1, len(LINES)).compress(LINES)),
}


@pytest.mark.parametrize("block", BLOCKS.values(), ids=list(BLOCKS))
@given(data=st.data())
def test_salvaged_chunks_are_right(block: bytes, data: st.DataObject) -> None:
    """Of a block that is damaged anyhow, only right chunks come back, by either directory."""
    damaged = bytearray(block)
    for position in data.draw(st.lists(st.integers(0, len(block) - 1), max_size=5)):
        damaged[position] ^= data.draw(st.integers(1, 255))
    del damaged[data.draw(st.integers(0, len(block))) :]
    damaged += data.draw(st.binary(max_size=20))
    for listed in ((), CHUNKS):
        for id_, chunk in salvage_chunks(bytes(damaged), listed).items():
            assert chunk == PARTS[[known.id for known in CHUNKS].index(id_)]


@pytest.mark.parametrize("block", BLOCKS.values(), ids=list(BLOCKS))
@given(position=st.integers(0, 1 << 20))
def test_a_wrong_byte_before_the_payload_costs_nothing(block: bytes, position: int) -> None:
    """With the table's list of chunks, damage to header and directory of a block is harmless."""
    damaged = bytearray(block)
    damaged[position % (40 + 36 * len(CHUNKS))] ^= 0x55
    assert salvage_chunks(bytes(damaged), CHUNKS).keys() == {known.id for known in CHUNKS}


@given(st.binary(max_size=300))
def test_any_bytes_give_chunks_or_none(body: bytes) -> None:
    """Bytes that are no block, or begin like one, give nothing wrong and no error."""
    for beginning in (b"", b"DBLK", BLOCKS["zstd"][:40]):
        data = beginning + body
        assert all(digest(chunk) == id_ for id_, chunk in salvage_chunks(data, CHUNKS).items())
