"""Storing chunks: each once, in the order in which they come, whatever they come with."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

import dedupstore
from dedupstore import Repository
from dedupstore.chunking.chunks import Chunks
from dedupstore.engine import block_encoder, chunk_writer
from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.chunk_writer import ChunkWriter
from dedupstore.engine.healing_index import HealingIndex
from dedupstore.errors import DamageError
from dedupstore.format.hashing import digest
from dedupstore.ids import ChunkId, PackId
from dedupstore.limits import KIB


def chunks_of(parts: Sequence[bytes]) -> Chunks:
    """Return chunks as they lie in a buffer, behind bytes that are none."""
    ends = list(accumulate(map(len, parts), initial=7))
    return Chunks(memoryview(bytes(7) + b"".join(parts)), 7, ends[1:])


def batches_of(seed: int) -> list[list[bytes]]:
    """Make batches of chunks of very different lengths, of which some come again."""
    numbers = random.Random(seed)
    made = [numbers.randbytes(numbers.choice((1, 300, 5000, 70_000))) for _ in range(200)]
    batches = []
    while made:
        batch, made = made[: numbers.choice((1, 1, 2, 30))], made[30:]
        batches += [batch, [numbers.choice(batch)], numbers.choices(batch, k=3)]
    return batches


def store(repository: Repository, batches: list[list[bytes]]) -> tuple[int, set[PackId]]:
    """Store batches of chunks; return how many bytes were new, and the packs."""
    with repository.session() as session, ChunkWriter(repository, session) as writer:
        for batch in batches:
            assert writer.add_data(chunks_of(batch)) == [digest(chunk) for chunk in batch]
        bytes_new = writer.count_new()
        writer.flush()
        return bytes_new, writer.pack_ids_stored


@pytest.mark.parametrize("seed", range(3))
def test_every_chunk_is_stored_once(repository: Repository, seed: int) -> None:
    """Of long, short and repeated chunks, each is read back, and only the first counted as new."""
    batches = batches_of(seed)
    distinct = {digest(chunk): chunk for batch in batches for chunk in batch}
    bytes_new, _ = store(repository, batches)
    assert bytes_new == sum(map(len, distinct.values()))
    with ChunkReader(repository) as reader:
        assert {id_: bytes(reader.read(id_)) for id_ in distinct} == distinct
    assert store(repository, batches) == (0, set())


def test_equal_chunks_make_equal_packs(repository: Repository, tmp_path: Path) -> None:
    """The same chunks in the same order are stored in the same blocks and packs."""
    with dedupstore.init_repository(tmp_path / "other", chunk_bytes_target=4096) as other:
        assert store(repository, batches_of(9)) == store(other, batches_of(9))


def test_small_logs_are_looked_up_together(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand logs of a chunk each cost a few questions to the index, not a thousand."""
    questions = []
    known = HealingIndex.known

    def count(index: HealingIndex, ids: Sequence[ChunkId]) -> set[ChunkId]:
        questions.append(len(ids))
        return known(index, ids)

    monkeypatch.setattr(HealingIndex, "known", count)
    bytes_new, _ = store(repository, [[b"log %d\n" % (number % 900)] for number in range(1000)])
    assert bytes_new == sum(len(b"log %d\n" % number) for number in range(900))
    assert sum(questions) == 1000
    assert len(questions) <= 5


def test_what_is_abandoned_is_not_stored(repository: Repository) -> None:
    """Without a flush nothing is known, however small what was added is."""
    with repository.session() as session, ChunkWriter(repository, session) as writer:
        [id_] = writer.add_data(Chunks.of_one(memoryview(b"a line\n")))
    assert not repository.index.known([id_])


def test_a_chunk_longer_than_a_block_has_its_own(repository: Repository) -> None:
    """A chunk that no block is made for lies in one of its own, between those around it."""
    long = random.Random(1).randbytes(9 * 1024 * KIB)
    batch = [b"before" * 1000, long, b"behind" * 1000]
    assert store(repository, [batch])[0] == sum(map(len, batch))
    with ChunkReader(repository) as reader:
        assert [bytes(reader.read(digest(chunk))) for chunk in batch] == batch


def test_nothing_is_finished_after_a_block_failed(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever goes past the error of one block meets it again, and cannot tell of what follows."""
    monkeypatch.setattr(chunk_writer, "BLOCK_BYTES_TARGET", 100 * KIB)
    is_proved = block_encoder._is_proved
    proofs: list[bool] = []

    def fail_once(*arguments: Any) -> bool:
        proofs.append(is_proved(*arguments))
        return len(proofs) > 1

    monkeypatch.setattr(block_encoder, "_is_proved", fail_once)
    numbers = random.Random(8)
    with repository.session() as session, ChunkWriter(repository, session) as writer:
        for _ in range(20):
            with suppress(DamageError):
                writer.add_data(chunks_of([numbers.randbytes(60 * KIB)]))
        for _ in range(2):
            with pytest.raises(DamageError, match="did not decode"):
                writer.flush()
        assert not writer.pack_ids_stored
