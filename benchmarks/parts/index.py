"""The index: durable inserts and look-ups, beside SQLite and a dictionary in memory."""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from dedupstore.format.pack import PackKind
from dedupstore.ids import ChunkId, PackId
from dedupstore.index.environment import IndexEnvironment
from dedupstore.index.location import IndexedPack, IndexEntry, PackEntries

from parts.contender import Contender, Group

_IDENTITY = bytes(32)
_PACK_CHUNKS = 8192
_LOOKUP_BATCH = 1024
_CHUNK_BYTES = 64 << 10
_SQLITE_LOOKUPS = 50_000


def index(chunks: int, work: Path) -> Group:
    """Return what inserts and looks up `chunks` of random ids, below the folder `work`."""
    numbers = random.Random(1)
    ids = [ChunkId(numbers.randbytes(32)) for _ in range(chunks)]
    unknown = [ChunkId(numbers.randbytes(32)) for _ in range(chunks)]
    packs = [_pack(ids[begin : begin + _PACK_CHUNKS]) for begin in range(0, chunks, _PACK_CHUNKS)]
    shuffled = numbers.sample(ids, chunks)
    filled = IndexEnvironment(tempfile.mkdtemp(dir=work), _IDENTITY, create=True)
    _insert(filled, packs)
    database = _open_sqlite(work)
    _insert_sqlite(database, packs)
    in_memory = set(ids)
    few = shuffled[:_SQLITE_LOOKUPS]
    note = f"transactions of {_PACK_CHUNKS:,}"

    def insert_anew() -> None:
        environment = IndexEnvironment(tempfile.mkdtemp(dir=work), _IDENTITY, create=True)
        _insert(environment, packs)
        environment.close()

    def insert_anew_into_sqlite() -> None:
        fresh = _open_sqlite(work)
        _insert_sqlite(fresh, packs)
        fresh.close()

    yardstick = partial(Contender, is_yardstick=True)
    contenders = [
        Contender("insert, durably", insert_anew, chunks, note, waits=True),
        Contender("known, all are", partial(_known, filled, shuffled), chunks),
        Contender("known, none is", partial(_known, filled, unknown), chunks),
        Contender("places", partial(_find, filled, shuffled), chunks),
        yardstick("SQLite, insert", insert_anew_into_sqlite, chunks, note, waits=True),
        yardstick("SQLite, look-up", partial(_find_sqlite, database, few), len(few)),
        yardstick("set in memory", lambda: sum(id_ in in_memory for id_ in shuffled), chunks),
    ]
    return Group("index", "million/s", 10**6, contenders)


def _pack(ids: Sequence[ChunkId]) -> PackEntries:
    size_bytes = len(ids) * _CHUNK_BYTES
    pack = IndexedPack(PackId(ids[0]), PackKind.DATA, size_bytes, 0, len(ids), size_bytes)
    entries = [
        IndexEntry(id_, number, 0, size_bytes, number * _CHUNK_BYTES, _CHUNK_BYTES)
        for number, id_ in enumerate(ids)
    ]
    return pack, entries


def _open_sqlite(work: Path) -> sqlite3.Connection:
    path = os.path.join(tempfile.mkdtemp(dir=work), "index")
    return sqlite3.connect(path, isolation_level=None)


def _insert(environment: IndexEnvironment, packs: Sequence[PackEntries]) -> None:
    for pack in packs:
        environment.add_packs([pack])


def _known(environment: IndexEnvironment, ids: Sequence[ChunkId]) -> int:
    return sum(
        len(environment.known(ids[begin : begin + _LOOKUP_BATCH]))
        for begin in range(0, len(ids), _LOOKUP_BATCH)
    )


def _find(environment: IndexEnvironment, ids: Sequence[ChunkId]) -> int:
    return sum(
        len(environment.find(ids[begin : begin + _LOOKUP_BATCH]))
        for begin in range(0, len(ids), _LOOKUP_BATCH)
    )


def _insert_sqlite(database: sqlite3.Connection, packs: Sequence[PackEntries]) -> None:
    database.execute("CREATE TABLE chunks (id BLOB PRIMARY KEY, place BLOB) WITHOUT ROWID")
    for _, entries in packs:
        database.execute("BEGIN")
        rows = ((entry.id, b"%24d" % entry.ordinal) for entry in entries)
        database.executemany("INSERT OR IGNORE INTO chunks VALUES (?, ?)", rows)
        database.execute("COMMIT")


def _find_sqlite(database: sqlite3.Connection, ids: Sequence[ChunkId]) -> int:
    query = "SELECT place FROM chunks WHERE id = ?"
    return sum(database.execute(query, (id_,)).fetchone() is not None for id_ in ids)
