"""Telling whether to build the index anew could bring anything to light that it does not have."""

from __future__ import annotations

from dedupstore.engine.pack_reader import StoredPack, read_table
from dedupstore.engine.repository import Repository
from dedupstore.errors import DamageError, UnsupportedFormat
from dedupstore.format.pack import PackKind
from dedupstore.index.location import IndexedPack


def is_index_complete(repository: Repository) -> bool:
    """Tell whether what the index does not have is lost: the packs do not have it.

    That was confirmed when the index was built; what others have stored since, in whatever index,
    is read in by opening it again. It does not hold any more where a pack has its table back.

    Raises:
        StorageError: the store or the index cannot be used.
    """
    index = repository.index
    if not index.is_loss_confirmed():
        return False
    index.close()
    if not index.is_loss_confirmed():
        return False
    return not any(pack.is_searched and _has_table(repository, pack) for pack in index.packs())


def _has_table(repository: Repository, pack: IndexedPack) -> bool:
    kind = PackKind(pack.kind)
    try:
        read_table(repository.store, StoredPack(kind, pack.id, pack.pack_bytes))
    except (DamageError, UnsupportedFormat):
        return False
    return True
