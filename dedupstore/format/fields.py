"""Reading typed fields out of JSON objects, with errors that name the field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeVar

from dedupstore.clock import format_time
from dedupstore.errors import FormatError, UnsupportedFormat
from dedupstore.format.canonical_json import JsonObject
from dedupstore.ids import is_id_hex

FORMAT_VERSION = 1
"""The version of the whole stored format that this code writes and reads."""

KNOWN_FEATURES: frozenset[str] = frozenset()
"""Required features that this version understands."""

Value = TypeVar("Value")


def take(record: JsonObject, name: str, kind: type[Value], what: str) -> Value:
    """Return the field ``name``, which must be there and of ``kind``.

    Raises:
        FormatError: the field is missing or of another kind (a bool is not an int).
    """
    value = record.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise FormatError(f"{what} has no usable field {name!r}")
    return value


def take_count(record: JsonObject, name: str, what: str) -> int:
    """Return the field ``name``, which must be an integer from 0 to 2**63 - 1.

    Raises:
        FormatError: anything else.
    """
    value = take(record, name, int, what)
    if not 0 <= value < 1 << 63:
        raise FormatError(f"{what} has {name!r} out of range")
    return value


def take_texts(record: JsonObject, name: str, what: str) -> tuple[str, ...]:
    """Return the field ``name``, which must be a list of texts.

    Raises:
        FormatError: anything else.
    """
    values = take(record, name, list, what)
    if not all(isinstance(value, str) for value in values):
        raise FormatError(f"{what} has something else than texts in {name!r}")
    return tuple(values)


def take_id(record: JsonObject, name: str, what: str) -> bytes:
    """Return the field ``name``, which must be an id in hexadecimal, as 32 bytes.

    Raises:
        FormatError: anything else.
    """
    value = take(record, name, str, what)
    if not is_id_hex(value):
        raise FormatError(f"{what} has no id in {name!r}")
    return bytes.fromhex(value)


def take_hex(record: JsonObject, name: str, what: str) -> bytes:
    """Return the field ``name``, which must be bytes in lower-case hexadecimal.

    Raises:
        FormatError: anything else.
    """
    text = take(record, name, str, what)
    try:
        value = bytes.fromhex(text)
    except ValueError as error:
        raise FormatError(f"{what} has no hexadecimal in {name!r}") from error
    if value.hex() != text:
        raise FormatError(f"{what} has no plain hexadecimal in {name!r}")
    return value


def take_time(record: JsonObject, name: str, what: str) -> datetime:
    """Return the field ``name``, which must be a time as ``clock.format_time`` writes it.

    Raises:
        FormatError: anything else.
    """
    text = take(record, name, str, what)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise FormatError(f"{what} has no time in {name!r}") from error
    # Without this check, times without a zone would mean something else on each machine.
    if moment.tzinfo is not UTC or format_time(moment) != text:
        raise FormatError(f"{what} has a time in {name!r} that is not written as it should be")
    return moment


def check_version_and_features(record: JsonObject, what: str) -> None:
    """Refuse what was written in a newer format or requires an unknown feature.

    Raises:
        UnsupportedFormat: a newer format, or an unknown required feature.
        FormatError: the fields are malformed.
    """
    version = take(record, "format", int, what)
    if version != FORMAT_VERSION:
        raise UnsupportedFormat(
            f"{what} has format {version}; this version of dedupstore reads format "
            f"{FORMAT_VERSION}",
            hint="use a newer version of dedupstore" if version > FORMAT_VERSION else None,
        )
    unknown = sorted(set(take_texts(record, "features_required", what)) - KNOWN_FEATURES)
    if unknown:
        raise UnsupportedFormat(
            f"{what} requires {', '.join(unknown)!r}, which this version does not know",
            hint="use a newer version of dedupstore",
        )
