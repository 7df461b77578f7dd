"""What a golden repository restores to, as JSON: every path with its metadata and BLAKE3."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any

import blake3

import dedupstore
from dedupstore.clock import format_time
from dedupstore.engine.holds import held_snapshots


def describe_snapshots(repository: dedupstore.Repository, scratch: Path) -> list[dict[str, Any]]:
    """Restore every snapshot below ``scratch`` and describe it and what came out."""
    held = held_snapshots(repository)
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
            }
        )
    return described


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
