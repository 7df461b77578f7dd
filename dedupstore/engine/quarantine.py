"""Quarantine: where damaged objects are put aside, for people.

Nothing stored there is ever used: it is read only to see whether a copy is there already.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from dedupstore.engine.what_is_left import WhatIsLeft
from dedupstore.errors import ObjectMissing
from dedupstore.storage.contract import DeleteStore

QUARANTINE_PREFIX = "quarantine"


def move_to_quarantine(store: DeleteStore, key: str) -> str:
    """Give an object a key in quarantine that is free, and return that.

    Raises:
        ObjectMissing: there is no such object.
        NoSpace, StorageError: the store refused; the object is where it was.
    """
    new_key = next(candidate for candidate in _candidates(key) if _is_free(store, candidate))
    store.move(key, new_key)
    return new_key


def copy_to_quarantine(store: DeleteStore, key: str) -> str:
    """Put a copy of what can be read of an object into quarantine, and return its key there.

    A copy that is there already is not made again.

    Raises:
        ObjectMissing: there is no such object.
        NoSpace, StorageError: the store refused.
    """
    left = WhatIsLeft(store)
    data = left.get(key)
    copies = {info.key for info in store.list_objects(QUARANTINE_PREFIX)}
    for candidate in _candidates(key):
        if _is_free(store, candidate):
            store.put(candidate, [data])
            return candidate
        if candidate in copies and left.get(candidate, 0, len(data) + 1) == data:
            return candidate
    raise RuntimeError("numbers have come to an end")


def _is_free(store: DeleteStore, key: str) -> bool:
    """Tell whether nothing has this name, be it an object or, say, a folder that is in the way."""
    try:
        store.object_bytes(key)
    except ObjectMissing:
        return True
    return False


def _candidates(key: str) -> Iterator[str]:
    base = f"{QUARANTINE_PREFIX}/{key.replace('/', '-')}"
    yield base
    for number in count(2):
        yield f"{base}.{number}"
