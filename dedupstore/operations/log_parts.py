"""Listing the files that make up one log through time."""

from __future__ import annotations

import os
from dataclasses import dataclass

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.expired_parts import FoundPart, with_expired_parts
from dedupstore.engine.lineage import LineageFinder, manifest_damaged
from dedupstore.engine.monitor import Event
from dedupstore.engine.repeated_parts import repeated_parts
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import Snapshot
from dedupstore.format.entry import Entry


@dataclass(frozen=True, slots=True)
class LogPart:
    """A file of a log, and the newest snapshot that holds it.

    ``repeats`` is the path of the file that holds all of its text, too.
    """

    entry: Entry
    snapshot: Snapshot
    repeats: bytes | None


@dataclass(frozen=True, slots=True)
class LogParts:
    """One log through time: the path of the log itself, and its files, oldest first.

    ``damaged`` names the snapshots of which not all can be read, so that parts may be missing.
    """

    log: bytes
    parts: tuple[LogPart, ...]
    damaged: tuple[Event, ...] = ()


def log_parts(
    repository: Repository, snapshot: Snapshot, path: str | bytes, *, expired: bool = False
) -> LogParts:
    """Return the files of a snapshot that make up the log that the file at ``path`` belongs to.

    With ``expired``, also those that only earlier snapshots of the set hold.

    Raises:
        PathUnknown: the snapshot holds neither a file at that path nor a part of such a log.
        DamageError: none is found, and the manifest of ``snapshot`` is damaged.
        UnsupportedFormat, LockTimeout, StorageError: what is stored cannot be read.
    """
    damaged: list[Event] = []
    with repository.session(reads=[snapshot.id]), ChunkReader(repository, salvages=True) as reader:
        lineage = LineageFinder(reader).find(snapshot, os.fsencode(path))
        if lineage.damage is not None:
            damaged.append(manifest_damaged(snapshot, lineage.damage))
        repeated = repeated_parts(reader, lineage)
        found = [FoundPart(entry, snapshot) for entry in lineage.files]
        if expired:
            found = with_expired_parts(repository, reader, snapshot, lineage, damaged.append)
    parts = (
        LogPart(entry, holder, repeated.get(entry.path) if holder is snapshot else None)
        for entry, holder in found
    )
    for event in damaged:
        repository.monitor.event(event)
    return LogParts(lineage.log, tuple(parts), tuple(damaged))
