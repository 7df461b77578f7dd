"""What a prune is asked to do, and what it says it did."""

from __future__ import annotations

from dataclasses import dataclass, field

from dedupstore.engine.reclaim.plan import ReclaimOptions
from dedupstore.engine.reclaim.run import ReclaimReport
from dedupstore.format.policy import RetentionPolicy
from dedupstore.operations.prune.retention import Decision


@dataclass(frozen=True, slots=True)
class PruneOptions:
    """How to prune.

    ``policy`` is what to keep of each set, or of ``set_name`` alone; without it each set's own
    policy holds, or the default one, and a set without either keeps all. ``reclaim`` says when
    packs are written anew. ``dry_run`` changes nothing.
    """

    policy: RetentionPolicy | None = None
    set_name: str | None = None
    reclaim: ReclaimOptions = field(default_factory=ReclaimOptions)
    dry_run: bool = False


@dataclass(slots=True)
class PruneReport:
    """What a prune did, or in a dry run would do.

    ``kept`` and ``removed`` are all snapshots looked at, oldest first, with their reasons.
    ``still_listed`` were to be removed and have been held, or removed by others, meanwhile.
    """

    kept: list[Decision] = field(default_factory=list)
    removed: list[Decision] = field(default_factory=list)
    still_listed: list[Decision] = field(default_factory=list)
    reclaim: ReclaimReport = field(default_factory=ReclaimReport)
    seconds: float = 0.0
