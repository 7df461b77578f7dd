"""Cutting a log of a snapshot at a moment, after the last record that had been written by then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, NamedTuple

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.file_reader import FilePart, refuse_damage
from dedupstore.engine.log_text import Piece, is_packed, own_pieces, text_pieces
from dedupstore.engine.monitor import Event
from dedupstore.engine.twin_reader import entry_parts
from dedupstore.errors import DamageError, UnsupportedFormat
from dedupstore.format.entry import Entry

if TYPE_CHECKING:
    from dedupstore.logs.record_time import Cut

_UNRECOGNISED = "no known format of times is recognised throughout it"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class TrimRule(NamedTuple):
    """Keep of a log what had been written until a moment.

    ``zone`` is that of times in logs which name none; ``until`` is a time with a zone, and means
    the whole of its microsecond.
    """

    until: datetime
    zone: tzinfo = UTC

    def find_cut(self, pieces: Iterable[Piece], entry: Entry) -> Cut | None:
        """Return where the text of ``entry`` is cut; ``None`` where its times are not recognised.

        Times without a year are taken to lie before the file's modification time.
        """
        from dedupstore.logs.record_time import TimeContext, find_cut

        until_ns = (self.until - _EPOCH) // _MICROSECOND * 1000 + 999
        written_ns = entry.mtime_ns if entry.mtime_ns > 0 else None
        return find_cut(pieces, until_ns, TimeContext(self.zone, written_ns))


class Trimmed(NamedTuple):
    """A file as it is after trimming: its entry, and what there is to say if it was left whole."""

    entry: Entry
    event: Event | None


class TrimmedText(NamedTuple):
    """How many bytes of a text are kept; ``None``, and mostly a reason, if it is left whole."""

    kept_bytes: int | None
    event: Event | None


def trim_entry(reader: ChunkReader, entry: Entry, rule: TrimRule) -> Trimmed:
    """Cut a file; the entry that comes back has the size of what is left, which is its beginning.

    A compressed file is left whole, as is one whose times are in no known format, and one that
    cannot be read to its end.

    Raises:
        StorageError: the store could not deliver.
    """
    if not entry.size:
        return Trimmed(entry, None)
    if entry.twin is not None:
        return _left_whole(
            entry, "it is compressed; as its text, which --plain gives, it can be cut"
        )
    try:
        cut = rule.find_cut(own_pieces(refuse_damage(entry_parts(reader, entry))), entry)
        if cut is not None:
            return Trimmed(replace(entry, size=cut.kept_bytes), None)
        if is_packed(reader, entry):
            return _left_whole(entry, "it is compressed")
    except (DamageError, UnsupportedFormat) as error:
        return _left_whole(entry, f"it cannot be read to its end: {error.message}")
    return _left_whole(entry, _UNRECOGNISED)


def trim_text(reader: ChunkReader, entry: Entry, rule: TrimRule) -> TrimmedText:
    """Cut the text of a file, which may be compressed.

    Raises:
        StorageError: the store could not deliver.
    """
    if not entry.size:
        return TrimmedText(None, None)
    try:
        cut = rule.find_cut(text_pieces(reader, entry), entry)
    except (EOFError, ValueError, DamageError, UnsupportedFormat):
        event = Event("not-trimmed", entry.path, "it cannot be read to its end")
        return TrimmedText(None, event)
    if cut is None:
        return TrimmedText(None, Event("not-trimmed", entry.path, _UNRECOGNISED))
    return TrimmedText(cut.kept_bytes, None)


def first_parts(parts: Iterable[FilePart], kept_bytes: int) -> Iterator[FilePart]:
    """Yield the parts of a file up to ``kept_bytes``, the last of them cut to that."""
    for part in parts:
        if part.part_bytes >= kept_bytes:
            if kept_bytes:
                data = None if part.data is None else part.data[:kept_bytes]
                yield FilePart(kept_bytes, data, part.damage)
            return
        kept_bytes -= part.part_bytes
        yield part


def _left_whole(entry: Entry, reason: str) -> Trimmed:
    return Trimmed(entry, Event("not-trimmed", entry.path, reason))
