"""Entries of a manifest: one file, folder or symbolic link each (docs/format/manifests.md)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from dedupstore.errors import FormatError, UnsupportedFormat
from dedupstore.format.pieces import EXTENT_BYTES, HOLE_ID, Extent, decode_extents
from dedupstore.limits import (
    CHUNK_BYTES_MAX,
    ENTRY_BYTES_MAX,
    INLINE_EXTENTS_MAX,
    PATH_BYTES_MAX,
    TREE_LEVELS_MAX,
)

_FIXED = struct.Struct("<IBBHIIIqqQQQI")
_FIELD = struct.Struct("<HI")

ENTRY_FIXED_BYTES = _FIXED.size
FIELD_REQUIRED = 0x8000
FIELD_USER = 1
FIELD_GROUP = 2

_TIME_NS_MIN = -(1 << 63)
_TIME_NS_MAX = (1 << 63) - 1
_FORBIDDEN_COMPONENTS = frozenset((b"", b".", b".."))


class EntryType(IntEnum):
    """What an entry describes."""

    FILE = 1
    DIRECTORY = 2
    SYMLINK = 3


@dataclass(frozen=True, slots=True)
class Content:
    """The chunk list of a file.

    ``level`` 0: ``extents`` are its chunks and holes. Above: they refer to pieces of that level,
    which hold the extents of the level below.
    """

    level: int
    extents: tuple[Extent, ...]

    @property
    def content_bytes(self) -> int:
        """Length of the file in bytes."""
        return sum(extent.extent_bytes for extent in self.extents)


EMPTY_CONTENT = Content(0, ())


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a snapshot.

    ``path`` is relative to the root, ``/``-separated bytes; ``mode`` the permission bits; times
    are nanoseconds since 1970, and what 64 bits cannot hold (before 1677, after 2262) is stored as
    the nearest; ``device`` and ``inode`` say which file it was on its host, and are 0 where that
    means nothing. ``user`` and ``group`` are names, empty where unknown.
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
        ValueError: the path may not stand in a manifest, or the entry is too long for one.
    """
    if not is_safe_path(entry.path):
        raise ValueError(f"not a path for a manifest: {entry.path[:200]!r}")
    content = _encode_content(entry)
    fields = _encode_field(FIELD_USER, entry.user) + _encode_field(FIELD_GROUP, entry.group)
    entry_bytes = ENTRY_FIXED_BYTES + len(entry.path) + len(content) + len(fields)
    if entry_bytes > ENTRY_BYTES_MAX:
        raise ValueError(f"an entry of {entry_bytes} bytes: {entry.path[:200]!r}")
    fixed = _FIXED.pack(
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


def split_entries(body: bytes | memoryview) -> Iterator[memoryview]:
    """Yield the bytes of each entry in the body of a level-0 piece.

    Raises:
        FormatError: an entry is cut off or its length is out of range.
    """
    view = memoryview(body)
    position = 0
    while position < len(view):
        if position + ENTRY_FIXED_BYTES > len(view):
            raise FormatError("an entry is cut off")
        entry_bytes = int.from_bytes(view[position : position + 4], "little")
        end = position + entry_bytes
        if not ENTRY_FIXED_BYTES < entry_bytes <= ENTRY_BYTES_MAX or end > len(view):
            raise FormatError(f"an entry cannot be {entry_bytes} bytes long")
        yield view[position:end]
        position = end


def decode_entry(data: memoryview) -> Entry:
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
    ) = _FIXED.unpack_from(data)  # fmt: skip
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
    content, link_target = _decode_content(entry_type, stored, size)
    return Entry(
        path, entry_type, mode, uid, gid, mtime_ns, ctime_ns, size, device, inode,
        content, link_target, fields.get(FIELD_USER, b""), fields.get(FIELD_GROUP, b""),
    )  # fmt: skip


_TYPES = {int(entry_type): entry_type for entry_type in EntryType}


def _clamped(time_ns: int) -> int:
    return max(_TIME_NS_MIN, min(_TIME_NS_MAX, time_ns))


def _encode_content(entry: Entry) -> bytes:
    if entry.type is EntryType.SYMLINK:
        return entry.link_target
    if entry.type is EntryType.DIRECTORY:
        return b""
    from_extents = b"".join(
        extent.extent_bytes.to_bytes(8, "little") + extent.id for extent in entry.content.extents
    )
    return bytes((entry.content.level,)) + from_extents


def _decode_content(entry_type: EntryType, stored: memoryview, size: int) -> tuple[Content, bytes]:
    if entry_type is not EntryType.FILE and size:
        raise FormatError(f"an entry that is no file has a size of {size} bytes")
    if entry_type is EntryType.SYMLINK:
        target = bytes(stored)
        if not target or b"\0" in target:
            raise FormatError("a symbolic link has an impossible target")
        return EMPTY_CONTENT, target
    if entry_type is EntryType.DIRECTORY:
        if len(stored):
            raise FormatError("a folder has content")
        return EMPTY_CONTENT, b""
    if not len(stored) or stored[0] > TREE_LEVELS_MAX:
        raise FormatError("a file's chunk list has no level, or one that is out of range")
    if len(stored) > 1 + INLINE_EXTENTS_MAX * EXTENT_BYTES:
        raise FormatError("an entry holds more extents than may stand in it")
    content = Content(stored[0], tuple(decode_extents(stored[1:])))
    if content.level and not content.extents:
        raise FormatError("a file has a tree of pieces without a piece")
    check_level_extents(content.level, content.extents)
    if content.content_bytes != size:
        raise FormatError(f"a file of {size} bytes has chunks of {content.content_bytes}")
    return content, b""


def check_level_extents(level: int, extents: tuple[Extent, ...] | list[Extent]) -> None:
    """Reject extents that cannot stand at ``level``: holes and oversized chunks.

    Raises:
        FormatError: a hole above level 0, or a chunk longer than a chunk may be.
    """
    for extent in extents:
        if extent.id == HOLE_ID:
            if level:
                raise FormatError("a hole stands where a piece should be")
        elif not level and extent.extent_bytes > CHUNK_BYTES_MAX:
            raise FormatError(f"a chunk list names a chunk of {extent.extent_bytes} bytes")


def _encode_field(tag: int, value: bytes) -> bytes:
    return _FIELD.pack(tag, len(value)) + value if value else b""


def _decode_fields(data: memoryview) -> dict[int, bytes]:
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
        if tag in (FIELD_USER, FIELD_GROUP):
            fields[tag] = bytes(data[position : position + value_bytes])
        elif tag & FIELD_REQUIRED:
            raise UnsupportedFormat(
                f"an entry has the required field {tag:#06x}, which this version does not know",
                hint="use a newer version of dedupstore",
            )
        position += value_bytes
    return fields
