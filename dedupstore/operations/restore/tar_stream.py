"""Writing a snapshot as a tar stream."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.file_reader import (
    FilePart,
    LossTally,
    pieces_of,
    refuse_damage,
)
from dedupstore.engine.monitor import Event
from dedupstore.engine.record_trim import TrimRule, first_parts
from dedupstore.engine.repository import Repository
from dedupstore.engine.selection import Selection
from dedupstore.engine.snapshots import Snapshot
from dedupstore.engine.tree_reader import LostEntries
from dedupstore.engine.twin_reader import entry_parts
from dedupstore.errors import UnsupportedFormat
from dedupstore.format.entry import Entry, EntryType
from dedupstore.limits import KIB, MIB
from dedupstore.operations.restore.options import RestoreReport
from dedupstore.operations.restore.partial import entries_lost, left_out
from dedupstore.operations.restore.plain_names import PlainNames
from dedupstore.operations.restore.trimming import Trimmer

_HELD_BYTES_MAX = 16 * MIB
_HELD_PARTS_MAX = 64 * KIB
_TAR_TYPES = {
    EntryType.FILE: tarfile.REGTYPE,
    EntryType.DIRECTORY: tarfile.DIRTYPE,
    EntryType.SYMLINK: tarfile.SYMTYPE,
}


def restore_tar(
    repository: Repository,
    snapshot: Snapshot,
    output: BinaryIO,
    paths: tuple[bytes, ...] = (),
    *,
    plain: bool = False,
    trim: TrimRule | None = None,
) -> RestoreReport:
    """Write a snapshot, or what ``paths`` choose of it, to ``output`` as a tar (POSIX pax).

    What was written of a tar cannot be taken back. So each file is read to its end before it is
    begun; one that is damaged or newer is left out and listed in the report's ``failed``, as are
    those of ``paths`` that the snapshot does not hold. Files that are too long to be held in memory
    are read twice. ``plain`` and ``trim`` are those of ``RestoreOptions``.

    Raises:
        PathUnknown: the snapshot holds nothing of what was chosen.
        DamageError, UnsupportedFormat: nothing of the manifest can be read, or it is newer.
        LockTimeout, StorageError: the repository cannot be read; the tar is cut off.
        OSError: ``output`` cannot be written.
    """
    report = RestoreReport(snapshot.id)
    selection = Selection(paths)
    trimmer = Trimmer(trim, report, repository.monitor)
    started_seconds = repository.clock.monotonic_seconds()

    def fail(event: Event) -> None:
        report.failed.append(event)
        repository.monitor.event(event)

    def lose_entries(lost: LostEntries) -> None:
        fail(entries_lost(lost))

    with repository.session(reads=[snapshot.id]), ChunkReader(repository, salvages=True) as reader:
        names = PlainNames(reader, snapshot) if plain else None
        repository.monitor.begin("writing a tar")
        try:
            with tarfile.open(
                fileobj=output, mode="w|", format=tarfile.PAX_FORMAT, errors="surrogateescape"
            ) as tar:
                for entry, chosen in selection.entries(reader, snapshot, lose_entries):
                    added, path = names.place(entry) if names else (entry, entry.path)
                    if chosen:
                        added = trimmer.trim(reader, added)
                        failed = _add(tar, reader, added, path, report)
                        if failed is not None:
                            fail(failed)
                        repository.monitor.advance(added.size, 1)
        finally:
            repository.monitor.end()
    if not report.damaged:
        selection.refuse_if_nothing_matched()
    for selector in selection.unmatched():
        fail(Event("not-found", selector, "it is not among the entries of the snapshot"))
    report.seconds = repository.clock.monotonic_seconds() - started_seconds
    return report


def _add(
    tar: tarfile.TarFile, reader: ChunkReader, entry: Entry, path: bytes, report: RestoreReport
) -> Event | None:
    """Add an entry at ``path``, or return why it is left out."""
    member = tarfile.TarInfo(os.fsdecode(path))
    member.type = _TAR_TYPES[entry.type]
    member.mode, member.uid, member.gid = entry.mode, entry.uid, entry.gid
    member.uname, member.gname = os.fsdecode(entry.user), os.fsdecode(entry.group)
    member.mtime = entry.mtime_ns // 1_000_000_000
    # A float, which is what tarfile would write here, is too coarse for nanoseconds.
    member.pax_headers = {"mtime": _decimal_seconds(entry.mtime_ns)}
    if entry.type is EntryType.FILE:
        member.size = entry.size
        return _add_file(tar, member, reader, entry, report)
    member.linkname = os.fsdecode(entry.link_target)
    tar.addfile(member)
    if entry.type is EntryType.DIRECTORY:
        report.directories += 1
    else:
        report.symlinks += 1
    return None


def _add_file(
    tar: tarfile.TarFile,
    member: tarfile.TarInfo,
    reader: ChunkReader,
    entry: Entry,
    report: RestoreReport,
) -> Event | None:
    tally = LossTally(_parts(reader, entry))
    try:
        held = _held_parts(tally)
    except UnsupportedFormat as error:
        return Event("unsupported", entry.path, error.message)
    if tally.missing:
        return left_out(entry, tally)
    parts = iter(held) if held is not None else refuse_damage(_parts(reader, entry))
    tar.addfile(member, _PartsStream(parts))
    report.files += 1
    report.restored_bytes += entry.size
    return None


def _parts(reader: ChunkReader, entry: Entry) -> Iterator[FilePart]:
    return first_parts(entry_parts(reader, entry), entry.size)


def _held_parts(parts: Iterable[FilePart]) -> list[FilePart] | None:
    """Read parts to their end; return copies of them, or ``None`` where that would be too much."""
    held: list[FilePart] | None = []
    held_bytes = 0
    for part in parts:
        if held is None or part.data is None:
            held_part = part
        else:
            # A copy: the parts are views of whole blocks, which are much larger.
            held_part = FilePart(part.part_bytes, memoryview(bytes(part.data)))
            held_bytes += part.part_bytes
        if held is not None:
            held.append(held_part)
            if held_bytes > _HELD_BYTES_MAX or len(held) > _HELD_PARTS_MAX:
                held = None
    return held


def _decimal_seconds(nanoseconds: int) -> str:
    seconds, fraction = divmod(abs(nanoseconds), 1_000_000_000)
    return f"{'-' if nanoseconds < 0 else ''}{seconds}.{fraction:09d}"


class _PartsStream(io.BufferedIOBase):
    """A file's parts as something that can be read from."""

    def __init__(self, parts: Iterator[FilePart]) -> None:
        self._pieces = pieces_of(parts)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Always true."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next ``size`` bytes, fewer only at the end; all that is left if negative."""
        collected: list[memoryview] = []
        missing = size if size is not None and size >= 0 else None
        while missing is None or missing:
            if not self._rest:
                self._rest = next(self._pieces, memoryview(b""))
                if not self._rest:
                    break
            taken = self._rest[:missing]
            self._rest = self._rest[len(taken) :]
            collected.append(taken)
            if missing is not None:
                missing -= len(taken)
        return b"".join(collected)
