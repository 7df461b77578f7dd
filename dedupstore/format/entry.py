"""Entries of a manifest: one file, folder or symbolic link each (docs/format/manifests.md)."""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from dedupstore.errors import FormatError, UnsupportedFormat
from dedupstore.format.content import (
    EMPTY_CONTENT,
    Content,
    check_level_extents,
    decode_content,
    encode_content,
)
from dedupstore.format.twin import Twin, decode_twin, encode_twin
from dedupstore.limits import ENTRY_BYTES_MAX, PATH_BYTES_MAX, TWIN_RATIO_MAX

__all__ = [
    "EMPTY_CONTENT",
    "Content",
    "EncodedEntry",
    "Entry",
    "EntryGlance",
    "EntryType",
    "Twin",
    "check_level_extents",
    "decode_entry",
    "encode_content",
    "encode_entry",
    "encode_fields",
    "encode_owners",
    "encode_twin",
    "entry_contents",
    "glance_at_entry",
    "is_safe_path",
    "lineage_behind",
    "path_sort_key",
    "split_entries",
]

ENTRY_FIXED = struct.Struct("<IBBHIIIqqQQQI")
_LENGTH = struct.Struct("<I")
_FIELD = struct.Struct("<HI")

ENTRY_FIXED_BYTES = ENTRY_FIXED.size
FIELD_REQUIRED = 0x8000
FIELD_USER = 1
FIELD_GROUP = 2
FIELD_LINEAGE = 3
FIELD_TWIN = FIELD_REQUIRED | 1

_TIME_NS_MIN = -(1 << 63)
_TIME_NS_MAX = (1 << 63) - 1
_KNOWN_FIELDS = frozenset((FIELD_USER, FIELD_GROUP, FIELD_LINEAGE, FIELD_TWIN))
_FORBIDDEN_COMPONENTS = frozenset((b"", b".", b".."))


class EntryType(IntEnum):
    """What an entry describes."""

    FILE = 1
    DIRECTORY = 2
    SYMLINK = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a snapshot.

    ``path`` is relative to the root, ``/``-separated bytes; ``mode`` the permission bits; times
    are nanoseconds since 1970, and what 64 bits cannot hold (before 1677, after 2262) is stored as
    the nearest; ``device`` and ``inode`` say which file it was on its host, and are 0 where that
    means nothing. ``user`` and ``group`` are names, empty where unknown.

    ``size`` is the file's length in bytes, and that of its ``content``; but the content of a file
    with a ``twin`` is its text. ``lineage`` is the path of the log that a file is an older part
    of; empty where it is none, or the log itself.
    """

    path: bytes
    type: EntryType
    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    size: int = 0
    device: int = 0
    inode: int = 0
    content: Content = EMPTY_CONTENT
    link_target: bytes = b""
    user: bytes = b""
    group: bytes = b""
    twin: Twin | None = None
    lineage: bytes = b""


def entry_contents(entry: Entry) -> tuple[Content, ...]:
    """Return every chunk list that is needed to restore an entry; empty ones are left out.

    Whoever asks which chunks an entry needs goes by these.
    """
    recipe = entry.twin.recipe_content if entry.twin is not None else EMPTY_CONTENT
    return tuple(content for content in (entry.content, recipe) if content.extents)


def path_sort_key(path: bytes) -> bytes:
    """Return a key that sorts paths by component, so that a folder comes before what it holds."""
    return path.replace(b"/", b"\0")


def is_safe_path(path: bytes) -> bool:
    """Tell whether ``path`` may stand in a manifest: relative, without ``.``, ``..`` or NUL."""
    if not 0 < len(path) <= PATH_BYTES_MAX or b"\0" in path:
        return False
    return _FORBIDDEN_COMPONENTS.isdisjoint(path.split(b"/"))


def encode_entry(entry: Entry) -> bytes:
    """Return the bytes of one entry; see docs/format/manifests.md for their layout.

    Raises:
        ValueError: a path may not stand in a manifest, the entry is too long for one, or its twin
            or lineage cannot be.
    """
    if not is_safe_path(entry.path):
        raise ValueError(f"not a path for a manifest: {entry.path[:200]!r}")
    content = _encode_content(entry)
    fields = encode_fields(entry)
    entry_bytes = ENTRY_FIXED_BYTES + len(entry.path) + len(content) + len(fields)
    if entry_bytes > ENTRY_BYTES_MAX:
        raise ValueError(f"an entry of {entry_bytes} bytes: {entry.path[:200]!r}")
    fixed = ENTRY_FIXED.pack(
        entry_bytes,
        entry.type,
        0,
        len(entry.path),
        entry.mode,
        entry.uid,
        entry.gid,
        _clamped(entry.mtime_ns),
        _clamped(entry.ctime_ns),
        entry.size,
        entry.device,
        entry.inode,
        len(content),
    )
    return b"".join((fixed, entry.path, content, fields))


def encode_fields(entry: Entry) -> bytes:
    """Return the fields of an entry.

    Raises:
        ValueError: its twin or lineage cannot be.
    """
    if entry.type is not EntryType.FILE and (entry.twin is not None or entry.lineage):
        raise ValueError(f"a twin or a lineage of what is no file: {entry.path[:200]!r}")
    if entry.twin is not None and entry.twin.plain_bytes > TWIN_RATIO_MAX * entry.size:
        raise ValueError(f"a text of {entry.twin.plain_bytes} bytes: {entry.path[:200]!r}")
    if entry.lineage and not _is_lineage(entry.lineage, entry.path):
        raise ValueError(f"not a lineage for {entry.path[:200]!r}: {entry.lineage[:200]!r}")
    fields = encode_owners(entry.user, entry.group)
    if entry.lineage:
        fields += _encode_field(FIELD_LINEAGE, entry.lineage)
    if entry.twin is not None:
        fields += _encode_field(FIELD_TWIN, encode_twin(entry.twin))
    return fields


class EncodedEntry(NamedTuple):
    """An entry as it is put into a manifest; ``is_older_part`` says that it has a lineage."""

    path: bytes
    data: bytes
    is_older_part: bool

    @classmethod
    def of(cls, entry: Entry) -> EncodedEntry:
        """Return an entry encoded.

        Raises:
            ValueError: see ``encode_entry``.
        """
        return cls(entry.path, encode_entry(entry), bool(entry.lineage))


@functools.lru_cache(maxsize=256)
def encode_owners(user: bytes, group: bytes) -> bytes:
    """Return what the fields of an entry with these owners begin with."""
    return _encode_field(FIELD_USER, user) + _encode_field(FIELD_GROUP, group)


def split_entries(body: bytes | memoryview) -> Iterator[bytes]:
    """Yield the bytes of each entry in the body of a level-0 piece.

    Raises:
        FormatError: an entry is cut off or its length is out of range.
    """
    body = bytes(body)
    body_bytes = len(body)
    position = 0
    while position < body_bytes:
        if position + ENTRY_FIXED_BYTES > body_bytes:
            raise FormatError("an entry is cut off")
        (entry_bytes,) = _LENGTH.unpack_from(body, position)
        end = position + entry_bytes
        if not ENTRY_FIXED_BYTES < entry_bytes <= ENTRY_BYTES_MAX or end > body_bytes:
            raise FormatError(f"an entry cannot be {entry_bytes} bytes long")
        yield body[position:end]
        position = end


class EntryGlance(NamedTuple):
    """Which file an entry is of; ``content`` is its chunk list as ``encode_content`` gives it."""

    path: bytes
    type: int
    mtime_ns: int
    size: int
    device: int
    inode: int
    content: bytes


def glance_at_entry(data: bytes) -> EntryGlance:
    """Read what tells files apart out of an entry, as ``split_entries`` yields it, unchecked.

    It takes a tenth of the time of ``decode_entry``, which alone says whether the entry is sound.
    """
    fixed = ENTRY_FIXED.unpack_from(data)
    begin = ENTRY_FIXED_BYTES + fixed[3]
    path = data[ENTRY_FIXED_BYTES:begin]
    content = data[begin : begin + fixed[12]]
    return EntryGlance(path, fixed[1], fixed[7], fixed[9], fixed[10], fixed[11], content)


def lineage_behind(owners: bytes, fields: bytes) -> bytes | None:
    """Return the lineage in ``fields`` that begin with ``owners`` and hold nothing else.

    Empty where there is none; ``None`` where they hold anything else, or no sound lineage.
    """
    if fields == owners:
        return b""
    lineage = fields[len(owners) + _FIELD.size :]
    if fields != owners + _encode_field(FIELD_LINEAGE, lineage) or not is_safe_path(lineage):
        return None
    return lineage


def decode_entry(data: bytes | memoryview) -> Entry:
    """Read the bytes of one entry, as ``split_entries`` yields them.

    Raises:
        UnsupportedFormat: an unknown type or an unknown required field.
        FormatError: the entry breaks a rule of the format.
    """
    if len(data) <= ENTRY_FIXED_BYTES:
        raise FormatError("an entry is cut off")
    (
        entry_bytes, kind, flags, path_bytes, mode, uid, gid, mtime_ns, ctime_ns,
        size, device, inode, content_bytes,
    ) = ENTRY_FIXED.unpack_from(data)  # fmt: skip
    content_begin = ENTRY_FIXED_BYTES + path_bytes
    fields_begin = content_begin + content_bytes
    if entry_bytes != len(data) or fields_begin > len(data):
        raise FormatError("an entry's parts do not fit into it")
    path = bytes(data[ENTRY_FIXED_BYTES:content_begin])
    if not is_safe_path(path):
        raise FormatError(f"an entry has the path {path[:200]!r}")
    if kind not in _TYPES or flags:
        raise UnsupportedFormat(
            f"an entry has type {kind} and flags {flags:#04x}, which this version cannot read",
            hint="use a newer version of dedupstore",
        )
    if mode & ~0o7777:
        raise FormatError(f"an entry has the mode {mode:#o}")
    fields = _decode_fields(data[fields_begin:])
    stored = data[content_begin:fields_begin]
    entry_type = _TYPES[kind]
    twin = decode_twin(fields[FIELD_TWIN]) if FIELD_TWIN in fields else None
    lineage = fields.get(FIELD_LINEAGE, b"")
    if entry_type is EntryType.FILE:
        content, link_target = _decode_file_content(stored, size, twin), b""
    else:
        content, link_target = EMPTY_CONTENT, _decode_target(entry_type, stored, size)
        if not fields.keys().isdisjoint((FIELD_LINEAGE, FIELD_TWIN)):
            raise FormatError("an entry that is no file has a twin or a lineage")
    if FIELD_LINEAGE in fields and not _is_lineage(lineage, path):
        raise FormatError(f"an entry has the lineage {lineage[:200]!r}")
    return Entry(
        path, entry_type, mode, uid, gid, mtime_ns, ctime_ns, size, device, inode, content,
        link_target, fields.get(FIELD_USER, b""), fields.get(FIELD_GROUP, b""), twin, lineage,
    )  # fmt: skip


_TYPES = {int(entry_type): entry_type for entry_type in EntryType}


def _clamped(time_ns: int) -> int:
    if _TIME_NS_MIN <= time_ns <= _TIME_NS_MAX:
        return time_ns
    return _TIME_NS_MIN if time_ns < 0 else _TIME_NS_MAX


def _encode_content(entry: Entry) -> bytes:
    if entry.type is EntryType.SYMLINK:
        return entry.link_target
    if entry.type is EntryType.DIRECTORY:
        return b""
    return encode_content(entry.content)


def _decode_file_content(stored: bytes | memoryview, size: int, twin: Twin | None) -> Content:
    content = decode_content(stored)
    length = size if twin is None else twin.plain_bytes
    if twin is not None and length > TWIN_RATIO_MAX * size:
        raise FormatError(f"a compressed file of {size} bytes has a text of {length}")
    if content.content_bytes != length:
        raise FormatError(f"a file of {length} bytes has chunks of {content.content_bytes}")
    return content


def _decode_target(entry_type: EntryType, stored: bytes | memoryview, size: int) -> bytes:
    if size:
        raise FormatError(f"an entry that is no file has a size of {size} bytes")
    target = bytes(stored)
    if entry_type is EntryType.DIRECTORY:
        if target:
            raise FormatError("a folder has content")
    elif not target or b"\0" in target:
        raise FormatError("a symbolic link has an impossible target")
    return target


def _is_lineage(lineage: bytes, path: bytes) -> bool:
    return is_safe_path(lineage) and lineage != path


def _encode_field(tag: int, value: bytes) -> bytes:
    return _FIELD.pack(tag, len(value)) + value if value else b""


def _decode_fields(data: bytes | memoryview) -> dict[int, bytes]:
    fields: dict[int, bytes] = {}
    position = last_tag = 0
    while position < len(data):
        if position + _FIELD.size > len(data):
            raise FormatError("a field of an entry is cut off")
        tag, value_bytes = _FIELD.unpack_from(data, position)
        position += _FIELD.size
        if position + value_bytes > len(data):
            raise FormatError("a field of an entry is cut off")
        if tag <= last_tag:
            raise FormatError("the fields of an entry are out of order")
        last_tag = tag
        if tag in _KNOWN_FIELDS:
            fields[tag] = bytes(data[position : position + value_bytes])
        elif tag & FIELD_REQUIRED:
            raise UnsupportedFormat(
                f"an entry has the required field {tag:#06x}, which this version does not know",
                hint="use a newer version of dedupstore",
            )
        position += value_bytes
    return fields
