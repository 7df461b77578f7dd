"""An index: which chunks there are, and where; kept in one LMDB environment."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from dedupstore.errors import IndexUnusable
from dedupstore.ids import ChunkId, PackId, SnapshotId
from dedupstore.index.lmdb_folder import LmdbFolder
from dedupstore.index.location import (
    ENTRY_VALUE,
    GENERATION_VALUE,
    PACK_KEY,
    ChunkLocation,
    ChunkMark,
    IndexedPack,
    IndexedPacks,
    IndexEntry,
    IndexTotals,
    PackEntries,
    SnapshotNote,
    decode_note,
    encode_note,
)
from dedupstore.index.pack_rows import PackRows

INDEX_VERSION = 4

_IDENTITY = b"identity"
_COMPLETE = b"complete"
_GENERATION = b"generation"
_LOSS_CONFIRMED = b"loss confirmed"
_LOOKUP_BATCH = 4096
_SCAN_BATCH = 100_000
_CHANGE_BATCH = 2048
"""Chunks that are moved or removed in one transaction: of a large index, each is on a page of its
own, and a transaction holds all pages that it changes in memory."""


Item = TypeVar("Item")


class IndexEnvironment:
    """An open index in ``folder``, which is made when ``create`` is set.

    ``generation`` is the repository's generation that it agrees with, as far as this object has
    looked. ``identity`` ties the index to its repository: 32 bytes, the repository's id. One that
    is made is durable, and can be opened, only once it has been finished.

    Raises:
        IndexUnusable: torn, of another version, of another repository, or never finished.
        NoSpace, StorageError: the file system refused.
    """

    def __init__(self, folder: str, identity: bytes, *, create: bool = False) -> None:
        self.generation = 0
        self._dead_prefixes: frozenset[bytes] = frozenset()
        self.folder = folder
        self._folder = LmdbFolder(folder, create=create)
        try:
            self._facts = self._folder.table(b"facts")
            self._check_identity(identity, create)
            self._chunks = self._folder.table(b"chunks")
            self._notes = self._folder.table(b"snapshots")
            rows, numbers = (self._folder.table(name) for name in (b"packs", b"pack numbers"))
            self._rows = PackRows(rows, numbers, self._facts)
            with self._folder.read() as transaction:
                self._load(transaction)
        except BaseException:
            self._folder.close()
            raise

    def close(self) -> None:
        """Let go of the environment; the object must not be used afterwards."""
        self._folder.close()

    def packs(self) -> IndexedPacks:
        """Return all packs whose chunks are in the index."""
        with self._folder.read() as transaction:
            self._load(transaction)
            return IndexedPacks(tuple(self._rows.by_number.values()), self.generation)

    def find(self, ids: Sequence[ChunkId]) -> dict[ChunkId, ChunkLocation]:
        """Return the locations of those of ``ids`` that are there, in dead packs, too."""
        found: dict[ChunkId, ChunkLocation] = {}
        for begin in range(0, len(ids), _LOOKUP_BATCH):
            batch = ids[begin : begin + _LOOKUP_BATCH]
            with self._folder.read() as transaction:
                for id_, value in self._get_values(transaction, batch):
                    number, *place = ENTRY_VALUE.unpack(value)
                    found[id_] = ChunkLocation(self._pack(transaction, number).id, *place)
        return found

    def marks(self, ids: Sequence[ChunkId]) -> dict[ChunkId, ChunkMark]:
        """Return, for those of ``ids`` that are in live packs, what marking them needs."""
        found: dict[ChunkId, ChunkMark] = {}
        with self._folder.read() as transaction:
            for id_, value in self._get_values(transaction, ids):
                number, ordinal, _, _, _, chunk_bytes = ENTRY_VALUE.unpack(value)
                pack = self._pack(transaction, number)
                if ordinal >= pack.chunk_count:
                    raise IndexUnusable(f"the index places a chunk behind the end of pack {number}")
                if not pack.is_dead:
                    found[id_] = ChunkMark(pack.id, ordinal, chunk_bytes)
        return found

    def known(self, ids: Sequence[ChunkId]) -> set[ChunkId]:
        """Return those of ``ids`` that are in live packs."""
        with self._folder.read() as transaction:
            dead = self._dead_prefixes
            if not dead:
                # Where no value needs to be seen, none is fetched.
                with transaction.cursor(self._chunks) as cursor:
                    return set(filter(cursor.set_key, ids))
            return {
                id_ for id_, value in self._get_values(transaction, ids) if value[:4] not in dead
            }

    def misplaced(self, pack: PackId, entries: Sequence[IndexEntry]) -> list[IndexEntry]:
        """Return those of the chunks of a pack that are not at exactly these places."""
        with self._folder.read() as transaction:
            number = self._rows.number_of(transaction, pack)
            if number is None:
                return list(entries)
            places = dict(self._get_values(transaction, [entry.id for entry in entries]))
        encode = ENTRY_VALUE.pack
        return [entry for entry in entries if places.get(entry.id) != encode(number, *entry[1:])]

    def add_packs(self, packs: Sequence[PackEntries]) -> None:
        """Add packs and their chunks in one durable transaction; known packs stay as they are.

        A chunk that is already known keeps its place, unless that is in a dead pack; of a chunk
        twice in ``packs``, the first place is taken.
        """

        def insert(transaction: Any) -> None:
            self._load(transaction)
            values: dict[ChunkId, bytes] = {}
            for pack, entries in packs:
                number, is_new = self._rows.add(transaction, pack)
                if is_new:
                    _add_values(values, number, entries)
            # Appending to an empty table fills its pages; else each is left half full.
            is_empty = not transaction.stat(self._chunks)["entries"]
            displaced = [] if is_empty else self._in_dead_packs(transaction, list(values))
            with transaction.cursor(self._chunks) as cursor:
                cursor.putmulti([(id_, values[id_]) for id_ in displaced], overwrite=True)
                cursor.putmulti(sorted(values.items()), overwrite=False, append=is_empty)

        self._folder.write(insert)

    def add_rows(self, packs: Sequence[IndexedPack]) -> list[int | None]:
        """Add packs without their chunks; return the number of each, ``None`` if it is known."""

        def insert(transaction: Any) -> list[int | None]:
            added = [self._rows.add(transaction, pack) for pack in packs]
            return [number if is_new else None for number, is_new in added]

        return self._folder.write(insert)

    def append_values(self, values: Sequence[tuple[ChunkId, bytes]]) -> None:
        """Add chunks in the order of their ids, all behind those that are there.

        So the pages of the table are written one after another and filled; ``values`` are made
        of ``ENTRY_VALUE`` with the numbers of packs that have been added.
        """

        def append(transaction: Any) -> None:
            with transaction.cursor(self._chunks) as cursor:
                cursor.putmulti(values, append=True)

        self._folder.write(append)

    def finish(self, generation: int) -> None:
        """Declare that all packs are in, as of a generation of the repository; make it durable."""

        def declare(transaction: Any) -> None:
            transaction.put(_GENERATION, GENERATION_VALUE.pack(generation), db=self._facts)
            transaction.put(_COMPLETE, b"1", db=self._facts)

        self._folder.write(declare)
        self._folder.sync()

    def move_to_packs(self, packs: Sequence[PackEntries]) -> None:
        """Add packs, and give their chunks places in these, whatever places they have.

        Each of several durable transactions moves some of the chunks, so that none has to copy
        most of the index; both places of a chunk must be good until this returns.
        """

        def add_rows(transaction: Any) -> dict[ChunkId, bytes]:
            values: dict[ChunkId, bytes] = {}
            for pack, entries in packs:
                _add_values(values, self._rows.add(transaction, pack)[0], entries)
            return values

        def move(transaction: Any, values: Sequence[tuple[ChunkId, bytes]]) -> None:
            with transaction.cursor(self._chunks) as cursor:
                cursor.putmulti(values, overwrite=True)

        # In the order of ids, those of one transaction lie close together in the table.
        in_order = sorted(self._folder.write(add_rows).items())
        for batch in _batches(in_order):
            self._folder.write(partial(move, values=batch))

    def _in_dead_packs(self, transaction: Any, ids: Sequence[ChunkId]) -> list[ChunkId]:
        dead = self._dead_prefixes
        if not dead:
            return []
        return [id_ for id_, value in self._get_values(transaction, ids) if value[:4] in dead]

    def set_dead(self, ids: Collection[PackId], generation: int) -> None:
        """Declare packs dead as of a generation of the repository, in one durable transaction."""

        def change(transaction: Any) -> None:
            self._rows.set_dead(transaction, ids)
            transaction.put(_GENERATION, GENERATION_VALUE.pack(generation), db=self._facts)

        self._folder.write(change)
        with self._folder.read() as transaction:
            self._load(transaction)

    def remove_packs(
        self, ids: Collection[PackId], chunks: Collection[ChunkId] | None = None
    ) -> None:
        """Remove packs and all chunks that lie in them, some at a time; the rows go last.

        ``chunks`` are all that may lie in them, where that is known: then no others are gone
        through.
        """
        with self._folder.read() as transaction:
            gone = _prefixes(self._rows.numbers_of(transaction, ids))
        if not gone:
            return
        # In the order of ids, those of one transaction lie close together in the table.
        batches = self._chunks_in(gone) if chunks is None else _batches(sorted(chunks))
        for batch in batches:
            self._folder.write(partial(self._remove, ids=batch, packs=gone))
        self._folder.write(partial(self._rows.remove, ids=ids))

    def _chunks_in(self, packs: frozenset[bytes]) -> Iterator[Sequence[ChunkId]]:
        """Yield all chunks of some packs, some at a time."""
        position: bytes | None = b""
        while position is not None:
            found, position = self._scan_for(packs, position)
            yield from _batches(found)

    def _scan_for(
        self, packs: frozenset[bytes], begin: bytes
    ) -> tuple[list[ChunkId], bytes | None]:
        """Return the chunks of some packs from an id on, and the id to go on from, if any."""
        found: list[ChunkId] = []
        with self._folder.read() as transaction, transaction.cursor(self._chunks) as cursor:
            if not (cursor.set_range(begin) if begin else cursor.first()):
                return [], None
            for scanned, (key, value) in enumerate(cursor.iternext()):
                if scanned >= _SCAN_BATCH:
                    return found, bytes(key)
                if value[:4] in packs:
                    found.append(bytes(key))
        return found, None

    def _remove(self, transaction: Any, ids: Sequence[ChunkId], packs: frozenset[bytes]) -> None:
        """Remove chunks, but for those that have got a place in another pack since."""
        for id_ in ids:
            value = transaction.get(id_, db=self._chunks)
            if value is not None and value[:4] in packs:
                transaction.delete(id_, db=self._chunks)

    def pack_count(self) -> int:
        """Return how many packs the index knows, dead ones included; it does not read them."""
        with self._folder.read() as transaction:
            return self._rows.count(transaction)

    def entry_count(self) -> int:
        """Return how many chunks have a place, in dead packs, too."""
        with self._folder.read() as transaction:
            return int(transaction.stat(self._chunks)["entries"])

    def chunk_count(self) -> int:
        """Return how many chunks are in live packs."""
        with self._folder.read() as transaction:
            self._load(transaction)
            if not self._rows.dead_numbers:
                return int(transaction.stat(self._chunks)["entries"])
            dead = _prefixes(self._rows.dead_numbers)
            with transaction.cursor(self._chunks) as cursor:
                values = cursor.iternext(keys=False, values=True)
                return sum(value[:4] not in dead for value in values)

    def totals(self, kind: int) -> IndexTotals:
        """Add up the chunks that lie in live packs of one kind."""
        with self._folder.read() as transaction:
            self._load(transaction)
            numbers = {
                number
                for number, pack in self._rows.by_number.items()
                if pack.kind == kind and not pack.is_dead
            }
            chunks = chunks_bytes = 0
            with transaction.cursor(self._chunks) as cursor:
                for value in cursor.iternext(keys=False, values=True):
                    number, _, _, _, _, chunk_bytes = ENTRY_VALUE.unpack(value)
                    if number in numbers:
                        chunks += 1
                        chunks_bytes += chunk_bytes
        return IndexTotals(chunks, chunks_bytes)

    def is_loss_confirmed(self) -> bool:
        """Tell whether this index was built because a chunk was missing, and it stayed missing.

        What such an index does not have, the packs that it knows did not have, as far as they could
        be read then.
        """
        with self._folder.read() as transaction:
            return transaction.get(_LOSS_CONFIRMED, db=self._facts) is not None

    def confirm_loss(self) -> None:
        """Remember that what this index does not have is lost; see ``is_loss_confirmed``."""
        self._folder.write(lambda change: change.put(_LOSS_CONFIRMED, b"1", db=self._facts))

    def snapshot_notes(self) -> dict[SnapshotId, SnapshotNote]:
        """Return what is remembered of snapshots, be they still there or not."""
        with self._folder.read() as transaction, transaction.cursor(self._notes) as cursor:
            notes = ((bytes(id_), decode_note(bytes(id_), bytes(value))) for id_, value in cursor)
            return {id_: note for id_, note in notes if note is not None}

    def note_snapshots(
        self, notes: Mapping[SnapshotId, SnapshotNote], gone: Collection[SnapshotId]
    ) -> None:
        """Remember snapshots, and forget those that are ``gone``."""

        def change(transaction: Any) -> None:
            for id_ in gone:
                transaction.delete(id_, db=self._notes)
            for id_, note in notes.items():
                transaction.put(id_, encode_note(id_, note), db=self._notes)

        self._folder.write(change)

    def _check_identity(self, identity: bytes, create: bool) -> None:
        expected = bytes((INDEX_VERSION,)) + identity
        if create:
            self._folder.write(
                lambda transaction: transaction.put(_IDENTITY, expected, db=self._facts)
            )
            return
        with self._folder.read() as transaction:
            if transaction.get(_IDENTITY, db=self._facts) != expected:
                raise IndexUnusable("the index belongs to another repository or version")
            if transaction.get(_COMPLETE, db=self._facts) is None:
                raise IndexUnusable("the index was never finished")

    def _load(self, transaction: Any) -> None:
        """Take note of all packs, of those that are dead, and of the generation, as they are."""
        self._rows.load(transaction)
        self._dead_prefixes = _prefixes(self._rows.dead_numbers)
        stored = transaction.get(_GENERATION, db=self._facts)
        self.generation = GENERATION_VALUE.unpack(stored)[0] if stored is not None else 0

    def _get_values(
        self, transaction: Any, ids: Sequence[ChunkId]
    ) -> Iterable[tuple[ChunkId, bytes]]:
        with transaction.cursor(self._chunks) as cursor:
            return [(bytes(key), bytes(value)) for key, value in cursor.getmulti(ids)]

    def _pack(self, transaction: Any, number: int) -> IndexedPack:
        pack = self._rows.by_number.get(number)
        if pack is None:
            self._load(transaction)
            pack = self._rows.by_number.get(number)
            if pack is None:
                raise IndexUnusable(f"the index names pack {number}, which it does not know")
        return pack


def _batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yield as many items at a time as one transaction should change."""
    for begin in range(0, len(items), _CHANGE_BATCH):
        yield items[begin : begin + _CHANGE_BATCH]


def _add_values(values: dict[ChunkId, bytes], number: int, entries: Iterable[IndexEntry]) -> None:
    """Add what the table should say of the chunks of the pack with a number."""
    for id_, *place in entries:
        values.setdefault(id_, ENTRY_VALUE.pack(number, *place))


def _prefixes(numbers: Collection[int]) -> frozenset[bytes]:
    """Return how the values of chunks in packs of these numbers begin."""
    return frozenset(PACK_KEY.pack(number) for number in numbers)
