"""Telling whether what a snapshot holds is really stored."""

from __future__ import annotations

from dedupstore.engine.chunk_reader import ChunkReader
from dedupstore.engine.file_reader import pieces_of, refuse_damage
from dedupstore.engine.keys import pack_key
from dedupstore.engine.repository import Repository
from dedupstore.engine.tree_reader import content_extents, extent_batches
from dedupstore.engine.twin_reader import entry_parts
from dedupstore.errors import DamageError, UnsupportedFormat
from dedupstore.format.content import Content
from dedupstore.format.entry import Entry, entry_contents
from dedupstore.format.hashing import digest_parts
from dedupstore.format.pack import PackKind
from dedupstore.format.pieces import HOLE_ID
from dedupstore.ids import PackId
from dedupstore.index.location import IndexedPack
from dedupstore.operations.holds.asked_file import AskedFile


class Presence:
    """Looks for the chunks of files in the packs that exist; each pack is looked at once."""

    def __init__(self, repository: Repository, reader: ChunkReader) -> None:
        self._repository = repository
        self._reader = reader
        self._indexed_packs: dict[PackId, IndexedPack] = {}
        self._sound_packs: dict[PackId, bool] = {}

    def is_stored(self, entry: Entry) -> bool:
        """Tell whether every chunk of a file has its place in a pack that is there, and as long.

        Raises:
            NoSpace, StorageError: the index or the store cannot be used.
        """
        try:
            return all(self._is_listed(content) for content in entry_contents(entry))
        except (DamageError, UnsupportedFormat):
            return False

    def lists(self, content: Content, asked: AskedFile) -> bool:
        """Tell whether a chunk list, as far as it can be read, is one of a file's bytes.

        Raises:
            OSError: the file cannot be read, or changed.
            StorageError: the store cannot be used.
        """
        try:
            return asked.has(content_extents(self._reader, content))
        except (DamageError, UnsupportedFormat):
            return False

    def gives_back(self, entry: Entry, file_id: bytes, *, plain: bool) -> bool:
        """Read a file as ``restore`` does, and tell whether its bytes have this BLAKE3.

        Raises:
            NoSpace, StorageError: the index or the store cannot be used.
        """
        parts = entry_parts(self._reader, entry, plain=plain)
        try:
            return digest_parts(pieces_of(refuse_damage(parts))) == file_id
        except (DamageError, UnsupportedFormat):
            return False

    def _is_listed(self, content: Content) -> bool:
        for batch in extent_batches(self._reader, content):
            ids = list({extent.id for extent in batch} - {HOLE_ID})
            # What is in a dead pack is found, but not known: it is about to be removed.
            if len(self._repository.index.known(ids)) != len(ids):
                return False
            places = self._repository.index.find(ids).values()
            if not all(self._is_sound(pack) for pack in {place.pack for place in places}):
                return False
        return True

    def _is_sound(self, pack: PackId) -> bool:
        if pack not in self._sound_packs:
            self._sound_packs[pack] = self._has_its_length(pack)
        return self._sound_packs[pack]

    def _has_its_length(self, pack: PackId) -> bool:
        if pack not in self._indexed_packs:
            self._indexed_packs = {known.id: known for known in self._repository.index.packs()}
        known = self._indexed_packs.get(pack)
        if known is None:
            return False
        key = pack_key(PackKind(known.kind), pack)
        try:
            return self._repository.store.object_bytes(key) == known.pack_bytes
        except DamageError:
            return False
