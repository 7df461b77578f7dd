"""Text for terminals and scripts, made from names that anybody may have chosen."""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dedupstore.engine.monitor import Event

ID_DIGITS_SHOWN = 12


def printable(text: str | bytes) -> str:
    """Return a text with everything a terminal would act on written as an escape."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def printable_path(path: bytes) -> str:
    """Return a path of a snapshot as it is shown to people: absolute and safe to print."""
    return "/" + printable(path.lstrip(b"/"))


def path_fields(path: bytes, *, name: str = "path") -> dict[str, str]:
    """Return the JSON fields of an absolute path; ``…_b64`` is added where it is not UTF-8."""
    return bytes_fields(b"/" + path.lstrip(b"/"), name=name)


def bytes_fields(value: bytes, *, name: str) -> dict[str, str]:
    """Return the JSON fields of some bytes; ``…_b64`` is added where they are not UTF-8."""
    fields = {name: value.decode("utf-8", "replace")}
    if not _is_utf8(value):
        fields[f"{name}_b64"] = _base64(value)
    return fields


def paths_fields(paths: Sequence[bytes]) -> dict[str, list[str]]:
    """Return the JSON fields of a list of paths; ``paths_b64`` if one of them is not UTF-8."""
    absolute = [b"/" + path.lstrip(b"/") for path in paths]
    fields = {"paths": [path.decode("utf-8", "replace") for path in absolute]}
    if not all(map(_is_utf8, absolute)):
        fields["paths_b64"] = list(map(_base64, absolute))
    return fields


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _base64(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).decode("ascii")


def event_fields(event: Event) -> dict[str, str]:
    """Return an event as JSON fields."""
    path = path_fields(event.path) if event.path else {}
    return {"kind": event.kind, **path, "detail": event.detail}


def to_json(value: object) -> str:
    """Return one line of JSON in ASCII, so that no terminal or locale can spoil it."""
    import json

    return json.dumps(value, ensure_ascii=True, allow_nan=False)


def table(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> list[str]:
    """Return the lines of a table; the first row is its head; ``right`` columns align right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def counted(count: int, noun: str) -> str:
    """Return ``2 sockets`` or ``1 FIFO``; of a noun with more words, the one before ``that``."""
    first, space, rest = noun.partition(" that ")
    return f"{count} {first}{'s' if count != 1 else ''}{space}{rest}"


def labelled(pairs: Mapping[str, Any]) -> list[str]:
    """Return lines of a label and a value each, the values below each other."""
    width = max(map(len, pairs), default=0)
    return [f"{label.ljust(width)}  {value}" for label, value in pairs.items()]
