"""Making the entries of regular files, of which only what is new is read."""

from __future__ import annotations

import os
import stat
from concurrent.futures import wait

from dedupstore.clock import Clock
from dedupstore.engine.closing import Closing
from dedupstore.format.content import Content
from dedupstore.format.entry import EncodedEntry, Entry, EntryType, entry_contents
from dedupstore.format.stored_file import StoredFile
from dedupstore.format.twin import Twin
from dedupstore.operations.snapshot.continuation import Continuer
from dedupstore.operations.snapshot.databases import Databases
from dedupstore.operations.snapshot.entry_builder import EntryBuilder, recorded_facts
from dedupstore.operations.snapshot.file_content import ContentReader
from dedupstore.operations.snapshot.known_files import (
    KnownFiles,
    is_past,
    looks_unchanged,
    trusted_ctime_ns,
)
from dedupstore.operations.snapshot.known_index import KnownIndex
from dedupstore.operations.snapshot.known_lists import KnownLists
from dedupstore.operations.snapshot.lineage import lineage_after, source_of_text
from dedupstore.operations.snapshot.observer import ReportingObserver
from dedupstore.operations.snapshot.origin import Origin, OriginFinder
from dedupstore.operations.snapshot.report import FileChange, SnapshotReport
from dedupstore.operations.snapshot.source_file import SourceFile, open_source
from dedupstore.operations.snapshot.sqlite_state import DatabaseState
from dedupstore.operations.snapshot.stored_lists import StoredLists
from dedupstore.operations.snapshot.twin_content import store_twin
from dedupstore.operations.snapshot.twin_proofs import TwinProofs, may_have_twin
from dedupstore.operations.snapshot.walk import SourceItem


class FileTaker(Closing):
    """Takes over what the last snapshot has of each file, and reads the rest."""

    def __init__(
        self,
        *,
        content_reader: ContentReader,
        continuer: Continuer,
        stored: StoredLists,
        known: KnownFiles,
        known_index: KnownIndex,
        known_lists: KnownLists,
        builder: EntryBuilder,
        report: SnapshotReport,
        observer: ReportingObserver,
        clock: Clock,
        reread: bool,
        copies_databases: bool,
    ) -> None:
        self._content_reader = content_reader
        self._continuer = continuer
        self._stored = stored
        self._known = known
        self._known_index = known_index
        self._known_lists = known_lists
        self._origins = OriginFinder(known_index)
        self._builder = builder
        self._report = report
        self._observer = observer
        self._clock = clock
        self._reread = reread
        self._databases = Databases(observer, copies=copies_databases)
        self._proofs = TwinProofs()
        self._unfinished: set[SourceFile] = set()
        self._seen_ns = 0
        self._now_ns()

    def close(self) -> None:
        """Give up the files that are not finished."""
        self._proofs.close()
        self._content_reader.close()
        for file in self._unfinished:
            file.close()

    def begin(self, item: SourceItem) -> EncodedEntry | Entry | SourceFile | None:
        """Return the entry of a file, or the file itself where it is to be handed to ``finish``.

        ``None`` where something that is no file took its place, or where its content is in the copy
        of a database. Paths must come in path order.

        Raises:
            OSError: the file cannot be read.
            DamageError, NoSpace, StorageError: a chunk could not be stored.
        """
        if self._databases.leaves_out(item.absolute):
            return None
        known = self._known.take(item.path)
        carried = None if known is None else self._carry_over(known, item.status)
        if carried is not None:
            return carried
        at_path = None if known is None else self._known.entry(known)
        taken = self._take_over(item.path, item.status, at_path)
        if taken is not None:
            return taken
        descriptor = open_source(item.absolute, self._observer)
        if descriptor is None:
            return None
        begun: Entry | SourceFile | None = None
        try:
            seen_ns = self._now_ns()
            status = os.fstat(descriptor)
            file = SourceFile(item.absolute, item.path, descriptor, status, seen_ns, at_path)
            begun = self._begin_open(file)
        finally:
            if isinstance(begun, SourceFile):
                self._unfinished.add(begun)
            else:
                os.close(descriptor)
        return begun

    def finish(self, file: SourceFile) -> Entry:
        """Return the entry of a file that ``begin`` has left open, and close it.

        Raises:
            OSError: the file cannot be read.
            DamageError, NoSpace, StorageError: a chunk could not be stored.
        """
        if file.proof is not None:
            # An interruption here leaves the file open: a thread is still reading it.
            wait([file.proof])
        try:
            return self._read_as_twin(file) or self._read_whole(file)
        finally:
            self._unfinished.discard(file)
            file.close()

    def _carry_over(self, known: StoredFile, status: os.stat_result) -> EncodedEntry | None:
        """Return the entry of a file as it stands in the last manifest, if nothing changed."""
        # A time that was asked for earlier proves no less, and saves asking for each file.
        proves = status.st_ino and status.st_ctime_ns and is_past(status.st_ctime_ns, self._seen_ns)
        if self._reread or not proves:
            return None
        owners = self._builder.owners(status.st_uid, status.st_gid)
        entry = known.unchanged(recorded_facts(status), owners)
        if entry is None or not self._stored.have_chunks(known):
            return None
        is_twin = known.entry is not None and known.entry.twin is not None
        self._report.count(FileChange.UNCHANGED, status.st_size, is_twin=is_twin)
        return entry

    def _take_over(
        self, path: bytes, status: os.stat_result, at_path: Entry | None
    ) -> Entry | None:
        """Return the entry of a file that need not be opened."""
        if self._reread or self._known_index.is_empty:
            return None
        seen_ns = self._now_ns()
        change = FileChange.UNCHANGED
        known = at_path
        if known is not None and not known.inode:
            return None
        if known is None or not looks_unchanged(known, status):
            origin = self._origins.find(at_path, status)
            if origin is None or not origin.is_renamed(status):
                return None
            change, known = FileChange.RENAMED, origin.entry
        if not self._stored.have_all(entry_contents(known)):
            return None
        lineage = lineage_after(path, known)
        return self._entry(path, status, seen_ns, known.content, change, lineage, known.twin)

    def _begin_open(self, file: SourceFile) -> Entry | SourceFile | None:
        if not stat.S_ISREG(file.status.st_mode):
            self._observer.skipped(file.absolute, "file that became something else")
            return None
        first_bytes = file.read_first_bytes()
        database = self._databases.state(file, first_bytes)
        if database is not None:
            return self._take_database(file, database)
        # What lstat said may have been of another file.
        file.origin = origin = self._origins.find(file.at_path, file.status)
        if origin is not None and origin.is_truncated(file.status):
            self._observer.truncated(file.absolute, origin.entry.size, file.status.st_size)
        is_packed = may_have_twin(first_bytes, file.status.st_size)
        if origin is not None and origin.may_be_grown(file.status) and not self._reread:
            # Of half a file there is no twin; of one that is complete now there may be.
            continued = None if is_packed and file.rests() else self._continue(file, origin)
            if continued is not None:
                return continued
        if is_packed:
            file.proof = self._proofs.begin(file.descriptor, file.status.st_size)
            return file
        return self._read_whole(file)

    def _take_database(self, file: SourceFile, state: DatabaseState) -> Entry:
        """Store a consistent copy of a database, or where there can be none, the file itself."""
        known = file.at_path
        if (
            known is not None
            and self._databases.is_copy_of(known, state)
            and not self._reread
            and self._stored.have_all(entry_contents(known))
        ):
            self._databases.expect_siblings(file)
            return self._database_entry(file, state, known.content, FileChange.UNCHANGED)
        copy = self._databases.copy(file, state)
        if copy is None:
            # Its pages are written in place: that it only grew could not be proved by samples.
            file.origin = self._origins.find(file.at_path, file.status)
            return self._read_whole(file)
        try:
            read = self._content_reader.read_file(copy.descriptor, os.fstat(copy.descriptor))
        finally:
            os.close(copy.descriptor)
        self._report.bytes_read += read.bytes_read
        change = FileChange.NEW if known is None else FileChange.CHANGED
        if known is not None and known.content == read.content:
            change = FileChange.UNCHANGED
        return self._database_entry(file, copy.state, read.content, change)

    def _database_entry(
        self, file: SourceFile, state: DatabaseState, content: Content, change: FileChange
    ) -> Entry:
        lineage = lineage_after(file.path, file.at_path)
        entry = self._entry(file.path, file.status, file.seen_ns, content, change, lineage)
        return self._databases.marked(entry, state)

    def _continue(self, file: SourceFile, origin: Origin) -> Entry | None:
        attempt = self._continuer.attempt(file.descriptor, origin.entry.content)
        self._report.bytes_read += attempt.bytes_read
        if attempt.continuation is None:
            # Under another path it merely was not the file that had the inode before.
            if attempt.refusal is not None and origin.same_path:
                self._observer.not_continued(file.absolute, *attempt.refusal)
            return None
        read = self._content_reader.continue_file(
            file.descriptor, file.status, attempt.continuation
        )
        return self._read_entry(
            file, read.content, read.bytes_read, file.change(is_same=False, has_grown=True)
        )

    def _read_whole(self, file: SourceFile) -> Entry:
        followed = self._known_lists.to_follow(file, file.status.st_size)
        read = self._content_reader.read_file(file.descriptor, file.status, followed)
        known = file.origin.entry if file.origin is not None else None
        is_same = has_grown = False
        if known is not None and known.twin is None:
            is_same = known.content == read.content
            fits = not known.size or (
                followed is not None and followed.fits and followed.content == known.content
            )
            has_grown = fits and known.size < read.content.content_bytes
        change = file.change(is_same=is_same, has_grown=has_grown)
        return self._read_entry(file, read.content, read.bytes_read, change)

    def _read_entry(
        self, file: SourceFile, content: Content, bytes_read: int, change: FileChange
    ) -> Entry:
        """Return the entry of a file that was read, and is kept as it is."""
        self._report.bytes_read += bytes_read
        if content.content_bytes < file.status.st_size:
            self._observer.shrank(file.absolute, file.status.st_size, content.content_bytes)
        lineage = lineage_after(file.path, file.same_log(change))
        return self._entry(file.path, file.status, file.seen_ns, content, change, lineage)

    def _read_as_twin(self, file: SourceFile) -> Entry | None:
        """Store a file as its text; ``None`` where its own bytes are to be kept."""
        proof = file.proof.result() if file.proof is not None else None
        if proof is None:
            return None
        followed = self._known_lists.to_follow(file, proof.plain_bytes)
        stored = store_twin(self._content_reader, file, proof, followed)
        if stored is None:
            return None
        self._report.bytes_read += file.status.st_size
        known = file.origin.entry if file.origin is not None else None
        change = file.change(is_same=known is not None and known.twin == stored.twin)
        source = file.same_log(change) or self._same_text(file.path, stored.content)
        lineage = lineage_after(file.path, source)
        return self._entry(
            file.path, file.status, file.seen_ns, stored.content, change, lineage, stored.twin
        )

    def _same_text(self, path: bytes, content: Content) -> Entry | None:
        """Return the known file that a compressed one was made of."""
        return source_of_text(path, self._known_index.by_content(content))

    def _entry(
        self,
        path: bytes,
        status: os.stat_result,
        seen_ns: int,
        content: Content,
        change: FileChange,
        lineage: bytes,
        twin: Twin | None = None,
    ) -> Entry:
        size = content.content_bytes if twin is None else status.st_size
        self._report.count(change, size, is_twin=twin is not None)
        return self._builder.build(
            path,
            EntryType.FILE,
            status,
            ctime_ns=trusted_ctime_ns(status, seen_ns),
            size=size,
            content=content,
            twin=twin,
            lineage=lineage,
        )

    def _now_ns(self) -> int:
        self._seen_ns = int(self._clock.now().timestamp() * 1_000_000_000)
        return self._seen_ns
