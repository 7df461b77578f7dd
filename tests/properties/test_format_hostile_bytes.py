"""Whatever bytes a reader meets, it gives a value or says that they are damaged or newer."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupstore.errors import FormatError
from dedupstore.format.canonical_json import bytes_from_json
from dedupstore.format.hashing import digest
from format_decoders import DECODERS, NO_DECODERS, REFUSALS, format_functions, samples, vectors_of
from golden.format.reading import READERS, read_vector
from rules.source_tree import require_exceptions_used, require_none

TREES = [vector for vector in vectors_of(["content", "manifest"]) if vector.outcome == "accepted"]
SAMPLES = {name: samples(name, bytes_max=4096) for name in DECODERS}
RECORDS = ("config", "generation", "policy", "snapshot")

EXTREMES = st.sampled_from([0, 1, 0x7F, 0x80, 0xFF])
"""Bytes that turn the lengths and counts they fall on into the smallest and largest."""


def test_every_function_that_reads_stored_bytes_is_fuzzed() -> None:
    """Each public function of the format is covered by a decoder, writes, or is said to be none."""
    covered = {function for decoder in DECODERS.values() for function in decoder.covers}
    there = {name for name in format_functions() if ".encode_" not in name}
    require_none(
        sorted(there - covered - NO_DECODERS.keys()),
        "Whatever reads stored bytes belongs in tests/format_decoders.py, which is what is fuzzed.",
    )
    require_exceptions_used(NO_DECODERS, there - covered)
    assert covered <= there


def test_every_golden_vector_is_of_a_decoder_or_a_tree() -> None:
    """Each kind of golden vector is a sample for a decoder, or a tree of pieces."""
    kinds = {kind for decoder in DECODERS.values() for kind in decoder.vectors}
    assert kinds | {"content", "manifest"} == READERS.keys()


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_samples_are_sealed_as_they_are(name: str) -> None:
    """Sealing leaves sound bytes alone, so that changed ones get past their checksums."""
    decoder = DECODERS[name]
    sound = [v for v in vectors_of(decoder.vectors) if v.outcome == "accepted" and v.reencodes]
    for vector in sound:
        data = b"".join(vector.parts())
        assert decoder.seal(data) == data
    assert samples(name)


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


@given(st.sampled_from(sorted(DECODERS)), st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(name: str, data: bytes) -> None:
    """Any bytes, taken as any object or part of one, are read or refused."""
    DECODERS[name].try_to_read(data)


@given(st.sampled_from(sorted(DECODERS)), st.data())
def test_changed_objects_are_read_or_refused(name: str, data: st.DataObject) -> None:
    """A golden object with some bytes changed is read or refused, also with a right checksum."""
    DECODERS[name].try_to_read(data.draw(mutations(data.draw(st.sampled_from(SAMPLES[name])))))


@given(st.sampled_from(sorted(DECODERS)), st.data())
def test_objects_cut_off_are_read_or_refused(name: str, data: st.DataObject) -> None:
    """A golden object that ends early, or goes on, is read or refused."""
    sample = data.draw(st.sampled_from(SAMPLES[name]))
    end = data.draw(st.integers(0, len(sample)))
    DECODERS[name].try_to_read(sample[:end] + data.draw(st.sampled_from([b"", bytes(100), sample])))


@given(st.data())
def test_changed_trees_are_read_or_refused(data: st.DataObject) -> None:
    """A tree with one piece changed, but found by its id, is read or refused."""
    vector = data.draw(st.sampled_from(TREES))
    pieces = vector.parts()
    changed = data.draw(mutations(pieces[-1]))
    arguments = json.loads(
        json.dumps(vector.arguments).replace(digest(pieces[-1]).hex(), digest(changed).hex())
    )
    with suppress(*REFUSALS):
        read_vector(replace(vector, data=(*pieces[:-1], changed), arguments=arguments))


SOUND_RECORDS = {
    name: [
        b"".join(vector.parts()).decode("utf-8")
        for vector in vectors_of([name])
        if vector.outcome == "accepted"
    ]
    for name in RECORDS
}

TOKENS = st.sampled_from(
    [
        *("null", "true", "-1", "-0", "1.0", "1e999", "NaN", str(1 << 63), "9" * 5000),
        *('"\\ud800"', '"\\u0000"', '"é"', '"""', "[]", "{}", '"' + "ff" * 32 + '"'),
        *('{"b64": "é"}', '{"b64": "!"}', "[" * 500 + "]" * 500),
        *("[null]", '["' + "ff" * 32 + '"]', '[{"pack": "", "kind": "data", "generation": 1}]'),
        *('"9999-12-31T23:59:59.999999Z"', '"0001-01-01T00:00:00Z"'),
    ]
)


@given(st.sampled_from(RECORDS), st.data())
def test_changed_records_are_read_or_refused(name: str, data: st.DataObject) -> None:
    """A record with something changed, but with right hashes, is read or refused."""
    text = data.draw(st.sampled_from(SOUND_RECORDS[name]))
    values = list(re.finditer(r'(?<=: )("[^"\n]*"|\d+|null|\[\])', text))
    found = data.draw(st.sampled_from(values))
    changed = (text[: found.start()] + data.draw(TOKENS) + text[found.end() :]).encode()
    if data.draw(st.booleans()):
        changed = data.draw(mutations(changed))
    DECODERS[name].try_to_read(changed)


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
