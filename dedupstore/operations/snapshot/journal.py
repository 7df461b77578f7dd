"""Taking a snapshot of the systemd journal, as one stream in its export format.

Each snapshot holds the whole stream, and costs only what is new. What the journal has thrown away
since is still in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.file_reader import read_range
from dedupstore.engine.monitor import Event
from dedupstore.engine.repository import Repository
from dedupstore.engine.selection import find_file
from dedupstore.errors import DamageError, PathUnknown, UnsupportedFormat
from dedupstore.format.content import Content
from dedupstore.format.entry import Entry
from dedupstore.limits import KIB, MIB
from dedupstore.logs.journal_export import (
    EntrySet,
    ExportPart,
    ExportSplitter,
    cursor_time_us,
    last_cursor,
)
from dedupstore.operations.snapshot.continued import continue_content
from dedupstore.operations.snapshot.journalctl import (
    JournalSource,
    entries_behind,
    journal_entries,
)
from dedupstore.operations.snapshot.observer import ReportingObserver
from dedupstore.operations.snapshot.report import FileChange, SnapshotOptions, SnapshotReport
from dedupstore.operations.snapshot.single_file import TakenFile, Taking, snapshot_single_file
from dedupstore.operations.snapshot.stored_lists import StoredLists

JOURNAL_NAME = "journal.export"
"""The path of the stream in its snapshots."""

_TAILS_BYTES = (256 * KIB, 16 * MIB)
_MICROSECOND_NS = 1000
_COMPARED = "the journal does not say what comes behind the last stored entry, so all were compared"


def journal_set(options: SnapshotOptions) -> str:
    """Return the set where none is named: the journal has its own, beside that of the files."""
    return f"{options.effective_host()}-journal"


def snapshot_journal(
    repository: Repository,
    source: JournalSource | None = None,
    options: SnapshotOptions | None = None,
) -> SnapshotReport:
    """Store the entries of a systemd journal as a snapshot with the one file ``JOURNAL_NAME``.

    The file is the set's last one with the entries behind it that came since. Where the journal
    no longer has the last entry that is stored, all entries are gone through, and those that are
    not stored yet are added. The default set is ``HOST-journal``; a set is for one source.

    Raises:
        UsageError: the set or a tag has an impossible name.
        CommandFailed: journalctl could not be run, or failed; there is no snapshot.
        LockTimeout, DamageError, NoSpace, StorageError: there is no snapshot.
    """
    source = source or JournalSource()
    options = options or SnapshotOptions()
    if options.set_name is None:
        options = replace(options, set_name=journal_set(options))
    reread = options.reread

    def take(taking: Taking) -> TakenFile:
        with ChunkReader(taking.repository) as reader:
            return _JournalTaker(taking, reader, source).take(reread=reread)

    return snapshot_single_file(repository, JOURNAL_NAME, take, options)


class _JournalTaker:
    def __init__(self, taking: Taking, reader: ChunkReader, source: JournalSource) -> None:
        self._taking = taking
        self._reader = reader
        self._source = source
        self._observer = ReportingObserver(taking.report, taking.repository.monitor)
        self._bytes_read = 0
        self._time_us: int | None = None
        self._ends_with_last = True

    def take(self, *, reread: bool) -> TakenFile:
        """Store the stream and return what became of it."""
        known = self._known()
        if known is None:
            content = self._taking.content_reader.read_parts(self._counted(self._all_entries()))
            return self._taken(content, FileChange.NEW)
        try:
            added = None if reread or not known.size else self._entries_behind(known)
            if added is None:
                if known.size and not reread:
                    self._note("journal-compared", _COMPARED)
                added = self._entries_not_in(known)
            return self._continue(known, self._counted(added))
        except (DamageError, UnsupportedFormat) as error:
            detail = f"the stored journal cannot be continued, and is begun anew: {error.message}"
            self._note("read-whole", detail)
        self._bytes_read, self._time_us, self._ends_with_last = 0, None, True
        content = self._taking.content_reader.read_parts(self._counted(self._all_entries()))
        return self._taken(content, FileChange.CHANGED)

    def _known(self) -> Entry | None:
        """Return the stream of the last snapshot, if all of it is there."""
        if self._taking.previous is None:
            return None
        try:
            known = find_file(self._reader, self._taking.previous, self._taking.path)
        except PathUnknown:
            return None
        except (DamageError, UnsupportedFormat) as error:
            detail = f"the last snapshot cannot be used, so all entries are stored: {error.message}"
            self._note("last-snapshot-unusable", detail)
            return None
        stored = StoredLists(self._reader, self._taking.repository.index)
        if stored.have_all((known.content,)):
            return known
        self._note("read-whole", "chunks of the stored journal are lost, so it is begun anew")
        return None

    def _entries_behind(self, known: Entry) -> Iterator[ExportPart] | None:
        cursor = self._last_cursor(known)
        if cursor is None:
            return None
        return entries_behind(self._source, cursor, self._observer)

    def _last_cursor(self, known: Entry) -> bytes | None:
        """Return the cursor of the last entry that is stored, if it can be told."""
        time_us = known.mtime_ns // _MICROSECOND_NS
        for tail_bytes in _TAILS_BYTES:
            begin = max(0, known.size - tail_bytes)
            tail = b"".join(read_range(self._reader, known.content, begin, known.size))
            cursor = last_cursor(tail, time_us)
            if cursor is not None or begin == 0:
                return cursor
        return None

    def _entries_not_in(self, known: Entry) -> Iterator[ExportPart]:
        """Yield those of all entries that are not stored yet."""
        stored = EntrySet()
        splitter = ExportSplitter()
        try:
            for data in read_range(self._reader, known.content, 0, known.size):
                for found in splitter.feed(bytes(data)):
                    if found.cursor is not None:
                        stored.add(found.cursor)
        except ValueError:
            # What is stored under this name is no journal: it is kept, and more is put behind it.
            self._note("no-journal", "what was stored as the journal is none; entries may be twice")
        is_stored = False
        for part in self._all_entries():
            if part.begins:
                is_stored = part.cursor is not None and part.cursor in stored
                self._ends_with_last = not is_stored
            if not is_stored:
                yield part

    def _all_entries(self) -> Iterator[ExportPart]:
        return journal_entries(self._source, self._observer)

    def _continue(self, known: Entry, added: Iterator[bytes]) -> TakenFile:
        first = next(added, None)
        if first is None:
            return TakenFile(known.content, 0, FileChange.UNCHANGED, known.mtime_ns)

        def all_added() -> Iterator[bytes]:
            yield first
            yield from added

        content = continue_content(
            self._taking.content_reader,
            self._taking.writer.add_piece,
            self._reader,
            self._taking.repository.chunker.parameters,
            known.content,
            all_added(),
        )
        return self._taken(content, FileChange.GROWN)

    def _counted(self, parts: Iterator[ExportPart]) -> Iterator[bytes]:
        """Yield the bytes of entries that are to be stored; remember the time of the last one."""
        for part in parts:
            self._bytes_read += len(part.data)
            self._taking.content_reader.monitor.advance(len(part.data))
            if part.begins:
                self._time_us = None if part.cursor is None else cursor_time_us(part.cursor)
            yield part.data

    def _taken(self, content: Content, change: FileChange) -> TakenFile:
        # By this time the next snapshot knows the last entry. Where the journal has entries behind
        # it that are stored already, it must not go on from there.
        knows_end = self._time_us is not None and self._ends_with_last
        mtime_ns = (self._time_us or 0) * _MICROSECOND_NS if knows_end else None
        return TakenFile(content, self._bytes_read, change, mtime_ns)

    def _note(self, kind: str, detail: str) -> None:
        self._observer.note(Event(kind, b"/" + self._taking.path, detail))
