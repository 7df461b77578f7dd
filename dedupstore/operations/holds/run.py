"""Finding files among what snapshots hold, by their bytes alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.monitor import Event
from dedupstore.engine.repository import Repository
from dedupstore.engine.snapshots import Snapshot, load_snapshots
from dedupstore.engine.tree_reader import manifest_piece_ids
from dedupstore.errors import DamageError, DedupstoreError, UnsupportedFormat, UsageError
from dedupstore.format.content import Content, decode_content
from dedupstore.format.entry import (
    Entry,
    EntryType,
    decode_entry,
    glance_at_entry,
    split_entries,
)
from dedupstore.format.pieces import piece_body
from dedupstore.ids import ChunkId, SnapshotId
from dedupstore.operations.holds.asked_file import AskedFile
from dedupstore.operations.holds.presence import Presence


@dataclass(frozen=True, slots=True)
class HeldFile:
    """What was found of a file.

    ``path`` is the file as it was named; ``snapshot`` the newest snapshot that holds its bytes, at
    ``stored_path``; ``None`` where there is none, and then ``reason`` says why. With ``as_text``
    the bytes are held as the text of a compressed file: ``restore --plain`` gives them back.
    """

    path: bytes
    snapshot: SnapshotId | None = None
    stored_path: bytes = b""
    as_text: bool = False
    reason: str = ""


def holds(
    repository: Repository,
    paths: Sequence[str | bytes | os.PathLike[str]],
    *,
    set_name: str | None = None,
    data: bool = False,
) -> list[HeldFile]:
    """Say of each file whether a snapshot holds exactly its bytes, at whatever path and time.

    A file is read and hashed along each chunk list of its length, up to the first difference. It is
    held if a snapshot lists its bytes, and every chunk of them is in a pack that exists; with
    ``data`` the stored bytes are also read back and compared. ``set_name`` narrows to the snapshots
    of one set. A file that cannot be read, or that changes meanwhile, is not held.

    Raises:
        UsageError: there are no paths.
        DamageError, UnsupportedFormat, NoSpace, LockTimeout, StorageError: the repository cannot
            be used. A damaged manifest is told as an event, and proves nothing.
    """
    if not paths:
        raise UsageError("no files to look for")
    search = _Search(repository, data=data)
    asked = [os.fsencode(path) for path in paths]
    for path in asked:
        search.want(path)
    # One reads manifests ahead, while the other looks at what stands in them.
    with (
        repository.session(),
        ChunkReader(repository) as reader,
        ChunkReader(repository) as content_reader,
    ):
        presence = Presence(repository, content_reader)
        for snapshot in reversed(load_snapshots(repository, set_name=set_name)):
            if search.is_done:
                break
            search.look_in(snapshot, reader, presence)
    return [search.found[path] for path in asked]


class _Search:
    """Looks for files in one snapshot after another; what several share is looked at once."""

    def __init__(self, repository: Repository, *, data: bool) -> None:
        self._repository = repository
        self._data = data
        self._seen: set[ChunkId] = set()
        self._wanted: dict[bytes, AskedFile] = {}
        self._by_size: dict[int, set[bytes]] = {}
        self._compared: set[tuple[bytes, Content]] = set()
        self.found: dict[bytes, HeldFile] = {}

    @property
    def is_done(self) -> bool:
        """True where there is nothing left to look for."""
        return not self._wanted

    def want(self, path: bytes) -> None:
        """Take note of a file that is to be looked for."""
        try:
            self._wanted[path] = asked = AskedFile(path)
        except (OSError, ValueError) as error:
            self._give_up(path, error)
            return
        self.found[path] = HeldFile(path, reason="no snapshot holds its bytes")
        self._by_size.setdefault(asked.size, set()).add(path)

    def look_in(self, snapshot: Snapshot, reader: ChunkReader, presence: Presence) -> None:
        """Look for what is wanted in a snapshot."""
        for entry in self._candidates(snapshot, reader):
            for size in {entry.size, entry.content.content_bytes}:
                for path in self._by_size.get(size, ()):
                    if path in self._wanted:
                        self._look_at(path, entry, snapshot, presence)

    def _look_at(self, path: bytes, entry: Entry, snapshot: Snapshot, presence: Presence) -> None:
        try:
            self._compare(path, entry, snapshot, presence)
        except OSError as error:
            self._give_up(path, error)

    def _compare(self, path: bytes, entry: Entry, snapshot: Snapshot, presence: Presence) -> None:
        asked = self._wanted[path]
        twin = entry.twin
        if twin is not None and entry.size == asked.size and twin.file_id == asked.file_id():
            as_text = False
        elif self._is_listed(path, entry.content, presence):
            as_text = twin is not None
        else:
            return
        is_proved = presence.is_stored(entry) and (
            not self._data or presence.gives_back(entry, asked.file_id(), plain=as_text)
        )
        if is_proved:
            self.found[path] = HeldFile(path, snapshot.id, entry.path, as_text)
            del self._wanted[path]
        else:
            name = snapshot.id.hex()[:12]
            reason = f"snapshot {name} lists its bytes, but they are not all stored"
            self.found[path] = HeldFile(path, reason=reason)

    def _is_listed(self, path: bytes, content: Content, presence: Presence) -> bool:
        """Tell whether a chunk list is one of a file's bytes; what differs is compared once."""
        if content.content_bytes != self._wanted[path].size or (path, content) in self._compared:
            return False
        is_listed = presence.lists(content, self._wanted[path])
        if not is_listed:
            self._compared.add((path, content))
        return is_listed

    def _give_up(self, path: bytes, error: OSError | ValueError) -> None:
        reason = error.strerror if isinstance(error, OSError) else None
        self.found[path] = HeldFile(path, reason=reason or str(error))
        self._wanted.pop(path, None)

    def _candidates(self, snapshot: Snapshot, reader: ChunkReader) -> Iterator[Entry]:
        """Yield the entries that may be of a wanted file, of pieces that were not seen before."""
        try:
            for piece in reader.stream_readable(self._unseen_pieces(snapshot, reader)):
                if isinstance(piece, DamageError):
                    self._tell_of_damage(snapshot, piece)
                    continue
                try:
                    yield from list(self._candidates_in(piece))
                except (DamageError, UnsupportedFormat) as error:
                    self._tell_of_damage(snapshot, error)
        except (DamageError, UnsupportedFormat) as error:
            self._tell_of_damage(snapshot, error)

    def _unseen_pieces(self, snapshot: Snapshot, reader: ChunkReader) -> Iterator[ChunkId]:
        record = snapshot.record
        for id_ in manifest_piece_ids(reader, record.manifest, record.manifest_level):
            if id_ not in self._seen:
                self._seen.add(id_)
                yield id_

    def _tell_of_damage(self, snapshot: Snapshot, error: DedupstoreError) -> None:
        detail = f"snapshot {snapshot.id.hex()[:12]} cannot be searched whole: {error.message}"
        self._repository.monitor.event(Event("damaged", b"", detail))

    def _candidates_in(self, piece: memoryview) -> Iterator[Entry]:
        for data in split_entries(piece_body(piece, 0)):
            glance = glance_at_entry(data)
            if glance.type != EntryType.FILE:
                continue
            text_bytes = decode_content(glance.content).content_bytes
            if glance.size in self._by_size or text_bytes in self._by_size:
                yield decode_entry(data)
