"""Making the entry of each path that the walk finds."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from itertools import islice

from dedupstore.clock import Clock
from dedupstore.engine.healing_index import HealingIndex
from dedupstore.engine.tree_reader import PieceReader, content_extents
from dedupstore.errors import DamageError, UnsupportedFormat
from dedupstore.format.entry import EMPTY_CONTENT, Content, Entry, EntryType
from dedupstore.format.pieces import HOLE_ID
from dedupstore.limits import PATH_BYTES_MAX
from dedupstore.operations.snapshot.account_names import AccountNames
from dedupstore.operations.snapshot.file_content import ContentReader
from dedupstore.operations.snapshot.growth import GrowthProof
from dedupstore.operations.snapshot.known_files import (
    KnownFiles,
    looks_unchanged,
    trusted_ctime_ns,
)
from dedupstore.operations.snapshot.observer import ReportingObserver
from dedupstore.operations.snapshot.rename_count import RenameCount
from dedupstore.operations.snapshot.report import FileChange, SnapshotReport
from dedupstore.operations.snapshot.sources import manifest_path
from dedupstore.operations.snapshot.walk import SourceItem

_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_LOOKUP_CHUNKS = 4096

_OTHER_KINDS = {
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "FIFO",
    stat.S_IFBLK: "block device",
    stat.S_IFCHR: "character device",
}


class EntryMaker:
    """Turns what the walk finds into entries, reading the files that are not known unchanged."""

    def __init__(
        self,
        *,
        content_reader: ContentReader,
        piece_reader: PieceReader,
        known: KnownFiles,
        renames: RenameCount,
        report: SnapshotReport,
        observer: ReportingObserver,
        index: HealingIndex,
        clock: Clock,
        reread: bool,
    ) -> None:
        self._content_reader = content_reader
        self._piece_reader = piece_reader
        self._known = known
        self._renames = renames
        self._report = report
        self._observer = observer
        self._index = index
        self._clock = clock
        self._reread = reread
        self._names = AccountNames()

    def make(self, item: SourceItem) -> Entry | None:
        """Return the entry of a path; ``None`` where there is nothing to store.

        Raises:
            DamageError, NoSpace, StorageError: a chunk could not be stored.
        """
        path = manifest_path(item.absolute)
        if len(path) > PATH_BYTES_MAX:
            self._observer.unreadable(item.absolute, OSError(0, "its path is too long"))
            return None
        try:
            return self._make(item, path)
        except FileNotFoundError:
            self._observer.vanished(item.absolute)
        except OSError as error:
            self._observer.unreadable(item.absolute, error)
        return None

    def _make(self, item: SourceItem, path: bytes) -> Entry | None:
        kind = stat.S_IFMT(item.status.st_mode)
        if kind == stat.S_IFREG:
            return self._make_file(item, path)
        if kind == stat.S_IFDIR:
            self._report.directories += 1
            return self._entry(path, EntryType.DIRECTORY, item.status)
        if kind == stat.S_IFLNK:
            target = os.readlink(item.absolute)
            self._report.symlinks += 1
            return self._entry(path, EntryType.SYMLINK, item.status, link_target=target)
        self._observer.skipped(item.absolute, _OTHER_KINDS.get(kind, "special file"))
        return None

    def _make_file(self, item: SourceItem, path: bytes) -> Entry | None:
        known = self._known.take(path)
        if known is not None and self._may_reuse(known, item.status):
            return self._file(
                path, item.status, known.content, FileChange.UNCHANGED, self._now_ns()
            )
        descriptor = self._open(item)
        if descriptor is None:
            return None
        try:
            # The time is taken before the status: a change time must have been past by then to
            # prove that nothing changed since, however long the reading takes.
            opened_ns = self._now_ns()
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                self._observer.skipped(item.absolute, "file that became something else")
                return None
            return self._read(item.absolute, path, descriptor, status, opened_ns, known)
        finally:
            os.close(descriptor)

    def _open(self, item: SourceItem) -> int | None:
        """Open a file; ``None`` where something that cannot be opened took its place."""
        try:
            return os.open(item.absolute, _OPEN_FILE)
        except OSError:
            kind = stat.S_IFMT(os.lstat(item.absolute).st_mode)
            if kind == stat.S_IFREG:
                raise
            self._observer.skipped(item.absolute, _OTHER_KINDS.get(kind, "symbolic link now"))
            return None

    def _read(
        self,
        absolute: bytes,
        path: bytes,
        descriptor: int,
        status: os.stat_result,
        opened_ns: int,
        known: Entry | None,
    ) -> Entry:
        growth = None
        if known is not None:
            growth = GrowthProof(content_extents(self._piece_reader, known.content), known.size)
        read = self._content_reader.read_file(descriptor, status, growth)
        self._report.bytes_read += read.bytes_read
        if read.content.content_bytes < status.st_size:
            self._observer.shrank(absolute, status.st_size, read.content.content_bytes)
        change = self._change(descriptor, known, read.content, growth)
        if known is None or known.inode != status.st_ino:
            self._renames.arrived(status, change)
            if known is not None:
                self._renames.displaced(known)
        return self._file(path, status, read.content, change, opened_ns)

    def _change(
        self, descriptor: int, known: Entry | None, content: Content, growth: GrowthProof | None
    ) -> FileChange:
        if known is None or growth is None:
            return FileChange.NEW
        if known.content == content:
            return FileChange.UNCHANGED
        if growth.holds(descriptor, content.content_bytes):
            return FileChange.GROWN
        return FileChange.CHANGED

    def _file(
        self,
        path: bytes,
        status: os.stat_result,
        content: Content,
        change: FileChange,
        seen_ns: int,
    ) -> Entry:
        size = content.content_bytes
        self._report.files += 1
        self._report.content_bytes += size
        self._report.changes[change] += 1
        ctime_ns = trusted_ctime_ns(status, seen_ns)
        return self._entry(
            path, EntryType.FILE, status, ctime_ns=ctime_ns, size=size, content=content
        )

    def _now_ns(self) -> int:
        return int(self._clock.now().timestamp() * 1_000_000_000)

    def _entry(
        self,
        path: bytes,
        entry_type: EntryType,
        status: os.stat_result,
        *,
        ctime_ns: int | None = None,
        size: int = 0,
        content: Content = EMPTY_CONTENT,
        link_target: bytes = b"",
    ) -> Entry:
        return Entry(
            path=path,
            type=entry_type,
            mode=stat.S_IMODE(status.st_mode),
            uid=status.st_uid,
            gid=status.st_gid,
            mtime_ns=status.st_mtime_ns,
            ctime_ns=status.st_ctime_ns if ctime_ns is None else ctime_ns,
            size=size,
            device=status.st_dev,
            inode=status.st_ino,
            content=content,
            link_target=link_target,
            user=self._names.user(status.st_uid),
            group=self._names.group(status.st_gid),
        )

    def _may_reuse(self, known: Entry, status: os.stat_result) -> bool:
        if self._reread or not looks_unchanged(known, status):
            return False
        return self._chunks_are_there(known.content)

    def _chunks_are_there(self, content: Content) -> bool:
        """Tell whether all chunks of a known file can be relied on.

        A list or chunk that was lost is stored again when its file is read once more.
        """
        try:
            extents: Iterator[bytes] = (
                extent.id
                for extent in content_extents(self._piece_reader, content)
                if extent.id != HOLE_ID
            )
            while batch := set(islice(extents, _LOOKUP_CHUNKS)):
                if self._index.known(list(batch)) != batch:
                    return False
        except (DamageError, UnsupportedFormat):
            return False
        return True
