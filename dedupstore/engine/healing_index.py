"""The index as the engine uses it: opened when first needed, built anew when it proves unusable."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

from dedupstore.errors import IndexUnusable, StorageError
from dedupstore.ids import ChunkId, PackId, SnapshotId
from dedupstore.index.environment import IndexEnvironment
from dedupstore.index.generations import is_current
from dedupstore.index.location import (
    ChunkLocation,
    ChunkMark,
    IndexedPack,
    IndexEntry,
    IndexTotals,
    PackEntries,
    SnapshotNote,
)

Result = TypeVar("Result")


class HealingIndex:
    """Stands for one index as long as its repository is open, whatever happens to the files.

    ``openings`` counts how often it has been opened or built anew: as long as that stays the same,
    each chunk keeps its place, unless it is moved on purpose.
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
        self.openings = 0
        self._is_pinned = False

    def find(self, ids: Sequence[ChunkId]) -> dict[ChunkId, ChunkLocation]:
        """See ``IndexEnvironment.find``."""
        return self._ask(lambda environment: environment.find(ids))

    def known(self, ids: Sequence[ChunkId]) -> set[ChunkId]:
        """See ``IndexEnvironment.known``."""
        return self._ask(lambda environment: environment.known(ids))

    def marks(self, ids: Sequence[ChunkId]) -> dict[ChunkId, ChunkMark]:
        """See ``IndexEnvironment.marks``."""
        return self._ask(lambda environment: environment.marks(ids))

    def misplaced(self, pack: PackId, entries: Sequence[IndexEntry]) -> list[IndexEntry]:
        """See ``IndexEnvironment.misplaced``."""
        return self._ask(lambda environment: environment.misplaced(pack, entries))

    def packs(self) -> Sequence[IndexedPack]:
        """Return all packs whose chunks are in the index, dead ones too."""
        return self._ask(lambda environment: environment.packs()).packs

    def add_packs(self, packs: Sequence[PackEntries]) -> None:
        """See ``IndexEnvironment.add_packs``."""
        self._ask(lambda environment: environment.add_packs(packs))

    def move_to_packs(self, packs: Sequence[PackEntries]) -> None:
        """See ``IndexEnvironment.move_to_packs``."""
        self._ask(lambda environment: environment.move_to_packs(packs))

    def set_dead(self, ids: Collection[PackId], generation: int) -> None:
        """See ``IndexEnvironment.set_dead``."""
        self._ask(lambda environment: environment.set_dead(ids, generation))

    def remove_packs(
        self, ids: Collection[PackId], chunks: Collection[ChunkId] | None = None
    ) -> None:
        """See ``IndexEnvironment.remove_packs``."""
        self._ask(lambda environment: environment.remove_packs(ids, chunks))

    def require_generation(self, generation: int) -> None:
        """Let go of the index if it was made to agree with an earlier generation."""
        if self._environment is not None and self._environment.generation < generation:
            self.close()

    def pack_count(self) -> int:
        """See ``IndexEnvironment.pack_count``."""
        return self._ask(lambda index: index.pack_count())

    def entry_count(self) -> int:
        """See ``IndexEnvironment.entry_count``."""
        return self._ask(lambda index: index.entry_count())

    def chunk_count(self) -> int:
        """See ``IndexEnvironment.chunk_count``."""
        return self._ask(lambda environment: environment.chunk_count())

    def totals(self, kind: int) -> IndexTotals:
        """See ``IndexEnvironment.totals``."""
        return self._ask(lambda environment: environment.totals(kind))

    def is_loss_confirmed(self) -> bool:
        """See ``IndexEnvironment.is_loss_confirmed``."""
        return self._ask(lambda environment: environment.is_loss_confirmed())

    def confirm_loss(self) -> None:
        """See ``IndexEnvironment.confirm_loss``; where it cannot be written, nothing is kept."""
        with suppress(StorageError):
            self._ask(lambda environment: environment.confirm_loss())

    def snapshot_notes(self) -> dict[SnapshotId, SnapshotNote]:
        """See ``IndexEnvironment.snapshot_notes``."""
        return self._ask(lambda environment: environment.snapshot_notes())

    def note_snapshots(
        self, notes: Mapping[SnapshotId, SnapshotNote], gone: Collection[SnapshotId]
    ) -> None:
        """See ``IndexEnvironment.note_snapshots``."""
        self._ask(lambda environment: environment.note_snapshots(notes, gone))

    @contextmanager
    def pinned(self, openings: int) -> Iterator[None]:
        """Fail rather than use another index for the length of a ``with`` block.

        Raises:
            IndexUnusable: the index has been opened again since ``openings`` was read, or another
                has taken its place; or, within the block, it proves damaged.
        """
        current = self._environment is not None and is_current(self._environment)
        if self.openings != openings or not current:
            raise IndexUnusable("the index has been built anew while it was relied on")
        self._is_pinned = True
        try:
            yield
        finally:
            self._is_pinned = False

    def rebuild(self) -> None:
        """Build the index anew from the packs, whatever state it is in.

        Raises:
            IndexUnusable: it is pinned.
        """
        self._refuse_if_pinned()
        self.close()
        self._environment = self._rebuild_index()
        self.openings += 1

    @property
    def generation(self) -> int:
        """The repository's generation that the index agrees with."""
        return self._ask(lambda environment: environment.generation)

    def close(self) -> None:
        """Let go of the index; it is opened again if it is needed again."""
        if self._environment is not None:
            self._environment.close()
            self._environment = None

    def _ask(self, question: Callable[[IndexEnvironment], Result]) -> Result:
        if self._environment is None:
            self._refuse_if_pinned()
            self._environment = self._open_index()
            self.openings += 1
        try:
            return question(self._environment)
        except IndexUnusable as damage:
            if self._is_pinned:
                raise
            self._on_damage(damage)
        self.rebuild()
        return question(self._environment)

    def _refuse_if_pinned(self) -> None:
        # The lock that opening takes is held already, by ourselves.
        if self._is_pinned:
            raise IndexUnusable("the index cannot be opened or built anew while it is relied on")
