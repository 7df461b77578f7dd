"""The files of a manifest, with their entries as they are stored: most need not be decoded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dedupstore.format.content import glance_at_chunks
from dedupstore.format.entry import (
    ENTRY_FIXED,
    FIELD_TWIN,
    EncodedEntry,
    Entry,
    EntryType,
    decode_entry,
    encode_fields,
    encode_owners,
    entry_contents,
    lineage_behind,
    split_entries,
)
from dedupstore.ids import ChunkId

_FILE = int(EntryType.FILE)
_OTHERS = (int(EntryType.DIRECTORY), int(EntryType.SYMLINK))
_TWIN_TAG = FIELD_TWIN.to_bytes(2, "little")


class StoredFile(NamedTuple):
    """A file in a manifest.

    ``data`` is all of its entry; ``facts`` are mode, user, group, times of modification and change,
    size, device and inode; ``fields`` are the entry's, encoded. ``chunk_ids`` names the chunks and
    holes that stand in its lists. ``entry`` is ``None`` where it was not decoded: the chunk list is
    then sound, and ``chunk_ids`` are all that the file needs.
    """

    path: bytes
    data: bytes
    facts: tuple[int, ...]
    fields: bytes
    chunk_ids: tuple[ChunkId, ...]
    entry: Entry | None

    @property
    def mtime_ns(self) -> int:
        """Time of modification, in nanoseconds since 1970."""
        return self.facts[3]

    @property
    def size(self) -> int:
        """Length of the file in bytes."""
        return self.facts[5]

    @property
    def identity(self) -> tuple[int, ...]:
        """Device and inode."""
        return self.facts[6:]

    def decoded(self) -> Entry:
        """Return the entry.

        Raises:
            FormatError, UnsupportedFormat: see ``decode_entry``.
        """
        return decode_entry(self.data) if self.entry is None else self.entry

    def unchanged(self, facts: tuple[int, ...], owners: bytes) -> EncodedEntry | None:
        """Return the entry as it is stored, if one with these ``facts`` would be the same.

        ``owners`` names the file's owners, see ``encode_owners``. ``None`` where anything differs,
        or the entry is not as it would be written.
        """
        if self.facts != facts:
            return None
        if self.entry is None and self.fields == owners:
            return EncodedEntry(self.path, self.data, False)
        lineage = self._lineage(owners)
        return None if lineage is None else EncodedEntry(self.path, self.data, lineage != b"")

    def _lineage(self, owners: bytes) -> bytes | None:
        """Return the lineage; ``None`` where the fields are not those that would be written."""
        entry = self.entry
        if entry is None:
            lineage = lineage_behind(owners, self.fields)
            return None if lineage == self.path else lineage
        is_as_written = encode_fields(entry) == self.fields
        has_these_owners = encode_owners(entry.user, entry.group) == owners
        return entry.lineage if is_as_written and has_these_owners else None


def stored_files(body: bytes | memoryview) -> Iterator[StoredFile]:
    """Yield the files among the entries in the body of a level-0 piece.

    Raises:
        FormatError, UnsupportedFormat: the body, or the entry of a file, cannot be read.
    """
    for data in split_entries(body):
        fixed = ENTRY_FIXED.unpack_from(data)
        kind, flags = fixed[1], fixed[2]
        if kind in _OTHERS and not flags:
            continue
        content_begin = ENTRY_FIXED.size + fixed[3]
        fields_begin = content_begin + fixed[12]
        fields = data[fields_begin:]
        entry = chunk_ids = None
        if kind == _FILE and not flags and _TWIN_TAG not in fields:
            chunk_ids = glance_at_chunks(data[content_begin:fields_begin], fixed[9])
        if chunk_ids is None:
            entry = decode_entry(data)
            chunk_ids = _chunks_in(entry)
        path = data[ENTRY_FIXED.size : content_begin]
        yield StoredFile(path, data, fixed[4:12], fields, chunk_ids, entry)


def _chunks_in(entry: Entry) -> tuple[ChunkId, ...]:
    lists = (content for content in entry_contents(entry) if not content.level)
    return tuple(extent.id for content in lists for extent in content.extents)
