"""The packs of an index: a number for each, by which its chunks refer to it."""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import Any

from dedupstore.ids import PackId
from dedupstore.index.location import PACK_KEY, PACK_VALUE, IndexedPack

_NEXT_NUMBER = b"next pack number"
_CHANGES = b"changes of packs"
_COUNT = struct.Struct("<Q")


class PackRows:
    """Reads and writes the rows of packs within transactions; ``by_number`` is as last loaded.

    The tables are LMDB's handles: ``rows`` from number to pack, ``numbers`` from id to number,
    ``facts`` for the next number, and for how often rows were changed or removed. A number is never
    used twice, so that one remembered from before can only lead to nothing, not to another pack;
    and where no row was changed, only those with higher numbers are new.
    """

    def __init__(self, rows: Any, numbers: Any, facts: Any) -> None:
        self._rows = rows
        self._numbers = numbers
        self._facts = facts
        self.by_number: dict[int, IndexedPack] = {}
        self.dead_numbers: frozenset[int] = frozenset()
        self._changes: int | None = None
        self._next_number = 0

    def load(self, transaction: Any) -> None:
        """Read all rows that may have changed since they were read, of what has been committed.

        Not in a transaction that has added or changed rows: it may not come to its end.
        """
        changes = self._changes_made(transaction)
        if changes != self._changes:
            self.by_number, self._next_number = {}, 0
        new: dict[int, IndexedPack] = {}
        with transaction.cursor(self._rows) as cursor:
            if cursor.set_range(PACK_KEY.pack(self._next_number)):
                new = {
                    PACK_KEY.unpack(key)[0]: IndexedPack(*PACK_VALUE.unpack(value))
                    for key, value in cursor
                }
        if new or changes != self._changes:
            self.by_number = self.by_number | new
            self._next_number = max(self.by_number, default=-1) + 1
            self.dead_numbers = frozenset(
                number for number, pack in self.by_number.items() if pack.is_dead
            )
        self._changes = changes

    def count(self, transaction: Any) -> int:
        """Return how many rows there are."""
        return int(transaction.stat(self._rows)["entries"])

    def add(self, transaction: Any, pack: IndexedPack) -> tuple[int, bool]:
        """Return the number of a pack, and whether it was not known before and has been added."""
        known = self.number_of(transaction, pack.id)
        if known is not None:
            return known, False
        stored = transaction.get(_NEXT_NUMBER, db=self._facts)
        number: int = PACK_KEY.unpack(stored)[0] if stored is not None else 1
        transaction.put(_NEXT_NUMBER, PACK_KEY.pack(number + 1), db=self._facts)
        self._put(transaction, number, pack)
        transaction.put(pack.id, PACK_KEY.pack(number), db=self._numbers)
        return number, True

    def number_of(self, transaction: Any, pack: PackId) -> int | None:
        """Return the number of a pack; ``None`` if it is not known."""
        known = transaction.get(pack, db=self._numbers)
        if known is None:
            return None
        number: int = PACK_KEY.unpack(known)[0]
        return number

    def set_dead(self, transaction: Any, ids: Collection[PackId]) -> None:
        """Mark packs as dead; those that are not known are passed over."""
        rows = self._rows_of(transaction, ids)
        self._count_change(transaction)
        for number, pack in rows.items():
            self._put(transaction, number, pack._replace(is_dead=True))

    def numbers_of(self, transaction: Any, ids: Collection[PackId]) -> frozenset[int]:
        """Return the numbers of those of some packs that are known."""
        return frozenset(self._rows_of(transaction, ids))

    def remove(self, transaction: Any, ids: Collection[PackId]) -> None:
        """Remove packs; those that are not known are passed over."""
        rows = self._rows_of(transaction, ids)
        self._count_change(transaction)
        for number, pack in rows.items():
            transaction.delete(PACK_KEY.pack(number), db=self._rows)
            transaction.delete(pack.id, db=self._numbers)

    def _rows_of(self, transaction: Any, ids: Collection[PackId]) -> dict[int, IndexedPack]:
        wanted = frozenset(ids)
        if not wanted:
            return {}
        self.load(transaction)
        return {number: pack for number, pack in self.by_number.items() if pack.id in wanted}

    def _changes_made(self, transaction: Any) -> int:
        stored = transaction.get(_CHANGES, db=self._facts)
        changes: int = _COUNT.unpack(stored)[0] if stored is not None else 0
        return changes

    def _count_change(self, transaction: Any) -> None:
        changes = self._changes_made(transaction) + 1
        transaction.put(_CHANGES, _COUNT.pack(changes), db=self._facts)

    def _put(self, transaction: Any, number: int, pack: IndexedPack) -> None:
        transaction.put(PACK_KEY.pack(number), PACK_VALUE.pack(*pack), db=self._rows)
