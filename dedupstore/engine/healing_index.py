"""The index as the engine uses it: opened when first needed, built anew when it proves unusable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from dedupstore.errors import IndexUnusable
from dedupstore.ids import ChunkId
from dedupstore.index.environment import IndexEnvironment
from dedupstore.index.location import ChunkLocation, IndexedPack, IndexTotals, PackEntries

Result = TypeVar("Result")


class HealingIndex:
    """Stands for one index as long as its repository is open, whatever happens to the files.

    ``open_index`` opens it and makes it agree with the packs; ``rebuild_index`` builds it from
    the packs alone. Damage that only shows while the index is used is told by ``on_damage``; the
    index is then rebuilt and asked once more. All methods raise NoSpace or StorageError where
    the file system or the store refuses, and IndexUnusable where even a fresh index is damaged.
    """

    def __init__(
        self,
        open_index: Callable[[], IndexEnvironment],
        rebuild_index: Callable[[], IndexEnvironment],
        on_damage: Callable[[IndexUnusable], None],
    ) -> None:
        self._open_index = open_index
        self._rebuild_index = rebuild_index
        self._on_damage = on_damage
        self._environment: IndexEnvironment | None = None

    def find(self, ids: Sequence[ChunkId]) -> dict[ChunkId, ChunkLocation]:
        """See ``IndexEnvironment.find``."""
        return self._ask(lambda environment: environment.find(ids))

    def known(self, ids: Sequence[ChunkId]) -> set[ChunkId]:
        """See ``IndexEnvironment.known``."""
        return self._ask(lambda environment: environment.known(ids))

    def packs(self) -> Sequence[IndexedPack]:
        """See ``IndexEnvironment.packs``."""
        return self._ask(lambda environment: environment.packs())

    def add_packs(self, packs: Sequence[PackEntries]) -> None:
        """See ``IndexEnvironment.add_packs``."""
        self._ask(lambda environment: environment.add_packs(packs))

    def chunk_count(self) -> int:
        """See ``IndexEnvironment.chunk_count``."""
        return self._ask(lambda environment: environment.chunk_count())

    def totals(self, kind: int) -> IndexTotals:
        """See ``IndexEnvironment.totals``."""
        return self._ask(lambda environment: environment.totals(kind))

    def rebuild(self) -> None:
        """Build the index anew from the packs, whatever state it is in."""
        self.close()
        self._environment = self._rebuild_index()

    def close(self) -> None:
        """Let go of the index; it is opened again if it is needed again."""
        if self._environment is not None:
            self._environment.close()
            self._environment = None

    def _ask(self, question: Callable[[IndexEnvironment], Result]) -> Result:
        if self._environment is None:
            self._environment = self._open_index()
        try:
            return question(self._environment)
        except IndexUnusable as damage:
            self._on_damage(damage)
        self.rebuild()
        return question(self._environment)
