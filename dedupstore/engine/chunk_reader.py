"""Reading chunks by id: looked up, fetched, decoded, verified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice

from dedupstore.engine.block_cache import BLOCKS_AHEAD, BlockCache, BlockPlace
from dedupstore.engine.chunk_copies import places_of
from dedupstore.engine.closing import Closing
from dedupstore.engine.confirmed_loss import is_index_complete
from dedupstore.engine.keys import pack_key
from dedupstore.engine.monitor import Event
from dedupstore.engine.pack_reader import read_table, stored_pack
from dedupstore.engine.repository import Repository
from dedupstore.errors import ChunkUnreadable, DamageError, UnsupportedFormat
from dedupstore.format.pack import PackKind
from dedupstore.ids import ChunkId, PackId
from dedupstore.index.location import ChunkLocation

_WINDOW_CHUNKS = 2048


class ChunkReader(Closing):
    """Reads the chunks of a repository; every chunk handed out has been held against its id.

    The index is only a hint: where what it says leads to nothing readable, it is built anew from
    the packs, once, and other copies of the chunk are looked for, before it is called unreadable.

    With ``salvages``, chunks of damaged blocks are read that are sound themselves. That is for
    those who want the data; to all others such a block is lost, so that it is found and mended.
    """

    def __init__(self, repository: Repository, *, salvages: bool = False) -> None:
        self._repository = repository
        self._cache = BlockCache(repository.store, salvages=salvages)
        self._keys: dict[PackId, str] = {}
        self._index_is_fresh = False
        self._index_is_complete: bool | None = None
        self._copies: dict[ChunkId, list[BlockPlace]] = {}
        self._window: dict[ChunkId, BlockPlace] = {}
        self._told: set[BlockPlace] = set()

    def close(self) -> None:
        """Stop the threads."""
        self._cache.close()

    def read(self, id_: ChunkId) -> memoryview:
        """Return the bytes of one chunk.

        Raises:
            ChunkUnreadable: the chunk is in no pack, or its bytes are damaged.
            UnsupportedFormat, StorageError: its block is newer, or the store could not deliver.
        """
        return next(self.stream([id_]))

    def stream(self, ids: Iterable[ChunkId]) -> Iterator[memoryview]:
        """Yield the bytes of chunks in the order asked for, fetching blocks ahead.

        Raises:
            ChunkUnreadable, UnsupportedFormat, StorageError: see ``read``.
        """
        for chunk in self.stream_readable(ids):
            if isinstance(chunk, DamageError):
                raise chunk
            yield chunk

    def stream_readable(self, ids: Iterable[ChunkId]) -> Iterator[memoryview | DamageError]:
        """Yield the bytes of chunks like ``stream``, and in place of those that are lost, why.

        Raises:
            UnsupportedFormat, StorageError: see ``read``.
        """
        remaining = iter(ids)
        while window := list(islice(remaining, _WINDOW_CHUNKS)):
            yield from self._stream_window(window)

    def find_places(self, ids: Sequence[ChunkId]) -> dict[ChunkId, BlockPlace]:
        """Return the blocks of chunks as the index says: those of chunks in no pack are missing.

        For those who read many blocks in an order of their own. Where this leads to nothing, it is
        ``read`` that finds out why, and what can be done.

        Raises:
            StorageError: the index cannot be read.
        """
        places: dict[ChunkId, BlockPlace] = {}
        known: dict[tuple[PackId, int], BlockPlace] = {}
        for id_, location in self._repository.index.find(ids).items():
            block = (location.pack, location.block_offset)
            place = known.get(block)
            if place is None:
                place = known[block] = self._place(location)
            places[id_] = place
        return places

    def _stream_window(self, ids: Sequence[ChunkId]) -> Iterator[memoryview | DamageError]:
        self._window = places = self.find_places(ids)
        wanted_of: dict[BlockPlace, list[ChunkId]] = {}
        for id_ in ids:
            if id_ in places:
                wanted_of.setdefault(places[id_], []).append(id_)
        upcoming = iter(wanted_of.items())
        for place, wanted_ids in islice(upcoming, BLOCKS_AHEAD):
            self._cache.prefetch(place, wanted_ids)
        current: BlockPlace | None = None
        for id_ in ids:
            wanted = places.get(id_)
            if wanted is not None and wanted != current:
                current = wanted
                for place, wanted_ids in islice(upcoming, 1):
                    self._cache.prefetch(place, wanted_ids)
            try:
                chunk: memoryview | DamageError = self._read_at(id_, wanted)
            except DamageError as damage:
                chunk = damage
            yield chunk

    def _read_at(self, id_: ChunkId, place: BlockPlace | None) -> memoryview:
        try:
            return self._read_once(id_, place)
        except DamageError as error:
            damage = error
        if id_ not in self._copies and not self._look_for_copies(id_, place):
            if not self._index_is_fresh and (place is not None or not self._is_index_complete()):
                self._refresh_index(damage)
            # The place may be from before the index was built anew.
            fresh_place = self.find_places([id_]).get(id_)
            if fresh_place == place:
                if place is None and self._index_is_fresh and not self._index_is_complete:
                    self._repository.index.confirm_loss()
                    self._index_is_complete = True
                raise _unreadable(id_, damage) from damage
            return self._read_at(id_, fresh_place)
        for copy in self._copies[id_]:
            with suppress(DamageError, UnsupportedFormat):
                return self._read_once(id_, copy)
        raise _unreadable(id_, damage) from damage

    def _read_once(self, id_: ChunkId, place: BlockPlace | None) -> memoryview:
        if place is None:
            raise ChunkUnreadable(f"chunk {id_.hex()[:16]} is in no pack")
        block = self._cache.get(place)
        chunk = block.chunk(id_)
        if block.damage and place not in self._told:
            self._told.add(place)
            detail = f"{place.key}: {block.damage}; what is sound of it is read"
            self._repository.monitor.event(Event("pack-damaged", b"", detail))
        return chunk

    def _look_for_copies(self, id_: ChunkId, place: BlockPlace | None) -> bool:
        """Find out where else the chunks of a damaged pack are.

        Return whether the pack's own table also says that the chunk is at ``place``, or cannot be
        read; if it says otherwise, the index is wrong, and nothing is looked for.
        """
        if place is None:
            return False
        store = self._repository.store
        try:
            pack = stored_pack(store, place.key)
        except DamageError:
            return False
        try:
            table = read_table(store, pack)
        except DamageError:
            # Nothing says that the index is wrong, and one built anew would know less of this pack.
            alike = {other for other, found in self._window.items() if found == place}
            self._copies.update(places_of(store, alike | {id_}))
            return True
        wanted = (place.offset, place.stored_bytes)
        blocks = (b for b in table.blocks if (b.offset, b.stored_bytes) == wanted)
        if not any(chunk.id == id_ for block in blocks for chunk in block.chunks):
            return False
        ids = {chunk.id for block in table.blocks for chunk in block.chunks}
        self._copies.update(places_of(store, ids))
        return True

    def _is_index_complete(self) -> bool:
        if self._index_is_complete is None:
            self._index_is_complete = is_index_complete(self._repository)
        return self._index_is_complete

    def _refresh_index(self, reason: DamageError) -> None:
        self._repository.monitor.event(Event("index-rebuilt", b"", reason.message))
        self._cache.forget()
        self._keys.clear()
        self._repository.rebuild_index()
        self._index_is_fresh = True

    def _place(self, location: ChunkLocation) -> BlockPlace:
        key = self._keys.get(location.pack)
        if key is None:
            for pack in self._repository.index.packs():
                self._keys[pack.id] = pack_key(PackKind(pack.kind), pack.id)
            key = self._keys[location.pack]
        return BlockPlace(key, location.block_offset, location.block_bytes)


def _unreadable(id_: ChunkId, error: DamageError) -> ChunkUnreadable:
    if isinstance(error, ChunkUnreadable):
        return error
    return ChunkUnreadable(f"chunk {id_.hex()[:16]} cannot be read: {error.message}")
