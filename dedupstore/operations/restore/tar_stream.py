"""Writing a snapshot as a tar stream."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from typing import BinaryIO

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.file_reader import FilePart, read_file_parts, zeros
from dedupstore.engine.monitor import Event
from dedupstore.engine.repository import Repository
from dedupstore.engine.selection import Selection
from dedupstore.engine.snapshots import Snapshot
from dedupstore.format.entry import Entry, EntryType
from dedupstore.operations.restore.options import RestoreReport

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
) -> RestoreReport:
    """Write a snapshot, or what ``paths`` choose of it, to ``output`` as a tar (POSIX pax).

    A tar cannot leave out what turns out damaged half-way, so damage ends it. Of ``paths``, those
    that the snapshot does not hold are listed in the report's ``failed``.

    Raises:
        PathUnknown: the snapshot holds nothing of what was chosen.
        DamageError, UnsupportedFormat, LockTimeout, StorageError: something cannot be read; the
            tar is cut off.
        OSError: ``output`` cannot be written.
    """
    report = RestoreReport(snapshot.id)
    selection = Selection(paths)
    started_seconds = repository.clock.monotonic_seconds()
    with repository.shared_lock(), ChunkReader(repository) as reader:
        repository.monitor.begin("writing a tar")
        try:
            with tarfile.open(
                fileobj=output, mode="w|", format=tarfile.PAX_FORMAT, errors="surrogateescape"
            ) as tar:
                for entry, chosen in selection.entries(reader, snapshot):
                    if chosen:
                        _add(tar, reader, entry, report)
                        repository.monitor.advance(entry.size, 1)
        finally:
            repository.monitor.end()
    selection.refuse_if_nothing_matched()
    for selector in selection.unmatched():
        event = Event("not-found", selector, "the snapshot does not hold it")
        report.failed.append(event)
        repository.monitor.event(event)
    report.seconds = repository.clock.monotonic_seconds() - started_seconds
    return report


def _add(tar: tarfile.TarFile, reader: ChunkReader, entry: Entry, report: RestoreReport) -> None:
    member = tarfile.TarInfo(os.fsdecode(entry.path))
    member.type = _TAR_TYPES[entry.type]
    member.mode, member.uid, member.gid = entry.mode, entry.uid, entry.gid
    member.uname, member.gname = os.fsdecode(entry.user), os.fsdecode(entry.group)
    member.mtime = entry.mtime_ns // 1_000_000_000
    # A float, which is what tarfile would write here, is too coarse for nanoseconds.
    member.pax_headers = {"mtime": _decimal_seconds(entry.mtime_ns)}
    if entry.type is EntryType.FILE:
        member.size = entry.size
        tar.addfile(member, _PartsStream(read_file_parts(reader, entry.content)))
        report.files += 1
        report.restored_bytes += entry.size
        return
    member.linkname = os.fsdecode(entry.link_target)
    tar.addfile(member)
    if entry.type is EntryType.DIRECTORY:
        report.directories += 1
    else:
        report.symlinks += 1


def _decimal_seconds(nanoseconds: int) -> str:
    seconds, fraction = divmod(abs(nanoseconds), 1_000_000_000)
    return f"{'-' if nanoseconds < 0 else ''}{seconds}.{fraction:09d}"


class _PartsStream(io.BufferedIOBase):
    """A file's parts as something that can be read from."""

    def __init__(self, parts: Iterator[FilePart]) -> None:
        self._pieces = _pieces_of(parts)
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


def _pieces_of(parts: Iterator[FilePart]) -> Iterator[memoryview]:
    for part_bytes, data in parts:
        if data is None:
            yield from zeros(part_bytes)
        else:
            yield data
