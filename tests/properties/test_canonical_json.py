"""The text of JSON objects is the one of the standard library, indented and sorted."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupstore.errors import FormatError
from dedupstore.format.canonical_json import JSON_LEVELS_MAX, decode_json, encode_json

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(TEXTS, inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_the_text_is_that_of_the_standard_library(value: dict[str, object]) -> None:
    """Any object has the text that json.dumps gives it, sorted, with two spaces a level."""
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False) + "\n"
    assert encode_json(value) == text.encode()


@given(TEXTS, st.integers(JSON_LEVELS_MAX + 1, 40), st.booleans())
def test_deep_nesting_is_refused(name: str, levels: int, lists: bool) -> None:
    """An object with more than 16 levels is refused, whether they are objects or lists."""
    value: dict[str, object] = {name: None}
    for _ in range(levels - 1):
        value = {name: [value[name]] if lists else value}
    with pytest.raises(FormatError, match="nested too deeply"):
        decode_json(encode_json(value), 1 << 20, "it")


@given(st.lists(TEXTS, min_size=1, max_size=40))
def test_many_brackets_are_not_depth(texts: list[str]) -> None:
    """Brackets in texts and beside each other do not count as levels."""
    value: dict[str, object] = {"lists": [[text + "{["] for text in texts]}
    assert decode_json(encode_json(value), 1 << 20, "it") == value
