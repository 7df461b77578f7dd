"""The JSON of configs and snapshot records: one value, one text, readable by people.

UTF-8 with sorted keys, two spaces of indentation and a newline at the end. Bytes that are not
UTF-8 (paths, mostly) are written as ``{"b64": "…"}``.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, TypeAlias

from dedupstore.errors import FormatError

JsonObject: TypeAlias = dict[str, Any]


def encode_json(value: JsonObject) -> bytes:
    """Return the one text of ``value``."""
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8") + b"\n"


def decode_json(data: bytes, bytes_max: int, what: str) -> JsonObject:
    """Read a JSON object; ``what`` names it in errors.

    Raises:
        FormatError: longer than ``bytes_max``, not UTF-8, not JSON, or not an object.
    """
    if len(data) > bytes_max:
        raise FormatError(f"{what} is {len(data)} bytes long")
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{what} is not readable: {error}") from error
    if not isinstance(value, dict):
        raise FormatError(f"{what} is not a JSON object")
    return value


def bytes_to_json(value: bytes) -> str | JsonObject:
    """Return ``value`` as text, or as an object of base64 where it is not UTF-8."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode("ascii")}


def bytes_from_json(value: object, what: str) -> bytes:
    """Read what ``bytes_to_json`` wrote; ``what`` names it in errors.

    Raises:
        FormatError: the value is neither text nor an object of base64.
    """
    if isinstance(value, str):
        try:
            return value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise FormatError(f"{what} holds text that is not Unicode") from error
    if isinstance(value, dict) and isinstance(value.get("b64"), str):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except binascii.Error as error:
            raise FormatError(f"{what} holds malformed base64") from error
    raise FormatError(f"{what} is neither text nor base64")
