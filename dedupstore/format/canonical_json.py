"""The JSON of configs and snapshot records: one value, one text, readable by people.

UTF-8 with sorted keys, two spaces of indentation and a newline at the end. Numbers are integers.
Bytes that are not UTF-8 (paths, mostly) are written as ``{"b64": "…"}``. Any other text for the
same value is refused, so that no two programs can read one text differently.
"""

from __future__ import annotations

import base64
import json
from json.encoder import encode_basestring
from typing import Any, TypeAlias

from dedupstore.errors import FormatError

JsonObject: TypeAlias = dict[str, Any]

JSON_LEVELS_MAX = 16
"""No objects and lists are nested deeper; the whole is the first level."""

_INTEGER_CHARACTERS_MAX = 20
_LINE = "\n"
_INDENTATION = "  "


def encode_json(value: JsonObject) -> bytes:
    """Return the one text of ``value``.

    Raises:
        ValueError: it holds something the format has no text for: a number that is no integer,
            or half a surrogate pair.
    """
    return f"{_text_of(value, _LINE)}\n".encode()


def _text_of(value: object, line: str) -> str:
    """Return a value's text; ``line`` begins a line at the level that the value stands on.

    The same as ``json.dumps`` with ``indent=2``, ``sort_keys`` and without ``ensure_ascii``; but
    that is three times as slow, and a listing writes back the record of every snapshot.
    """
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    below = line + _INDENTATION
    if isinstance(value, dict):
        parts = [
            f"{encode_basestring(key)}: {_text_of(value[key], below)}" for key in sorted(value)
        ]
        return f"{{{below}{f',{below}'.join(parts)}{line}}}" if parts else "{}"
    if isinstance(value, list | tuple):
        parts = [_text_of(item, below) for item in value]
        return f"[{below}{f',{below}'.join(parts)}{line}]" if parts else "[]"
    raise ValueError(f"a {type(value).__name__} is not JSON compliant here")


def decode_json(data: bytes, bytes_max: int, what: str) -> JsonObject:
    """Read a JSON object; ``what`` names it in errors.

    Raises:
        FormatError: longer than ``bytes_max``, not JSON, not an object, or not the one text of
            its value.
    """
    if len(data) > bytes_max:
        raise FormatError(f"{what} is {len(data)} bytes long")
    try:
        value = _DECODER.decode(data.decode("utf-8"))
        if not isinstance(value, dict):
            raise FormatError(f"{what} is not a JSON object")
        # What has few brackets cannot be deep; this spares most texts the way down.
        if data.count(b"{") + data.count(b"[") > JSON_LEVELS_MAX:
            _refuse_deep_nesting(value, what)
        # Reading it back also shows keys given twice and halves of surrogate pairs.
        canonical = encode_json(value) == data
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{what} is not readable: {_reason(error)}") from error
    if not canonical:
        raise FormatError(f"{what} is not written in the one way the format allows")
    return value


def _reason(error: ValueError | RecursionError) -> str:
    """Return in plain words why a text could not be read, or not be written back."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, UnicodeEncodeError):
        return "it holds text that is not Unicode"
    if isinstance(error, json.JSONDecodeError):
        return f"it is not JSON, from line {error.lineno}, column {error.colno}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error)


def _refuse_deep_nesting(value: JsonObject, what: str) -> None:
    """Go down level by level: writing deep nesting back would take its depth squared."""
    level: list[Any] = [value]
    for _ in range(JSON_LEVELS_MAX):
        below = (item.values() if isinstance(item, dict) else item for item in level)
        level = [part for items in below for part in items if isinstance(part, dict | list)]
        if not level:
            return
    raise FormatError(f"{what} is nested too deeply")


def _read_integer(text: str) -> int:
    value = int(text) if len(text) <= _INTEGER_CHARACTERS_MAX else 1 << 63
    if not -(1 << 63) <= value < 1 << 63:
        raise ValueError("a number is out of range")
    return value


def _refuse_number(text: str) -> object:
    raise ValueError("a number is not an integer")


_DECODER = json.JSONDecoder(
    parse_int=_read_integer, parse_float=_refuse_number, parse_constant=_refuse_number
)


def bytes_to_json(value: bytes) -> str | JsonObject:
    """Return ``value`` as text, or as an object of base64 where it is not UTF-8."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode("ascii")}


def bytes_from_json(value: object, what: str) -> bytes:
    """Read what ``bytes_to_json`` wrote; ``what`` names it in errors.

    Raises:
        FormatError: the value is neither text nor an object of base64, or it is base64 of what
            should be text.
    """
    if isinstance(value, str):
        try:
            return value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise FormatError(f"{what} holds text that is not Unicode") from error
    if isinstance(value, dict) and isinstance(value.get("b64"), str):
        try:
            decoded = base64.b64decode(value["b64"], validate=True)
        except ValueError as error:
            raise FormatError(f"{what} holds malformed base64") from error
        if bytes_to_json(decoded) != value:
            raise FormatError(f"{what} holds base64 that is not the one way to write its bytes")
        return decoded
    raise FormatError(f"{what} is neither text nor base64")
