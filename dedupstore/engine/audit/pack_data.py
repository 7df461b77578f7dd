"""Decoding and hashing every block of packs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from dedupstore.engine.audit.findings import CheckReport, FindingCollector
from dedupstore.engine.chunk_copies import sound_copies
from dedupstore.engine.monitor import Monitor, kind_of_refusal
from dedupstore.engine.pack_reader import StoredPack, read_block
from dedupstore.engine.verified_block import verify_block
from dedupstore.engine.workers import worker_count
from dedupstore.errors import DamageError, UnsupportedFormat
from dedupstore.format.hashing import digest_parts
from dedupstore.format.pack import BlockInfo, PackTable
from dedupstore.ids import ChunkId, PackId
from dedupstore.limits import MIB
from dedupstore.storage.contract import ReadStore

_READ_BYTES = 4 * MIB
_DAMAGED = "block-damaged"


class _Fault(NamedTuple):
    kind: str
    detail: str
    chunks: set[ChunkId]


@dataclass(slots=True)
class _PackVerdict:
    pack: StoredPack
    faults: list[_Fault] = field(default_factory=list)


def check_data(
    store: ReadStore,
    packs: Iterable[tuple[StoredPack, PackTable]],
    report: CheckReport,
    collector: FindingCollector,
    monitor: Monitor,
    on_verdict: Callable[[PackId, bool], None] = lambda pack, is_sound: None,
) -> None:
    """Read whole packs, hold their bytes against their names, and every chunk against its id.

    ``on_verdict`` is told of each pack whether it is sound.

    A chunk that is damaged in one block and sound in another is not counted as lost.

    Raises:
        StorageError: the store could not deliver.
    """
    damaged: set[ChunkId] = set()
    for verdict in _verdicts(store, packs):
        for kind, detail, chunks in verdict.faults:
            if chunks or not collector.has_found("pack-damaged", verdict.pack.key):
                collector.error(kind, verdict.pack.key, detail, chunks)
            damaged |= chunks
        on_verdict(verdict.pack.id, not verdict.faults)
        report.bytes_read += verdict.pack.pack_bytes
        monitor.advance(verdict.pack.pack_bytes, 1)
    collector.recovered(sound_copies(store, damaged))


def _verdicts(
    store: ReadStore, packs: Iterable[tuple[StoredPack, PackTable]]
) -> Iterator[_PackVerdict]:
    """Check packs in threads, a few at a time, and yield the verdicts in order."""
    workers = worker_count()
    under_way: list[Future[_PackVerdict]] = []
    with ThreadPoolExecutor(workers, "dedupstore-check") as executor:
        try:
            for pack, table in packs:
                under_way.append(executor.submit(_check_pack, store, pack, table))
                if len(under_way) > workers:
                    yield under_way.pop(0).result()
            for future in under_way:
                yield future.result()
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def _check_pack(store: ReadStore, pack: StoredPack, table: PackTable) -> _PackVerdict:
    verdict = _PackVerdict(pack)
    for block in table.blocks:
        _check_block(store, block, verdict)
    if not verdict.faults and (detail := _fault_of_name(store, pack)):
        verdict.faults.append(_Fault(_DAMAGED, detail, set()))
    return verdict


def _fault_of_name(store: ReadStore, pack: StoredPack) -> str | None:
    try:
        name = _pack_name(store, pack)
    except DamageError as error:
        return error.message
    return None if name == pack.id else "the bytes of the pack are not those its name stands for"


def _check_block(store: ReadStore, info: BlockInfo, verdict: _PackVerdict) -> None:
    ids = {chunk.id for chunk in info.chunks}
    where = f"block at {info.offset}"
    try:
        block = read_block(store, verdict.pack.key, info.offset, info.stored_bytes)
        verified = verify_block(block)
    except (DamageError, UnsupportedFormat) as error:
        kind = kind_of_refusal("block", error)
        verdict.faults.append(_Fault(kind, f"{where}: {error.message}", ids))
        return
    lost = ids - verified.chunks.keys()
    if lost:
        detail = f"{where}: {len(lost)} chunks do not match their ids"
        verdict.faults.append(_Fault(_DAMAGED, detail, lost))
    elif block.chunks != info.chunks:
        detail = f"{where}: its chunks are not those the table lists"
        verdict.faults.append(_Fault(_DAMAGED, detail, set()))


def _pack_name(store: ReadStore, pack: StoredPack) -> bytes:
    return digest_parts(
        store.get(pack.key, begin, min(_READ_BYTES, pack.pack_bytes - begin))
        for begin in range(0, pack.pack_bytes, _READ_BYTES)
    )
