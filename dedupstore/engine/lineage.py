"""The files of a snapshot that make up one log."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.monitor import Event
from dedupstore.engine.snapshots import Snapshot
from dedupstore.engine.tree_reader import manifest_piece_ids
from dedupstore.errors import DamageError, PathUnknown
from dedupstore.format.entry import Entry, EntryType, decode_entry, split_entries
from dedupstore.format.pieces import piece_body
from dedupstore.ids import ChunkId
from dedupstore.logs.part_order import LogFile, oldest_first
from dedupstore.logs.rotation_names import Certainty, Scheme, beginning_of_parts, rotated_name

TELLING_BYTES_MIN = 1024
"""Shorter texts may well be alike by chance: that they are says little of whose they are."""


class Lineage(NamedTuple):
    """One log through time: the path of the log itself, and its files, oldest first.

    ``damage`` says that a part of the manifest is lost, which may have listed more of them.
    """

    log: bytes
    files: tuple[Entry, ...]
    damage: DamageError | None = None


class _Candidate(NamedTuple):
    """A file that may belong to a log; ``certainty`` is that of its name, if that alone says so."""

    entry: Entry
    certainty: Certainty | None


class LineageFinder:
    """Finds the files of logs in snapshots.

    A snapshot shares most pieces of its manifest with the one before. So what a piece holds of a
    log is remembered, and entries that cannot belong to it are passed over without being decoded.
    """

    def __init__(self, reader: ChunkReader) -> None:
        self._reader = reader
        self._by_piece: dict[tuple[bytes, ChunkId], tuple[_Candidate, ...] | DamageError] = {}

    def find(self, snapshot: Snapshot, path: bytes) -> Lineage:
        """Return the log that the file at ``path``, with or without its leading ``/``, belongs to.

        What the snapshot has recorded of a file decides; where it has recorded nothing, its name
        does. The log itself need not be there: it may have been rotated and not yet begun anew.

        Raises:
            PathUnknown: the snapshot holds neither a file at that path nor a part of such a log.
            DamageError: none is found, and the manifest is damaged.
            UnsupportedFormat, StorageError: the manifest cannot be read.
        """
        damages: list[DamageError] = []
        log = wanted = path.strip(b"/")
        files = self._files_of(log, snapshot, damages.append)
        found = next((file for file in files if file.path == wanted), None)
        if found is not None and found.lineage:
            log = found.lineage
            files = self._files_of(log, snapshot, damages.append)
        elif files == [found] and (named := rotated_name(wanted).base) != wanted:
            others = self._files_of(named, snapshot, damages.append)
            log, files = (named, others) if found in others else (log, files)
        damage = next(iter(damages), None)
        if not files and damage is not None:
            raise damage
        if not files:
            raise PathUnknown(
                f"the snapshot holds no file {os.fsdecode(path)}, nor an older part of it",
                hint="see what it holds with: dedupstore ls SNAPSHOT",
            )
        by_path = {file.path: file for file in files}
        ordered = oldest_first(log, [LogFile(file.path, file.mtime_ns) for file in files])
        return Lineage(log, tuple(by_path[file.path] for file in ordered), damage)

    def _files_of(
        self, log: bytes, snapshot: Snapshot, on_damage: Callable[[DamageError], None]
    ) -> list[Entry]:
        """Return the files of a log in path order; by name only those that others confirm."""
        candidates = list(self._candidates(log, snapshot, on_damage))
        has_log = any(entry.path == log for entry, _ in candidates)
        return [
            entry
            for entry, certainty in candidates
            if certainty in (None, Certainty.CERTAIN)
            or has_log
            or (certainty is Certainty.WITH_OTHERS and len(candidates) > 1)
        ]

    def _candidates(
        self, log: bytes, snapshot: Snapshot, on_damage: Callable[[DamageError], None]
    ) -> Iterator[_Candidate]:
        record = snapshot.record
        for id_ in manifest_piece_ids(self._reader, record.manifest, record.manifest_level):
            found = self._by_piece.get((log, id_))
            if found is None:
                found = self._by_piece[log, id_] = self._read_piece(id_, log)
            if isinstance(found, DamageError):
                on_damage(found)
            else:
                yield from found

    def _read_piece(self, id_: ChunkId, log: bytes) -> tuple[_Candidate, ...] | DamageError:
        try:
            return tuple(_candidates_in(self._reader.read(id_), log))
        except DamageError as damage:
            return damage


def manifest_damaged(snapshot: Snapshot, damage: DamageError) -> Event:
    """Return what there is to say where parts of a log may be missing as a manifest is damaged."""
    name = snapshot.id.hex()[:12]
    detail = f"snapshot {name}: some of what it lists is lost, maybe of this log: {damage.message}"
    return Event("damaged", b"", detail)


def _candidates_in(piece: memoryview, log: bytes) -> Iterator[_Candidate]:
    mentions = re.compile(re.escape(beginning_of_parts(log)))
    folder = log.rpartition(b"/")[0]
    for data in split_entries(piece_body(piece, 0)):
        if not mentions.search(data):
            continue
        entry = decode_entry(data)
        if entry.type is not EntryType.FILE:
            continue
        if entry.path == log or entry.lineage == log:
            yield _Candidate(entry, None)
        elif not entry.lineage and entry.path.rpartition(b"/")[0] == folder:
            name = rotated_name(entry.path)
            if name.scheme is not Scheme.LIVE and name.base == log:
                yield _Candidate(entry, name.certainty)
