"""Writing a whole log, from its oldest part to its youngest, to a stream."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.expired_parts import FoundPart, with_expired_parts
from dedupstore.engine.lineage import LineageFinder, manifest_damaged
from dedupstore.engine.log_text import Piece, bytes_of, first_pieces, text_pieces
from dedupstore.engine.monitor import Event, Monitor
from dedupstore.engine.record_trim import TrimRule, trim_text
from dedupstore.engine.repeated_parts import repeated_parts
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import Snapshot
from dedupstore.errors import DamageError
from dedupstore.format.entry import Entry


@dataclass(slots=True)
class LineageReport:
    """What was written of a log.

    ``shortfalls`` name the files of which the text is not all there: events of kind ``damaged``,
    whose stored data is missing or wrong, and ``incomplete``, which were compressed only in part,
    or so that nothing can unpack them. Snapshots of which not all can be read are named there, too,
    as ``damaged`` and without a path: parts may be missing. ``events`` is what else there is.
    """

    files: int = 0
    written_bytes: int = 0
    shortfalls: list[Event] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def damaged(self) -> bool:
        """True when stored data is missing or wrong."""
        return any(event.kind == "damaged" for event in self.shortfalls)


def cat_lineage(
    repository: Repository,
    snapshot: Snapshot,
    path: str | bytes,
    output: BinaryIO,
    *,
    trim: TrimRule | None = None,
    expired: bool = False,
) -> LineageReport:
    """Write the log that the file at ``path`` belongs to, oldest part first, as one text.

    Compressed parts are written as their text. A text that is there twice because the log was just
    being rotated is written once. Of a part that cannot be read to its end, what there is is
    written, and the next follows. With ``trim``, each part is cut; with ``expired``, what only
    earlier snapshots of the set hold of the log is written, too.

    Raises:
        PathUnknown: the snapshot holds neither a file at that path nor a part of such a log.
        DamageError: none is found, and the manifest is damaged.
        UnsupportedFormat, LockTimeout, StorageError: what is stored cannot be read.
        OSError: ``output`` cannot be written.
    """
    with repository.session(reads=[snapshot.id]), ChunkReader(repository, salvages=True) as reader:
        lineage = LineageFinder(reader).find(snapshot, os.fsencode(path))
        repeated = repeated_parts(reader, lineage)
        writer = _LineageWriter(reader, output, trim, repository.monitor)
        if lineage.damage is not None:
            writer.fall_short(manifest_damaged(snapshot, lineage.damage))
        found = [FoundPart(entry, snapshot) for entry in lineage.files]
        if expired:
            found = with_expired_parts(repository, reader, snapshot, lineage, writer.fall_short)
        for entry, holder in found:
            if holder is snapshot and entry.path in repeated:
                writer.leave_out(entry, repeated[entry.path])
            else:
                writer.write(entry)
    return writer.report


class _LineageWriter:
    """Writes the files of a log one by one."""

    def __init__(
        self, reader: ChunkReader, output: BinaryIO, trim: TrimRule | None, monitor: Monitor
    ) -> None:
        self.report = LineageReport()
        self._reader = reader
        self._output = output
        self._trim = trim
        self._monitor = monitor

    def leave_out(self, entry: Entry, holder: bytes) -> None:
        shown = holder.decode("utf-8", "backslashreplace")
        self._tell(
            self.report.events, Event("repeated", entry.path, f"its text is in /{shown}, too")
        )

    def write(self, entry: Entry) -> None:
        kept_bytes = None
        if self._trim is not None:
            kept_bytes, event = trim_text(self._reader, entry, self._trim)
            if event is not None:
                self._tell(self.report.events, event)
        for data in bytes_of(first_pieces(self._readable(entry), kept_bytes)):
            self._output.write(data)
            self.report.written_bytes += len(data)
        self.report.files += 1

    def _readable(self, entry: Entry) -> Iterator[Piece]:
        """Yield the text of a file up to where it cannot be read, which is told."""
        try:
            yield from text_pieces(self._reader, entry)
        except DamageError as damage:
            self.fall_short(_unread("damaged", entry, damage.message))
        except (EOFError, ValueError) as error:
            self.fall_short(_unread("incomplete", entry, str(error)))

    def fall_short(self, event: Event) -> None:
        self._tell(self.report.shortfalls, event)

    def _tell(self, events: list[Event], event: Event) -> None:
        events.append(event)
        self._monitor.event(event)


def _unread(kind: str, entry: Entry, reason: str) -> Event:
    return Event(kind, entry.path, f"{reason}; what comes before that has been written")
