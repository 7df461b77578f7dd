"""Whatever bytes a reader meets, it gives a value or says that they are damaged or newer."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dedupstore.errors import ChunkUnreadable, FormatError, UnsupportedFormat
from dedupstore.format.block import decode_block_header, decode_directory
from dedupstore.format.canonical_json import bytes_from_json, decode_json, encode_json
from dedupstore.format.codecs import decode_payload
from dedupstore.format.entry import decode_entry, split_entries
from dedupstore.format.hashing import digest
from dedupstore.format.pack import decode_pack_header, decode_trailer
from dedupstore.format.pieces import decode_extents, piece_body
from golden.format.reading import READERS, read_vector
from golden.format.vectors import Vector, load_all

SOUND = [vector for vector in load_all() if vector.outcome == "accepted"]
BINARY = [vector for vector in SOUND if vector.decoder in ("block", "pack", "piece")]
JSON = [vector for vector in SOUND if vector.decoder in ("config", "snapshot")]
TREES = [vector for vector in SOUND if vector.decoder in ("content", "manifest")]

REFUSALS = (FormatError, UnsupportedFormat, ChunkUnreadable)

EXTREMES = st.sampled_from([0, 1, 0x7F, 0x80, 0xFF])
"""Bytes that turn the lengths and counts they fall on into the smallest and largest."""


def read_or_refuse(vector: Vector) -> None:
    """Read a vector; anything but a value or a refusal is raised."""
    with suppress(*REFUSALS):
        read_vector(vector)


@st.composite
def mutations(draw: st.DrawFn, data: bytes) -> bytes:
    """Draw ``data`` with some bytes changed, and perhaps a range cut out, doubled or swapped."""
    mutated = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        position = draw(st.integers(0, max(0, len(mutated) - 1)))
        end = min(len(mutated), position + draw(st.sampled_from([1, 2, 4, 8, 36, 40])))
        filler = draw(EXTREMES | st.integers(0, 255))
        action = draw(st.sampled_from(["fill", "fill", "fill", "cut", "double", "insert"]))
        if action == "fill":
            mutated[position:end] = bytes([filler]) * (end - position)
        elif action == "cut":
            del mutated[position:end]
        elif action == "double":
            mutated[end:end] = mutated[position:end]
        else:
            mutated[position:position] = bytes([filler])
    return bytes(mutated)


def sealed(decoder: str, data: bytes) -> bytes:
    """Return a block or pack with a right checksum, so that what lies behind it is reached."""
    if decoder == "block" and len(data) >= 40:
        return data[:24] + digest(data[:24] + data[40:])[:16] + data[40:]
    if decoder == "pack" and len(data) >= 48:
        table_offset = min(int.from_bytes(data[-40:-32], "little"), len(data))
        table = data[table_offset:-40]
        covered = data[:8] + table + data[-40:-24] + data[-8:]
        return data[:-24] + digest(covered)[:16] + data[-8:]
    return data


@given(st.sampled_from(sorted(READERS)), st.binary(max_size=300), st.integers(0, 9))
def test_any_bytes_are_read_or_refused(decoder: str, data: bytes, level: int) -> None:
    """Any bytes, taken as any object, are read or refused."""
    id_ = digest(data).hex()
    arguments = {"level": level, "id": id_, "manifest": id_, "extents": [[1, id_]]}
    read_or_refuse(Vector("any", decoder, (), "damaged", (data,), arguments))


@given(st.data())
def test_changed_objects_are_read_or_refused(data: st.DataObject) -> None:
    """A sound block, pack or piece with some bytes changed is read or refused."""
    vector = data.draw(st.sampled_from(BINARY))
    changed = data.draw(mutations(b"".join(vector.parts())))
    read_or_refuse(replace(vector, data=(changed,)))
    read_or_refuse(replace(vector, data=(sealed(vector.decoder, changed),)))


@given(st.data())
def test_changed_trees_are_read_or_refused(data: st.DataObject) -> None:
    """A tree with one piece changed, but found by its id, is read or refused."""
    vector = data.draw(st.sampled_from(TREES))
    pieces = vector.parts()
    changed = data.draw(mutations(pieces[-1]))
    arguments = json.loads(
        json.dumps(vector.arguments).replace(digest(pieces[-1]).hex(), digest(changed).hex())
    )
    read_or_refuse(replace(vector, data=(*pieces[:-1], changed), arguments=arguments))


TOKENS = st.sampled_from(
    [
        *("null", "true", "-1", "-0", "1.0", "1e999", "NaN", str(1 << 63), "9" * 5000),
        *('"\\ud800"', '"\\u0000"', '"é"', '"""', "[]", "{}", '"' + "ff" * 32 + '"'),
        *('{"b64": "é"}', '{"b64": "!"}', "[" * 500 + "]" * 500),
        *('"9999-12-31T23:59:59.999999Z"', '"0001-01-01T00:00:00Z"'),
    ]
)


@given(st.data())
def test_changed_records_are_read_or_refused(data: st.DataObject) -> None:
    """A config or record with something changed, but with right hashes, is read or refused."""
    vector = data.draw(st.sampled_from(JSON))
    text = b"".join(vector.parts()).decode("utf-8")
    values = list(re.finditer(r'(?<=: )("[^"\n]*"|\d+|null|\[\])', text))
    found = data.draw(st.sampled_from(values))
    changed = (text[: found.start()] + data.draw(TOKENS) + text[found.end() :]).encode()
    if data.draw(st.booleans()):
        changed = data.draw(mutations(changed))
    read_or_refuse(resealed(vector, changed))


def resealed(vector: Vector, data: bytes) -> Vector:
    """Return a record under its own id, or a config with a right checksum where it has one."""
    if vector.decoder == "snapshot":
        return replace(vector, data=(data,), arguments={"id": digest(data).hex()})
    try:
        record = json.loads(data)
        del record["checksum"]
        record["checksum"] = digest(encode_json(record)).hex()
        return replace(vector, data=(encode_json(record),))
    except (ValueError, TypeError, KeyError, RecursionError):
        return replace(vector, data=(data,))


DECODERS = {
    "block header": decode_block_header,
    "directory": partial(decode_directory, original_bytes=10),
    "pack header": decode_pack_header,
    "trailer": partial(decode_trailer, pack_bytes=100),
    "stored payload": partial(decode_payload, 0, original_bytes=10),
    "zstd payload": partial(decode_payload, 1, original_bytes=10),
    "extents": decode_extents,
    "piece": partial(piece_body, level=0),
    "entry": lambda data: decode_entry(memoryview(data)),
    "entries": lambda data: list(split_entries(data)),
    "json": lambda data: decode_json(data, 1 << 16, "it"),
}


@given(st.sampled_from(sorted(DECODERS)), st.binary(max_size=120))
def test_any_bytes_pass_or_fail_each_step(step: str, data: bytes) -> None:
    """Each step of reading, taken by itself, gives a value or refuses."""
    decode: Any = DECODERS[step]
    with suppress(*REFUSALS):
        decode(data)


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.dictionaries(st.sampled_from(["b64", "more"]), inner, max_size=2)
            | st.lists(inner, max_size=2)
        ),
    )
)
def test_any_json_passes_or_fails_as_bytes(value: Any) -> None:
    """Any JSON in place of bytes is read as bytes or refused."""
    with suppress(FormatError):
        assert isinstance(bytes_from_json(value, "it"), bytes)
