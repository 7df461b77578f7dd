"""A memory of bounded size that forgets what has not been used for longest."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class LatestUsed(Generic[Key, Value]):
    """Maps keys to values; of more than ``items_max``, those that were used last stay."""

    def __init__(self, items_max: int) -> None:
        self._items: OrderedDict[Key, Value] = OrderedDict()
        self._items_max = items_max

    def get(self, key: Key) -> Value | None:
        """Return what is remembered under a key, which counts as a use; ``None`` without any."""
        value = self._items.get(key)
        if value is not None:
            self._items.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Remember a value."""
        self._items[key] = value
        self._items.move_to_end(key)
        if len(self._items) > self._items_max:
            self._items.popitem(last=False)
