"""Damage that a soak does to packs, and what must hold after the repair.

What check then calls lost must be exactly what does not restore, all else restores byte for byte,
and what a new snapshot of logs that are still there stores again makes old snapshots whole. Bytes
that are lost by such damage are no defects, and are counted by themselves.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import dedupstore
from dedupstore import EntriesLost, FileDamaged
from dedupstore.errors import DamageError
from faults.soak_logs import Digests, digests_of

FLIPS_MAX = 20
PARTIAL = ".partial"

Names = set[str]


@dataclass
class DamageCounts:
    """What was damaged on purpose, and what became of it."""

    packs: Counter[str] = field(default_factory=Counter)
    repaired_whole: int = 0
    files_lost: int = 0
    files_healed: int = 0
    files_given_up: int = 0
    bytes_given_up: int = 0
    snapshots_given_up: int = 0


def damage_a_pack(repository: Path, chance: random.Random) -> str | None:
    """Flip bytes of a pack or cut it off; return how, or ``None`` where there is no pack."""
    packs = sorted((repository / "packs").glob("*/*"))
    if not packs:
        return None
    pack = chance.choice(packs)
    data = bytearray(pack.read_bytes())
    how = chance.choice(("flipped", "cut off"))
    if how == "flipped":
        for _ in range(chance.randint(1, FLIPS_MAX)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    else:
        del data[chance.randrange(len(data)) :]
    pack.write_bytes(data)
    return f"{pack.parent.name} {how}"


class Losses:
    """What of each snapshot does not restore: ``files`` are their names, by snapshot.

    ``defect`` is told where check says otherwise, or a file comes out as whole that is not.
    """

    def __init__(
        self, trees: Mapping[str, Digests], target: Path, defect: Callable[[str], None]
    ) -> None:
        self.files: dict[str, Names] = {}
        self._trees = trees
        self._target = target
        self._defect = defect

    def find(self, repository: dedupstore.Repository) -> None:
        """Restore every snapshot, and hold what is missing against what check says."""
        listed = dedupstore.list_snapshots(repository)
        for id_ in self._trees.keys() - {snapshot.id.hex() for snapshot in listed}:
            self._defect(f"snapshot {id_} is gone after damage to a pack")
        for snapshot in listed:
            id_ = snapshot.id.hex()
            failed = self._restore(repository, snapshot)
            wrong = self._compare(id_)
            if wrong:
                self.files[id_] = wrong
            if failed is not None and failed != wrong:
                self._defect(f"restore of {id_} names {sorted(failed)}, wrong is {sorted(wrong)}")
            self._ask_check(repository, snapshot, wrong, is_whole=failed is not None)

    def _restore(
        self, repository: dedupstore.Repository, snapshot: dedupstore.Snapshot
    ) -> Names | None:
        """Restore a snapshot; return the files that failed, ``None`` where not all are known."""
        shutil.rmtree(self._target, ignore_errors=True)
        self._target.mkdir()
        try:
            report = dedupstore.restore(repository, snapshot, self._target)
        except DamageError:
            return None
        if any(isinstance(event, EntriesLost) for event in report.failed):
            return None
        names = {name_of(event.path) for event in report.failed}
        if not all(isinstance(event, FileDamaged) for event in report.failed):
            self._defect(f"{snapshot.id.hex()} fails to restore: {report.failed}")
        return names

    def _compare(self, id_: str) -> Names:
        """Return the files that did not come out; whatever did must be right."""
        expected, found = self._trees[id_], digests_of(self._target, self._target)
        for name in found:
            if not name.endswith(PARTIAL) and found[name] != expected.get(name):
                self._defect(f"{name} of {id_} comes out as whole and is not")
        for name in found.keys() - expected.keys():
            whole = expected.get(name.removesuffix(PARTIAL))
            if whole is None or found[name][0] != whole[0]:
                self._defect(f"{name} of {id_} is not as long as the file")
        return expected.keys() - found.keys()

    def _ask_check(
        self,
        repository: dedupstore.Repository,
        snapshot: dedupstore.Snapshot,
        wrong: Names,
        *,
        is_whole: bool,
    ) -> None:
        options = dedupstore.CheckOptions(snapshots=(snapshot,))
        found = [
            finding
            for finding in dedupstore.check(repository, options).findings
            if finding.severity is dedupstore.Severity.ERROR
        ]
        told = {name_of(path) for finding in found for path in finding.files}
        id_ = snapshot.id.hex()
        if is_whole and told != wrong:
            self._defect(f"check calls {sorted(told)} of {id_} lost, and {sorted(wrong)} are")
        elif not is_whole and not (found and told <= wrong):
            self._defect(f"check calls {sorted(told)} of {id_} lost, and its manifest is")


def name_of(path: bytes) -> str:
    """Return the path below a restore's target of a file of a snapshot."""
    return os.fsdecode(path).lstrip("/")
