"""Reading past bad sectors."""

from __future__ import annotations

from contextlib import suppress

from dedupstore.errors import ObjectUnreadable
from dedupstore.storage.contract import ReadStore

_SECTOR_BYTES = 4096


class WhatIsLeft:
    """A store of which every object can be read: with zeros where the disk gives no bytes back."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store
        self.location = store.location
        self.object_bytes = store.object_bytes
        self.list_objects = store.list_objects

    def get(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """See ``ReadStore.get``; ObjectUnreadable is not raised."""
        with suppress(ObjectUnreadable):
            return self._store.get(key, offset, length)
        end = self._store.object_bytes(key)
        if length is not None:
            end = min(end, offset + length)
        parts = []
        while offset < end:
            step = min(end, offset - offset % _SECTOR_BYTES + _SECTOR_BYTES) - offset
            part = b""
            with suppress(ObjectUnreadable):
                part = self._store.get(key, offset, step)
            parts.append(part.ljust(step, b"\0"))
            offset += step
        return b"".join(parts)
