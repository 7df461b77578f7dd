"""Twins: how a compressed file is rebuilt from its text (docs/format/manifests.md, twins.md)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from dedupstore.errors import FormatError, UnsupportedFormat
from dedupstore.format.content import EMPTY_CONTENT, Content, decode_content, encode_content
from dedupstore.format.pieces import HOLE_ID
from dedupstore.ids import ID_BYTES
from dedupstore.limits import RECIPE_BYTES_MAX, RECIPE_INLINE_BYTES_MAX

SCHEME_DEFLATE = 1
"""The recipe is one of docs/format/twins.md, for a file that holds deflate streams."""

_FORM_INLINE = 0xFF
_TWIN = struct.Struct(f"<BQ{ID_BYTES}sB")


@dataclass(frozen=True, slots=True)
class Twin:
    """How a compressed file is rebuilt from its text, which is the entry's content.

    ``plain_bytes`` is the length of the text; ``file_id`` the BLAKE3 of the file's own bytes, which
    what was rebuilt is held against. A ``recipe`` of at most ``RECIPE_INLINE_BYTES_MAX`` bytes
    stands here; a longer one is stored as chunks, which ``recipe_content`` lists.
    """

    plain_bytes: int
    file_id: bytes
    recipe: bytes = b""
    recipe_content: Content = EMPTY_CONTENT


def encode_twin(twin: Twin) -> bytes:
    """Return the value of an entry's field for a twin.

    Raises:
        ValueError: the recipe stands in both places or in none, or is too long for its place; or
            the id is none.
    """
    if len(twin.file_id) != ID_BYTES:
        raise ValueError(f"an id of {len(twin.file_id)} bytes")
    listed = twin.recipe_content
    if bool(twin.recipe) == bool(listed.extents):
        raise ValueError("a recipe stands in the entry or in chunks")
    if len(twin.recipe) > RECIPE_INLINE_BYTES_MAX or listed.content_bytes > RECIPE_BYTES_MAX:
        raise ValueError(f"a recipe of {len(twin.recipe) or listed.content_bytes} bytes")
    form = bytes((_FORM_INLINE,)) + twin.recipe if twin.recipe else encode_content(listed)
    return _TWIN.pack(SCHEME_DEFLATE, twin.plain_bytes, twin.file_id, form[0]) + form[1:]


def decode_twin(value: bytes | memoryview) -> Twin:
    """Read the value of an entry's field for a twin.

    Raises:
        UnsupportedFormat: an unknown scheme.
        FormatError: the field is cut off, or its recipe is empty, too long or has holes.
    """
    if not len(value):
        raise FormatError("an entry's twin has no scheme")
    if value[0] != SCHEME_DEFLATE:
        raise UnsupportedFormat(
            f"a compressed file is stored by scheme {value[0]}, which this version does not know",
            hint="use a newer version of dedupstore",
        )
    if len(value) <= _TWIN.size:
        raise FormatError("an entry's twin is cut off, or has no recipe")
    _scheme, plain_bytes, file_id, form = _TWIN.unpack_from(value)
    if form != _FORM_INLINE:
        recipe_content = _decode_recipe_content(value[_TWIN.size - 1 :])
        return Twin(plain_bytes, file_id, recipe_content=recipe_content)
    recipe = bytes(value[_TWIN.size :])
    if len(recipe) > RECIPE_INLINE_BYTES_MAX:
        raise FormatError(f"an entry holds a recipe of {len(recipe)} bytes")
    return Twin(plain_bytes, file_id, recipe)


def _decode_recipe_content(stored: bytes | memoryview) -> Content:
    content = decode_content(stored)
    if content.content_bytes > RECIPE_BYTES_MAX:
        raise FormatError(f"an entry has a recipe of {content.content_bytes} bytes")
    if any(extent.id == HOLE_ID for extent in content.extents):
        raise FormatError("a recipe has a hole")
    return content
