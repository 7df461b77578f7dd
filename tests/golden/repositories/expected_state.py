"""What a golden repository holds, as JSON: each path with its metadata and BLAKE3, and the rest."""

from __future__ import annotations

import io
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import blake3

import dedupstore
from dedupstore.clock import format_time
from dedupstore.engine.generation import read_generation
from dedupstore.engine.pack_reader import list_packs
from dedupstore.engine.parity import stored_parity


def describe_repository(repository: dedupstore.Repository, scratch: Path) -> dict[str, Any]:
    """Describe all that is stored; snapshots are restored below ``scratch``."""
    return {
        "snapshots": describe_snapshots(repository, scratch),
        "policies": [describe_policy(stored) for stored in dedupstore.list_policies(repository)],
        "prune": describe_prune(dedupstore.prune(repository, PRUNE)),
        **describe_generation(repository),
        "parity": sum(1 for _ in stored_parity(repository.store)),
    }


PRUNE = dedupstore.PruneOptions(dry_run=True)


def describe_policy(stored: dedupstore.StoredPolicy) -> dict[str, Any]:
    """Describe a policy."""
    policy = stored.policy
    return {
        "set": stored.set_name,
        **policy.counts(),
        "keep_within_seconds": policy.keep_within_seconds,
        "keep_tags": list(policy.keep_tags),
        "timezone": policy.timezone,
    }


def describe_prune(report: dedupstore.PruneReport) -> dict[str, list[str]]:
    """Describe which snapshots a prune keeps and removes."""
    return {
        "kept": [decision.snapshot.id.hex() for decision in report.kept],
        "removed": [decision.snapshot.id.hex() for decision in report.removed],
    }


def describe_generation(repository: dedupstore.Repository) -> dict[str, Any]:
    """Describe what has been removed, and the packs that are there, dead or not."""
    state = read_generation(repository.store)
    packs = sorted(pack.key for pack in list_packs(repository.store))
    dead = {pack.hex() for pack in state.tombstones}
    return {
        "generation": state.generation,
        "forgotten": sorted(snapshot.hex() for snapshot in state.forgotten),
        "packs": packs,
        "packs_dead": [key for key in packs if key.rpartition("/")[2] in dead],
    }


def describe_snapshots(repository: dedupstore.Repository, scratch: Path) -> list[dict[str, Any]]:
    """Restore every snapshot below ``scratch`` and describe it and what came out."""
    held = dedupstore.held_snapshots(repository)
    described = []
    for snapshot in dedupstore.list_snapshots(repository):
        shutil.rmtree(scratch, ignore_errors=True)
        report = dedupstore.restore(repository, snapshot, scratch)
        record = snapshot.record
        entries = list(dedupstore.list_entries(repository, snapshot))
        described.append(
            {
                "snapshot": snapshot.id.hex(),
                "time": format_time(record.time),
                "set": record.set_name,
                "host": record.host,
                "tags": list(record.tags),
                "held": snapshot.id in held,
                "previous": record.previous.hex() if record.previous else None,
                "failed": [event.detail for event in report.failed],
                "listed": [
                    [os.fsdecode(entry.path), entry.type.name.lower(), entry.size]
                    for entry in entries
                ],
                "restored": describe_paths(scratch, [os.fsdecode(entry.path) for entry in entries]),
                "lineages": {
                    os.fsdecode(entry.path): os.fsdecode(entry.lineage)
                    for entry in entries
                    if entry.lineage
                },
                "texts": {
                    os.fsdecode(entry.path): describe_text(repository, snapshot, entry)
                    for entry in entries
                    if entry.twin is not None
                },
            }
        )
    return described


def describe_text(
    repository: dedupstore.Repository, snapshot: dedupstore.Snapshot, entry: dedupstore.Entry
) -> dict[str, Any]:
    """Describe the text of a twin, and where its recipe stands."""
    text = io.BytesIO()
    dedupstore.cat(repository, snapshot, entry.path, text, plain=True)
    return {
        "bytes": len(text.getvalue()),
        "blake3": blake3.blake3(text.getvalue()).hexdigest(),
        "recipe_in_chunks": entry.twin is not None and not entry.twin.recipe,
    }


def describe_paths(folder: Path, names: list[str]) -> dict[str, dict[str, Any]]:
    """Return type, permission bits, time and content of some paths below a folder."""
    tree: dict[str, dict[str, Any]] = {}
    for name in names:
        path = folder / name
        status = path.lstat()
        described: dict[str, Any] = {"type": stat.filemode(status.st_mode)}
        if stat.S_ISLNK(status.st_mode):
            described["target"] = os.readlink(path)
        elif stat.S_ISREG(status.st_mode):
            described["bytes"] = status.st_size
            described["blake3"] = blake3.blake3(path.read_bytes()).hexdigest()
            described["mtime_ns"] = status.st_mtime_ns
        tree[name] = described
    return tree
