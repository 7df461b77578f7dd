"""dedupstore: a content-addressed, deduplicating archive engine for logs.

::

    import dedupstore

    with dedupstore.open_repository("/srv/archive") as repository:
        report = dedupstore.snapshot(repository, ["/var/log"])
        latest = dedupstore.find_snapshot(repository, "latest")
        dedupstore.restore(repository, latest, "/tmp/logs")

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dedupstore.version import __version__

if TYPE_CHECKING:
    from dedupstore.clock import Clock
    from dedupstore.engine.compression import Compression
    from dedupstore.engine.holds import held_snapshots, hold_snapshot, release_snapshot
    from dedupstore.engine.monitor import Event, Monitor, SilentMonitor
    from dedupstore.engine.policies import (
        list_policies,
        policy_of_set,
        remove_policy,
        set_policy,
    )
    from dedupstore.engine.reclaim.plan import ReclaimOptions
    from dedupstore.engine.reclaim.run import ReclaimReport
    from dedupstore.engine.record_trim import TrimRule
    from dedupstore.engine.repository import Repository, init_repository, open_repository
    from dedupstore.engine.snapshots import Snapshot, find_snapshot, load_snapshot
    from dedupstore.errors import DedupstoreError
    from dedupstore.format.entry import Entry, EntryType
    from dedupstore.format.policy import RetentionPolicy, StoredPolicy
    from dedupstore.operations.cat import cat
    from dedupstore.operations.cat_lineage import LineageReport, cat_lineage
    from dedupstore.operations.check import CheckOptions, CheckReport, Finding, Severity, check
    from dedupstore.operations.contents import list_entries
    from dedupstore.operations.diff import PathChange, SnapshotDiff, diff
    from dedupstore.operations.forget import ForgetReport, forget
    from dedupstore.operations.holds import HeldFile, holds
    from dedupstore.operations.listing import list_snapshots
    from dedupstore.operations.log_parts import LogPart, LogParts, log_parts
    from dedupstore.operations.protect import ProtectReport, protect, unprotect
    from dedupstore.operations.prune import Decision, PruneOptions, PruneReport, prune
    from dedupstore.operations.repair import (
        ActionKind,
        RepairAction,
        RepairPlan,
        RepairReport,
        repair,
    )
    from dedupstore.operations.restore.options import (
        EntriesLost,
        FileDamaged,
        Overwrite,
        RestoreOptions,
        RestoreReport,
    )
    from dedupstore.operations.restore.run import restore
    from dedupstore.operations.restore.tar_stream import restore_tar
    from dedupstore.operations.snapshot.journal import snapshot_journal
    from dedupstore.operations.snapshot.journalctl import JournalSource
    from dedupstore.operations.snapshot.report import FileChange, SnapshotOptions, SnapshotReport
    from dedupstore.operations.snapshot.run import snapshot
    from dedupstore.operations.snapshot.stream import snapshot_command, snapshot_stream
    from dedupstore.operations.stats import Stats, stats

_HOMES = {
    "Clock": "dedupstore.clock",
    "Compression": "dedupstore.engine.compression",
    "held_snapshots": "dedupstore.engine.holds",
    "hold_snapshot": "dedupstore.engine.holds",
    "release_snapshot": "dedupstore.engine.holds",
    "Event": "dedupstore.engine.monitor",
    "Monitor": "dedupstore.engine.monitor",
    "SilentMonitor": "dedupstore.engine.monitor",
    "list_policies": "dedupstore.engine.policies",
    "policy_of_set": "dedupstore.engine.policies",
    "remove_policy": "dedupstore.engine.policies",
    "set_policy": "dedupstore.engine.policies",
    "ReclaimOptions": "dedupstore.engine.reclaim.plan",
    "ReclaimReport": "dedupstore.engine.reclaim.run",
    "TrimRule": "dedupstore.engine.record_trim",
    "Repository": "dedupstore.engine.repository",
    "init_repository": "dedupstore.engine.repository",
    "open_repository": "dedupstore.engine.repository",
    "Snapshot": "dedupstore.engine.snapshots",
    "find_snapshot": "dedupstore.engine.snapshots",
    "load_snapshot": "dedupstore.engine.snapshots",
    "DedupstoreError": "dedupstore.errors",
    "Entry": "dedupstore.format.entry",
    "EntryType": "dedupstore.format.entry",
    "RetentionPolicy": "dedupstore.format.policy",
    "StoredPolicy": "dedupstore.format.policy",
    "cat": "dedupstore.operations.cat",
    "LineageReport": "dedupstore.operations.cat_lineage",
    "cat_lineage": "dedupstore.operations.cat_lineage",
    "CheckOptions": "dedupstore.operations.check",
    "CheckReport": "dedupstore.operations.check",
    "Finding": "dedupstore.operations.check",
    "Severity": "dedupstore.operations.check",
    "check": "dedupstore.operations.check",
    "PathChange": "dedupstore.operations.diff",
    "SnapshotDiff": "dedupstore.operations.diff",
    "diff": "dedupstore.operations.diff",
    "ForgetReport": "dedupstore.operations.forget",
    "forget": "dedupstore.operations.forget",
    "HeldFile": "dedupstore.operations.holds",
    "holds": "dedupstore.operations.holds",
    "list_entries": "dedupstore.operations.contents",
    "list_snapshots": "dedupstore.operations.listing",
    "LogPart": "dedupstore.operations.log_parts",
    "LogParts": "dedupstore.operations.log_parts",
    "log_parts": "dedupstore.operations.log_parts",
    "EntriesLost": "dedupstore.operations.restore.options",
    "FileDamaged": "dedupstore.operations.restore.options",
    "ProtectReport": "dedupstore.operations.protect",
    "protect": "dedupstore.operations.protect",
    "unprotect": "dedupstore.operations.protect",
    "Decision": "dedupstore.operations.prune",
    "PruneOptions": "dedupstore.operations.prune",
    "PruneReport": "dedupstore.operations.prune",
    "prune": "dedupstore.operations.prune",
    "ActionKind": "dedupstore.operations.repair",
    "RepairAction": "dedupstore.operations.repair",
    "RepairPlan": "dedupstore.operations.repair",
    "RepairReport": "dedupstore.operations.repair",
    "repair": "dedupstore.operations.repair",
    "Overwrite": "dedupstore.operations.restore.options",
    "RestoreOptions": "dedupstore.operations.restore.options",
    "RestoreReport": "dedupstore.operations.restore.options",
    "restore": "dedupstore.operations.restore.run",
    "restore_tar": "dedupstore.operations.restore.tar_stream",
    "FileChange": "dedupstore.operations.snapshot.report",
    "JournalSource": "dedupstore.operations.snapshot.journalctl",
    "SnapshotOptions": "dedupstore.operations.snapshot.report",
    "SnapshotReport": "dedupstore.operations.snapshot.report",
    "snapshot": "dedupstore.operations.snapshot.run",
    "snapshot_command": "dedupstore.operations.snapshot.stream",
    "snapshot_journal": "dedupstore.operations.snapshot.journal",
    "snapshot_stream": "dedupstore.operations.snapshot.stream",
    "Stats": "dedupstore.operations.stats",
    "stats": "dedupstore.operations.stats",
}

__all__ = [
    "ActionKind",
    "CheckOptions",
    "CheckReport",
    "Clock",
    "Compression",
    "Decision",
    "DedupstoreError",
    "EntriesLost",
    "Entry",
    "EntryType",
    "Event",
    "FileChange",
    "FileDamaged",
    "Finding",
    "ForgetReport",
    "HeldFile",
    "JournalSource",
    "LineageReport",
    "LogPart",
    "LogParts",
    "Monitor",
    "Overwrite",
    "PathChange",
    "ProtectReport",
    "PruneOptions",
    "PruneReport",
    "ReclaimOptions",
    "ReclaimReport",
    "RepairAction",
    "RepairPlan",
    "RepairReport",
    "Repository",
    "RestoreOptions",
    "RestoreReport",
    "RetentionPolicy",
    "Severity",
    "SilentMonitor",
    "Snapshot",
    "SnapshotDiff",
    "SnapshotOptions",
    "SnapshotReport",
    "Stats",
    "StoredPolicy",
    "TrimRule",
    "__version__",
    "cat",
    "cat_lineage",
    "check",
    "diff",
    "find_snapshot",
    "forget",
    "held_snapshots",
    "hold_snapshot",
    "holds",
    "init_repository",
    "list_entries",
    "list_policies",
    "list_snapshots",
    "load_snapshot",
    "log_parts",
    "open_repository",
    "policy_of_set",
    "protect",
    "prune",
    "release_snapshot",
    "remove_policy",
    "repair",
    "restore",
    "restore_tar",
    "set_policy",
    "snapshot",
    "snapshot_command",
    "snapshot_journal",
    "snapshot_stream",
    "stats",
    "unprotect",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
