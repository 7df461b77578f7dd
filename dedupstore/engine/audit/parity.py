"""Looking for packs whose parity is missing or damaged: nothing is lost by that yet."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dedupstore.engine.audit.findings import FindingCollector
from dedupstore.engine.keys import parity_key
from dedupstore.engine.monitor import kind_of_refusal
from dedupstore.engine.pack_reader import StoredPack
from dedupstore.engine.parity import check_parity, packs_without_parity, stored_parity
from dedupstore.engine.repository import Repository
from dedupstore.errors import DamageError, ObjectMissing, UnsupportedFormat
from dedupstore.ids import PackId

PARITY_FOLDER = "parity"


def check_all_parity(
    repository: Repository,
    packs: Sequence[StoredPack],
    read: Collection[PackId],
    collector: FindingCollector,
) -> int:
    """Look at the parity of ``packs``, verify that of ``read``, and return the bytes read for it.

    Packs without parity are told of where the repository was made with parity.

    Raises:
        StorageError: the store could not deliver.
    """
    store = repository.store
    if repository.config.parity_percent is not None:
        concerned = {(pack.kind, pack.id) for pack in packs}
        without = sum((pack.kind, pack.id) in concerned for pack in packs_without_parity(store))
        if without:
            detail = f"{without} of {len(packs)} packs have no parity; protect makes it"
            collector.warning("parity-missing", PARITY_FOLDER, detail)
    bytes_read = 0
    stored = stored_parity(store) if read else {}
    for pack in packs:
        if pack.id in read and (pack.kind, pack.id) in stored:
            key = parity_key(pack.kind, pack.id)
            try:
                bytes_read += check_parity(store, pack.kind, pack.id)
            except ObjectMissing:
                continue
            except (DamageError, UnsupportedFormat) as error:
                collector.warning(kind_of_refusal("parity", error), key, error.message)
    return bytes_read
