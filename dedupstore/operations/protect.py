"""Making parity for packs that have none, and removing it."""

from __future__ import annotations

from dataclasses import dataclass

from dedupstore.engine.generation import read_generation
from dedupstore.engine.keys import PARITY_PREFIXES
from dedupstore.engine.monitor import Event
from dedupstore.engine.pack_reader import StoredPack
from dedupstore.engine.parity import (
    ParityMaker,
    packs_without_parity,
    parity_maker,
    remove_parity,
    stored_parity,
)
from dedupstore.engine.repository import Repository
from dedupstore.errors import ObjectMissing, ObjectUnreadable
from dedupstore.format.hashing import digest

PARITY_PERCENT_DEFAULT = 10
"""What is made where neither the caller nor the repository names a percentage."""


@dataclass(slots=True)
class ProtectReport:
    """``packs`` got parity, or lost it; ``packs_damaged`` could get none; sizes in bytes."""

    percent: int = 0
    packs: int = 0
    packs_damaged: int = 0
    bytes_added: int = 0
    bytes_removed: int = 0


def protect(repository: Repository, *, percent: int | None = None) -> ProtectReport:
    """Make parity for each pack that has none, or with ``percent`` another percentage of it.

    ``percent`` is from 1 to 100. Without it, packs that have parity keep what they have, and the
    others get as much as the repository was made with, else ``PARITY_PERCENT_DEFAULT``. What was
    done stays done if this is interrupted. Parity is made of intact packs only: a damaged one keeps
    the parity it has, which may heal it. Packs that wait to be removed are passed over.

    Raises:
        UsageError: see ``engine.parity.parity_maker``.
        DamageError, UnsupportedFormat: what says which packs are dead is damaged or newer.
        LockTimeout, NoSpace, StorageError: the repository is locked, or the store refused.
    """
    maker = parity_maker(percent or repository.config.parity_percent or PARITY_PERCENT_DEFAULT)
    report = ProtectReport(maker.percent)
    with repository.session(writes=True):
        # What is there may be of a process that was killed before it had made that durable.
        for prefix in PARITY_PREFIXES.values():
            repository.store.sync_names(prefix)
        dead = read_generation(repository.store).tombstones
        packs = [
            pack for pack in packs_without_parity(repository.store, percent) if pack.id not in dead
        ]
        repository.monitor.begin("making parity", sum(pack.pack_bytes for pack in packs))
        try:
            for pack in packs:
                _protect_pack(repository, maker, pack, report)
                repository.monitor.advance(pack.pack_bytes, 1)
        finally:
            repository.monitor.end()
    return report


def unprotect(repository: Repository) -> ProtectReport:
    """Remove all parity. Where the repository was made with parity, new packs go on getting it.

    Raises:
        LockTimeout, StorageError: the repository is locked, or the store refused.
    """
    report = ProtectReport()
    with repository.removal_lock(), repository.session():
        for (kind, pack), object_bytes in stored_parity(repository.store).items():
            remove_parity(repository.store, kind, pack)
            report.packs += 1
            report.bytes_removed += object_bytes
    return report


def _protect_pack(
    repository: Repository, maker: ParityMaker, pack: StoredPack, report: ProtectReport
) -> None:
    try:
        data = repository.store.get(pack.key)
        intact = digest(data) == pack.id
        detail = "its bytes are not those of its name"
    except ObjectMissing:
        return
    except ObjectUnreadable as error:
        intact, detail = False, error.message
    if not intact:
        report.packs_damaged += 1
        detail = f"{pack.key} gets no parity: {detail}"
        repository.monitor.event(Event("pack-damaged", b"", detail))
        return
    report.bytes_added += maker.store_parity(repository.store, pack.kind, pack.id, [data])
    report.packs += 1
