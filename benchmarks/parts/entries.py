"""Entries of a manifest: encoding, decoding and glancing, beside JSON and pickle."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial

from dedupstore.format.content import Content
from dedupstore.format.entry import Entry, EntryType, decode_entry, encode_entry, glance_at_entry
from dedupstore.format.hashing import digest
from dedupstore.format.pieces import Extent
from dedupstore.ids import ChunkId

from parts.contender import Contender, Group


def entries(number: int) -> Group:
    """Return what turns `number` entries, each of a file with one chunk, to bytes and back."""
    files = [_entry(place) for place in range(number)]
    encoded = list(map(encode_entry, files))
    pickled = [pickle.dumps(file) for file in files]
    documents = [_as_json(file) for file in files]
    texts = list(map(json.dumps, documents))

    def contender(name: str, run: Callable[..., object], items: Iterable[object]) -> Contender:
        is_yardstick = name.startswith(("JSON", "pickle"))
        return Contender(name, partial(_run_all, run, items), number, is_yardstick=is_yardstick)

    contenders = [
        contender("encode", encode_entry, files),
        contender("decode", decode_entry, encoded),
        contender("glance", glance_at_entry, encoded),
        contender("JSON, encode", json.dumps, documents),
        contender("JSON, decode", json.loads, texts),
        contender("pickle, encode", pickle.dumps, files),
        contender("pickle, decode", pickle.loads, pickled),
    ]
    return Group("entries", "million/s", 10**6, contenders)


def _entry(place: int) -> Entry:
    path = b"var/log/service-%05d/worker-%07d.log" % (place // 1000, place)
    size = 200 + place % 1800
    content = Content(0, (Extent(size, ChunkId(digest(path))),))
    return Entry(
        path, EntryType.FILE, 0o640, 1000, 1000, place << 30, place << 30, size, 2049, place + 1,
        content, user=b"service", group=b"adm",
    )  # fmt: skip


def _as_json(entry: Entry) -> object:
    return {
        name: value.decode() if isinstance(value, bytes) else value
        for name, value in asdict(entry).items()
        if name not in ("content", "twin")
    } | {"chunks": [extent.id.hex() for extent in entry.content.extents]}


def _run_all(run: Callable[..., object], items: Iterable[object]) -> None:
    for item in items:
        run(item)
