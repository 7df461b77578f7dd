"""Reading chunks by id: looked up, fetched, decoded, verified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from dedupstore.engine.block_cache import BLOCKS_AHEAD, BlockCache, BlockPlace
from dedupstore.engine.closing import Closing
from dedupstore.engine.keys import pack_key
from dedupstore.engine.monitor import Event
from dedupstore.engine.pack_reader import read_table_or_blocks, stored_pack
from dedupstore.engine.repository import Repository
from dedupstore.errors import ChunkUnreadable, DamageError
from dedupstore.format.pack import PackKind
from dedupstore.ids import ChunkId, PackId
from dedupstore.index.location import ChunkLocation

_WINDOW_CHUNKS = 512


class ChunkReader(Closing):
    """Reads the chunks of a repository; every chunk handed out has been held against its id.

    The index is only a hint: where what it says leads to nothing readable, it is built anew from
    the packs, once, before a chunk is called unreadable.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._cache = BlockCache(repository.store)
        self._keys: dict[PackId, str] = {}
        self._index_is_fresh = False

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
        remaining = iter(ids)
        while window := list(islice(remaining, _WINDOW_CHUNKS)):
            yield from self._stream_window(window)

    def _stream_window(self, ids: Sequence[ChunkId]) -> Iterator[memoryview]:
        places = self._find_places(ids)
        upcoming = iter(dict.fromkeys(places[id_] for id_ in ids if id_ in places))
        for place in islice(upcoming, BLOCKS_AHEAD):
            self._cache.prefetch(place)
        current: BlockPlace | None = None
        for id_ in ids:
            wanted = places.get(id_)
            if wanted is not None and wanted != current:
                current = wanted
                for following in islice(upcoming, 1):
                    self._cache.prefetch(following)
            yield self._read_at(id_, wanted)

    def _read_at(self, id_: ChunkId, place: BlockPlace | None) -> memoryview:
        try:
            return self._read_once(id_, place)
        except DamageError as error:
            if not self._index_is_fresh:
                if self._index_is_right(id_, place):
                    raise _unreadable(id_, error) from error
                self._refresh_index(error)
            # The place may be from before the index was built anew.
            fresh_place = self._find_places([id_]).get(id_)
            if fresh_place == place:
                raise _unreadable(id_, error) from error
        try:
            return self._read_once(id_, fresh_place)
        except DamageError as error:
            raise _unreadable(id_, error) from error

    def _read_once(self, id_: ChunkId, place: BlockPlace | None) -> memoryview:
        if place is None:
            raise ChunkUnreadable(f"chunk {id_.hex()[:16]} is in no pack")
        return self._cache.get(place).chunk(id_)

    def _index_is_right(self, id_: ChunkId, place: BlockPlace | None) -> bool:
        """Tell whether a pack's own table also says that the chunk is at ``place``."""
        if place is None:
            return False
        store = self._repository.store
        try:
            pack = stored_pack(store, place.key)
        except DamageError:
            return False
        table = read_table_or_blocks(store, pack, lambda damage: None)
        wanted = (place.offset, place.stored_bytes)
        blocks = (b for b in table.blocks if (b.offset, b.stored_bytes) == wanted)
        return any(chunk.id == id_ for block in blocks for chunk in block.chunks)

    def _refresh_index(self, reason: DamageError) -> None:
        self._repository.monitor.event(Event("index-rebuilt", b"", reason.message))
        self._cache.forget()
        self._keys.clear()
        self._repository.rebuild_index()
        self._index_is_fresh = True

    def _find_places(self, ids: Sequence[ChunkId]) -> dict[ChunkId, BlockPlace]:
        found = self._repository.index.find(ids)
        return {id_: self._place(location) for id_, location in found.items()}

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
