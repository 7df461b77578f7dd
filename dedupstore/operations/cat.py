"""Writing one file of a snapshot to a stream."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.file_reader import LossTally, describe_missing, pieces_of
from dedupstore.engine.log_text import (
    Piece,
    bytes_of,
    first_pieces,
    is_packed,
    text_pieces,
)
from dedupstore.engine.monitor import Event
from dedupstore.engine.record_trim import TrimRule, first_parts, trim_entry, trim_text
from dedupstore.engine.repository import Repository
from dedupstore.engine.selection import find_file
from dedupstore.engine.snapshots import Snapshot
from dedupstore.engine.twin_reader import as_plain, entry_parts
from dedupstore.errors import ChunkUnreadable, DamageError, TextIncomplete
from dedupstore.format.entry import Entry


def cat(
    repository: Repository,
    snapshot: Snapshot,
    path: str | bytes,
    output: BinaryIO,
    *,
    plain: bool = False,
    trim: TrimRule | None = None,
) -> int:
    """Write the bytes of the file at ``path`` to ``output`` and return how many there were.

    With ``plain``, the text of a compressed file is written instead. With ``trim``, a text log is
    cut; an event of kind ``not-trimmed`` tells why one is written whole. Of a damaged file, what
    comes before the first missing byte is written.

    Raises:
        PathUnknown: the snapshot holds no file at that path.
        ChunkUnreadable: bytes of the file are missing; the message names all of them.
        TextIncomplete: the file does not unpack to its end; what it unpacks to has been written.
        DamageError, UnsupportedFormat, LockTimeout, StorageError: it cannot be read.
        OSError: ``output`` cannot be written.
    """
    written_bytes = 0
    with repository.session(reads=[snapshot.id]), ChunkReader(repository, salvages=True) as reader:
        found = find_file(reader, snapshot, os.fsencode(path))
        if plain and _is_packed(reader, found):
            kept_bytes = None
            if trim is not None:
                kept_bytes, event = trim_text(reader, found, trim)
                _tell(repository, event)
            for data in bytes_of(first_pieces(_unpacked(reader, found), kept_bytes)):
                output.write(data)
                written_bytes += len(data)
            return written_bytes
        entry = as_plain(found) if plain else found
        if trim is not None:
            entry, event = trim_entry(reader, entry, trim)
            _tell(repository, event)
        tally = LossTally(first_parts(entry_parts(reader, entry), entry.size))
        for part in tally:
            # What comes behind is read only to name all that is missing.
            if tally.missing:
                continue
            for piece in pieces_of((part,)):
                output.write(piece)
            written_bytes += part.part_bytes
    if tally.damage is not None:
        raise ChunkUnreadable(
            f"{describe_missing(tally.missing, entry.size)}: {tally.damage.message}",
            hint=_hint(repository, found, tally, plain=plain),
        ) from tally.damage
    return written_bytes


def _tell(repository: Repository, event: Event | None) -> None:
    if event is not None:
        repository.monitor.event(event)


def _is_packed(reader: ChunkReader, entry: Entry) -> bool:
    # Where that cannot be read, cat goes on to say what else is missing.
    with suppress(DamageError):
        return is_packed(reader, entry)
    return False


def _unpacked(reader: ChunkReader, entry: Entry) -> Iterator[Piece]:
    try:
        yield from text_pieces(reader, entry)
    except (EOFError, ValueError) as error:
        raise TextIncomplete(
            f"/{os.fsdecode(entry.path)} does not unpack to its end: {error}",
            hint="without --plain it is written as it was archived",
        ) from error


def _hint(repository: Repository, entry: Entry, tally: LossTally, *, plain: bool) -> str | None:
    if entry.twin is not None and not plain:
        return "it is rebuilt from its text, of which --plain gives what is left"
    if tally.data_bytes:
        option = " with --plain" if entry.twin is not None else ""
        return f"restore it{option}: what is left goes to a file beside its name"
    if repository.store.is_writable():
        return "see what can be mended with: dedupstore repair --dry-run"
    return None
