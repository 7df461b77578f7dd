"""A store that loses bytes on request, and packs with parity in it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from dedupstore.engine.keys import pack_key, parity_key
from dedupstore.engine.parity import parity_maker
from dedupstore.errors import ObjectMissing, ObjectUnreadable
from dedupstore.format.hashing import digest
from dedupstore.format.pack import PackKind
from dedupstore.storage.contract import Buffer, ObjectInfo

KIND = PackKind.DATA


class ObjectsInMemory:
    """A store in memory; ``bad`` are ranges of objects that cannot be read back."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.bad: list[tuple[str, range]] = []

    @property
    def location(self) -> str:
        """See ``ReadStore.location``."""
        return "memory"

    def get(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """See ``ReadStore.get``."""
        size = self.object_bytes(key)
        end = size if length is None else min(size, offset + length)
        for bad_key, lost in self.bad:
            if key == bad_key and offset < lost.stop and lost.start < end:
                raise ObjectUnreadable(f"cannot read {key}")
        return self.objects[key][offset:end]

    def object_bytes(self, key: str) -> int:
        """See ``ReadStore.object_bytes``."""
        if key not in self.objects:
            raise ObjectMissing(f"{key} is missing")
        return len(self.objects[key])

    def list_objects(self, prefix: str) -> Iterator[ObjectInfo]:
        """See ``ReadStore.list_objects``."""
        for key, data in list(self.objects.items()):
            if key.rpartition("/")[0] == prefix:
                yield ObjectInfo(key, len(data))

    def put(self, key: str, parts: Sequence[Buffer]) -> None:
        """See ``WriteStore.put``."""
        self.objects[key] = b"".join(parts)

    def sync_names(self, prefix: str) -> None:
        """See ``WriteStore.sync_names``."""

    def flip(self, key: str, offset: int) -> None:
        """Change one byte of an object."""
        data = bytearray(self.objects[key])
        data[offset] ^= 0x55
        self.objects[key] = bytes(data)


def protected(pack_bytes: int, percent: int, seed: int = 0) -> tuple[ObjectsInMemory, bytes]:
    """Return a store with one pack of random bytes and its parity, and the bytes."""
    data = random.Random(seed).randbytes(pack_bytes)
    store = ObjectsInMemory()
    store.put(pack_key(KIND, digest(data)), [data])
    parity_maker(percent).store_parity(store, KIND, digest(data), [data])
    return store, data


def keys_of(data: bytes) -> tuple[str, str]:
    """Return the keys of a pack and of its parity."""
    return pack_key(KIND, digest(data)), parity_key(KIND, digest(data))
