"""What a repair is to do and why: decided from what an audit found, before anything is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from dedupstore.engine.audit.findings import CheckReport, Finding, FindingCollector
from dedupstore.engine.audit.pack_data import check_data
from dedupstore.engine.audit.parity import check_all_parity
from dedupstore.engine.audit.policies import check_policies
from dedupstore.engine.audit.records import load_all, read_state
from dedupstore.engine.audit.tables import TableCheck
from dedupstore.engine.keys import parity_key
from dedupstore.engine.pack_reader import StoredPack, list_packs
from dedupstore.engine.pack_salvage import exact_bytes, listed_chunks, salvage_pack
from dedupstore.engine.parity import orphans, parity_maker_like
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import Snapshot
from dedupstore.errors import UnsupportedFormat, UsageError
from dedupstore.format.generation_record import GenerationRecord
from dedupstore.ids import ChunkId

_DAMAGED = frozenset(("pack-damaged", "block-damaged"))
_NEWER = frozenset(("pack-unsupported", "block-unsupported"))


class ActionKind(Enum):
    """What is done to an object; the values are stable words."""

    RENEW_GENERATION = "renew-generation"
    QUARANTINE_SNAPSHOT = "quarantine-snapshot"
    GIVE_UP_SNAPSHOT = "give-up-snapshot"
    HEAL_PACK = "heal-pack"
    BRING_BACK_PACK = "bring-back-pack"
    SALVAGE_PACK = "salvage-pack"
    REBUILD_INDEX = "rebuild-index"
    RENEW_PARITY = "renew-parity"
    REMOVE_PARITY = "remove-parity"


@dataclass(frozen=True, slots=True)
class RepairAction:
    """What is to be done to the object with the key ``object``, and because of what."""

    kind: ActionKind
    object: str
    detail: str


@dataclass(frozen=True, slots=True)
class RepairPlan:
    """All that is to be done."""

    actions: tuple[RepairAction, ...] = ()

    def keys(self, *kinds: ActionKind) -> list[str]:
        """Return the keys of the objects to which something of these kinds is to be done."""
        return [action.object for action in self.actions if action.kind in kinds]


class RepairPlanner:
    """Looks at everything stored and decides what to do about what is wrong.

    ``report`` and ``collector`` get all findings; ``snapshots`` are those whose records are right.
    """

    def __init__(self, repository: Repository, report: CheckReport) -> None:
        self.collector = FindingCollector(report)
        self.snapshots: list[Snapshot] = []
        self.state = GenerationRecord()
        self._repository = repository
        self._report = report

    def plan(self, *, tables_only: bool) -> RepairPlan:
        """Return what is to be done; with ``tables_only`` no data is read to find out.

        An index that is wrong has been built anew by then. Findings about chunks that are lost
        keep only those that nothing in the plan brings back.

        Raises:
            StorageError: the store could not deliver.
            NoSpace: there is no room for the index.
        """
        repository = self._repository
        self.state = read_state(repository, self.collector)
        self.snapshots = load_all(repository, self.state.forgotten, self.collector)
        check_policies(repository, self.collector)
        stored = list_packs(repository.store)
        packs = [pack for pack in stored if pack.id not in self.state.tombstones]
        self._look_at_packs(packs, tables_only=tables_only)
        found = _kinds_by_object(self._report.findings)
        actions = [
            *self._about_generation(),
            *self._about_snapshots(),
            *self._about_packs(packs, found),
            *self._about_lost_packs(),
        ]
        salvaged = {action.object for action in actions if action.kind is ActionKind.SALVAGE_PACK}
        actions += self._about_parity(packs, found, salvaged)
        actions += self._about_index()
        return RepairPlan(tuple(actions))

    def _look_at_packs(self, packs: list[StoredPack], *, tables_only: bool) -> None:
        repository = self._repository
        monitor = repository.monitor
        tables = TableCheck(repository, self.state.tombstones, self._report, self.collector)
        read = [] if tables_only else packs
        monitor.begin("checking packs", sum(pack.pack_bytes for pack in read))
        try:
            pairs = tables.tables(packs)
            if tables_only:
                for _ in pairs:
                    monitor.advance(0, 1)
            else:
                check_data(repository.store, pairs, self._report, self.collector, monitor)
        finally:
            monitor.end()
        read_ids = {pack.id for pack in read}
        self._report.bytes_read += check_all_parity(repository, packs, read_ids, self.collector)
        tables.finish(all_packs=True)

    def _about_generation(self) -> Iterator[RepairAction]:
        for finding in self._findings("generation-damaged"):
            yield RepairAction(ActionKind.RENEW_GENERATION, finding.object, finding.detail)

    def _about_snapshots(self) -> Iterator[RepairAction]:
        for finding in self._findings("snapshot-damaged"):
            yield RepairAction(ActionKind.QUARANTINE_SNAPSHOT, finding.object, finding.detail)
        for finding in self._findings("snapshot-missing"):
            yield RepairAction(ActionKind.GIVE_UP_SNAPSHOT, finding.object, finding.detail)

    def _about_packs(
        self, packs: Sequence[StoredPack], found: dict[str, set[str]]
    ) -> Iterator[RepairAction]:
        for pack in packs:
            kinds = found.get(pack.key, set())
            if kinds & _DAMAGED and not kinds & _NEWER:
                with suppress(UnsupportedFormat):
                    yield self._about_pack(pack)

    def _about_pack(self, pack: StoredPack) -> RepairAction:
        store = self._repository.store
        exact = exact_bytes(store, pack, self.state.generation)
        if exact is not None:
            self._found_again(pack.key, None)
            return RepairAction(ActionKind.HEAL_PACK, pack.key, f"from {exact[1]}")
        saved: set[ChunkId] = set()
        for block in salvage_pack(store, pack):
            saved |= block.chunks.keys()
        lost = listed_chunks(store, pack) - saved
        self._found_again(pack.key, saved)
        detail = f"{len(saved)} {'chunk' if len(saved) == 1 else 'chunks'} can be read"
        detail += f", {len(lost)} cannot" if lost else ""
        return RepairAction(ActionKind.SALVAGE_PACK, pack.key, detail)

    def _found_again(self, key: str, chunks: set[ChunkId] | None) -> None:
        """Take chunks, or all, out of the findings about a pack."""
        for finding in self._report.findings:
            if finding.object == key:
                again = finding.chunks & chunks if chunks is not None else set(finding.chunks)
                self.collector.recovered(again)
                finding.chunks -= again

    def _about_lost_packs(self) -> Iterator[RepairAction]:
        for kind, id_, _ in orphans(self._repository.store):
            pack = StoredPack(kind, id_, 0)
            if id_ not in self.state.tombstones:
                exact = exact_bytes(self._repository.store, pack, self.state.generation)
                if exact is not None:
                    yield RepairAction(ActionKind.BRING_BACK_PACK, pack.key, f"from {exact[1]}")

    def _about_parity(
        self, packs: Sequence[StoredPack], found: dict[str, set[str]], salvaged: set[str]
    ) -> Iterator[RepairAction]:
        for pack in packs:
            key = parity_key(pack.kind, pack.id)
            if "parity-damaged" in found.get(key, ()) and pack.key not in salvaged:
                # What cannot be made anew, or is newer, may still heal its pack: it stays.
                with suppress(UnsupportedFormat, UsageError):
                    yield self._about_parity_of(pack, key)

    def _about_parity_of(self, pack: StoredPack, key: str) -> RepairAction:
        repository = self._repository
        percent_else = repository.config.parity_percent
        maker = parity_maker_like(repository.store, pack.kind, pack.id, percent_else)
        if maker is None:
            detail = "it is damaged, and nothing says how much there was of it"
            return RepairAction(ActionKind.REMOVE_PARITY, key, detail)
        return RepairAction(ActionKind.RENEW_PARITY, key, "it is damaged, its pack is not")

    def _about_index(self) -> Iterator[RepairAction]:
        for finding in self._findings("index-rebuilt", "index-wrong"):
            yield RepairAction(ActionKind.REBUILD_INDEX, finding.object, finding.detail)
            return

    def _findings(self, *kinds: str) -> list[Finding]:
        return [finding for finding in self._report.findings if finding.kind in kinds]


def _kinds_by_object(findings: Iterable[Finding]) -> dict[str, set[str]]:
    kinds: dict[str, set[str]] = {}
    for finding in findings:
        kinds.setdefault(finding.object, set()).add(finding.kind)
    return kinds
