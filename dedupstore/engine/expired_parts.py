"""The parts of a log that its host has removed, and that only earlier snapshots hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.lineage import TELLING_BYTES_MIN, Lineage, LineageFinder, manifest_damaged
from dedupstore.engine.log_text import has_text
from dedupstore.engine.monitor import Event
from dedupstore.engine.repeated_parts import begins_with_text, repeated_parts
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import Snapshot, load_snapshots
from dedupstore.errors import DamageError, PathUnknown
from dedupstore.format.entry import Content, Entry

_SECOND_NS = 1_000_000_000


class FoundPart(NamedTuple):
    """A file of a log, and the newest snapshot that holds it, or what it has grown to."""

    entry: Entry
    snapshot: Snapshot


def with_expired_parts(
    repository: Repository,
    reader: ChunkReader,
    snapshot: Snapshot,
    lineage: Lineage,
    on_damage: Callable[[Event], None],
) -> list[FoundPart]:
    """Return the files of a log, oldest first, with those that only earlier snapshots hold.

    Earlier are the snapshots of the same set that are older than ``snapshot``. What they hold of
    the log is the same part where its text is the same, or is how the text of a later one begins:
    so neither growth nor compression nor another name make a part anew. Of a damaged manifest, what
    is left is looked at, and ``on_damage`` is told.

    Raises:
        UnsupportedFormat, StorageError: a manifest cannot be read.
    """
    parts = _Parts(reader, [FoundPart(entry, snapshot) for entry in lineage.files])
    finder = LineageFinder(reader)
    for earlier in _earlier(repository, snapshot):
        try:
            found = finder.find(earlier, lineage.log)
        except PathUnknown:
            continue
        except DamageError as damage:
            on_damage(manifest_damaged(earlier, damage))
            continue
        if found.damage is not None:
            on_damage(manifest_damaged(earlier, found.damage))
        if found.log == lineage.log:
            parts.add(earlier, found)
    return parts.found


def _earlier(repository: Repository, snapshot: Snapshot) -> Iterator[Snapshot]:
    """Yield the older snapshots of the same set, newest first."""
    record = snapshot.record
    for other in reversed(load_snapshots(repository, set_name=record.set_name)):
        if (other.record.time, other.id) < (record.time, snapshot.id):
            yield other


class _Parts:
    """The parts that are known so far, oldest first, while earlier and earlier snapshots come."""

    def __init__(self, reader: ChunkReader, found: list[FoundPart]) -> None:
        self.found = found
        self._reader = reader
        self._empty = {id(part) for part in found if not has_text(reader, part.entry)}
        self._by_content: dict[Content, list[FoundPart]] = {}
        for part in found:
            self._by_content.setdefault(part.entry.content, []).append(part)

    def add(self, snapshot: Snapshot, lineage: Lineage) -> None:
        files = [file for file in lineage.files if has_text(self._reader, file)]
        same = self._same(files)
        if len(same) == len(files):
            return
        repeated = repeated_parts(self._reader, lineage)
        position = 0
        for number, file in enumerate(files):
            known = same.get(file.path)
            if known is None and file.path in repeated:
                continue
            following = (same[later.path] for later in files[number + 1 :] if later.path in same)
            end = self._place(next(following, None))
            known = known or self._grown(file, self.found[position:end], lineage.log)
            if known is None:
                known = FoundPart(file, snapshot)
                self.found.insert(position, known)
                self._by_content.setdefault(file.content, []).append(known)
            position = 1 + self._place(known)

    def _place(self, wanted: FoundPart | None) -> int:
        """Return where a part is; behind the last one for ``None``."""
        places = (place for place, part in enumerate(self.found) if part is wanted)
        return next(places, len(self.found))

    def _same(self, files: list[Entry]) -> dict[bytes, FoundPart]:
        """Return the known parts with the texts and times of files of one snapshot, by their paths.

        No two files are the same part.
        """
        same: dict[bytes, FoundPart] = {}
        taken: set[int] = set()
        for file in files:
            for part in self._by_content.get(file.content, ()):
                if id(part) not in taken and _same_time(part.entry, file):
                    same[file.path] = part
                    taken.add(id(part))
                    break
        return same

    def _grown(self, file: Entry, parts: list[FoundPart], log: bytes) -> FoundPart | None:
        """Return which of ``parts`` begins with the text of a file, and may be the same part.

        They are those between the parts that the files beside it are: so a day on which the same
        was logged as on another is not taken for that. The file was the log, and the first of them
        is what it has grown to, or was copied to and truncated; or only the name, the time or the
        compression is another. Texts that are short must have more in common.
        """
        is_long = file.content.content_bytes >= TELLING_BYTES_MIN
        is_next = True
        for part in parts:
            if id(part) in self._empty:
                continue
            known = part.entry
            may_be = (
                (is_next and file.path == log)
                or (is_long and known.content == file.content)
                or _same_time(known, file)
                or (_same_inode(known, file) and (is_long or known.path == file.path == log))
            )
            if may_be and begins_with_text(self._reader, known, file):
                return part
            is_next = False
        return None


def _same_inode(known: Entry, file: Entry) -> bool:
    return bool(file.inode) and (known.device, known.inode) == (file.device, file.inode)


def _same_time(known: Entry, file: Entry) -> bool:
    # What compresses files does not always keep what is less than a second.
    return known.mtime_ns // _SECOND_NS == file.mtime_ns // _SECOND_NS
