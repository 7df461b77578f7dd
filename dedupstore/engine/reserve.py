"""The reserve: room on the disk that what removes can write into when there is no other."""

from __future__ import annotations

from dedupstore.engine.repository import RESERVE_BYTES_MIN, Repository
from dedupstore.errors import DedupstoreError

_BYTES_FOR_A_PACK = 512
"""A pack that dies takes a line of 120 bytes in two generation records, of which one goes when the
other is there, and has its row written anew in the index, 90 bytes in two copies at most."""

_STEP_BYTES = 32 * 1024


def renew_reserve(repository: Repository) -> None:
    """Take as much room as declaring all packs dead may need, if there is so much.

    Costs a look into the index and one at the file, as long as it stays the same. Nothing that
    happens here may hide how what was done before has ended, so nothing is raised.
    """
    try:
        packs = repository.index.pack_count()
    except DedupstoreError:
        packs = 0
    if not repository.store.set_reserve(reserve_bytes(packs)):
        repository.store.set_reserve(RESERVE_BYTES_MIN)


def reserve_bytes(packs: int) -> int:
    """Return how large a reserve should be where there are so many packs."""
    for_packs = packs * _BYTES_FOR_A_PACK // _STEP_BYTES * _STEP_BYTES
    return RESERVE_BYTES_MIN + for_packs
