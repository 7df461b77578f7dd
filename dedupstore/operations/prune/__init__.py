"""Pruning a repository.

`retention` decides, from facts alone, which snapshots a policy keeps; `buckets` names hours, days,
weeks, months and years; `run` applies the decisions and has the room taken back.
"""

from dedupstore.operations.prune.options import PruneOptions, PruneReport
from dedupstore.operations.prune.retention import NO_POLICY, Decision, SnapshotFacts
from dedupstore.operations.prune.run import prune

__all__ = ["NO_POLICY", "Decision", "PruneOptions", "PruneReport", "SnapshotFacts", "prune"]
