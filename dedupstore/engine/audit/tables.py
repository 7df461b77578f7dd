"""Checking packs and the index against each other."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator
from itertools import islice

from dedupstore.engine.audit.findings import CheckReport, FindingCollector
from dedupstore.engine.index_sync import index_entries
from dedupstore.engine.pack_reader import StoredPack, read_table_or_blocks
from dedupstore.engine.repository import Repository
from dedupstore.errors import DamageError, UnsupportedFormat
from dedupstore.format.pack import PackTable
from dedupstore.ids import PackId

_LOOKUP_CHUNKS = 4096


class TableCheck:
    """Reads the tables of packs and holds the index against them.

    ``dead`` are the packs that were declared dead before. ``index_errors`` counts the chunks that
    the index has lost or looks for in the wrong place.
    """

    def __init__(
        self,
        repository: Repository,
        dead: Collection[PackId],
        report: CheckReport,
        collector: FindingCollector,
    ) -> None:
        self._dead = dead
        self._repository = repository
        self._report = report
        self._collector = collector
        self._indexed_chunks = 0
        self._packs_seen: set[PackId] = set()
        self.index_errors = 0

    def tables(self, packs: list[StoredPack]) -> Iterator[tuple[StoredPack, PackTable]]:
        """Yield each pack and its table; one that is damaged becomes a finding.

        Where a table is damaged, the pack's sound blocks stand in for it.

        Raises:
            StorageError: the store could not deliver.
        """
        for pack in packs:
            self._report.packs += 1
            on_damage = functools.partial(self._found_damaged, pack)
            try:
                table = read_table_or_blocks(self._repository.store, pack, on_damage)
            except UnsupportedFormat as error:
                self._collector.error("pack-unsupported", pack.key, error.message)
                continue
            self._compare(pack, table)
            self._report.chunks += table.chunk_count
            yield pack, table

    def finish(self, *, all_packs: bool) -> None:
        """Rebuild the index if it was wrong; ``all_packs`` says that every pack has been seen.

        Raises:
            NoSpace, StorageError: the index cannot be rebuilt.
        """
        packs = {pack.id for pack in self._repository.index.packs() if not pack.is_dead}
        if all_packs and packs == self._packs_seen:
            # What the index has beyond the packs' tables leads nowhere, unless others have added
            # packs, or declared some dead, meanwhile.
            beyond = self._repository.index.chunk_count() - self._indexed_chunks
            self.index_errors += max(0, beyond)
        if self.index_errors:
            chunks = "1 chunk" if self.index_errors == 1 else f"{self.index_errors} chunks"
            detail = f"it was wrong about {chunks} and has been rebuilt"
            self._collector.warning("index-wrong", "index", detail)
            self._repository.rebuild_index()

    def _found_damaged(self, pack: StoredPack, damage: DamageError) -> None:
        self._collector.error("pack-damaged", pack.key, damage.message)

    def _compare(self, pack: StoredPack, table: PackTable) -> None:
        if pack.id in self._packs_seen:
            # It lies in the folder of the other kind, too; the index knows it once.
            return
        self._packs_seen.add(pack.id)
        entries = index_entries(table)
        while batch := list(islice(entries, _LOOKUP_CHUNKS)):
            index = self._repository.index
            elsewhere = index.misplaced(pack.id, batch)
            # A place in this pack that is wrong is one the index has beyond the tables.
            self._indexed_chunks += len(batch) - len(elsewhere)
            if elsewhere:
                ids = list({entry.id for entry in elsewhere})
                found = index.find(ids)
                places = (found.get(id_) for id_ in ids)
                self.index_errors += sum(
                    place is None or place.pack in self._dead for place in places
                )
