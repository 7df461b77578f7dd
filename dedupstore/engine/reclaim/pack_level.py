"""At which level what is stored is compressed."""

from __future__ import annotations

from dedupstore.engine.keys import pack_key
from dedupstore.errors import DamageError, ObjectMissing
from dedupstore.format.codecs import LEVEL_MAX
from dedupstore.format.pack import TRAILER_BYTES, PackKind, decode_trailer
from dedupstore.index.location import IndexedPack
from dedupstore.storage.contract import ReadStore


def pack_level(store: ReadStore, pack: IndexedPack) -> int:
    """Return the lowest level at which a block of a pack is compressed; 0 where it does not say.

    A pack whose end cannot be read is none to be compressed anew, and counts as done. One small
    read, which is not held against its checksum: what it says decides about nothing but effort.

    Raises:
        StorageError: the store could not deliver.
    """
    key = pack_key(PackKind(pack.kind), pack.id)
    try:
        tail = store.get(key, max(0, pack.pack_bytes - TRAILER_BYTES), TRAILER_BYTES)
        return decode_trailer(tail, pack.pack_bytes).level
    except (DamageError, ObjectMissing):
        return LEVEL_MAX
