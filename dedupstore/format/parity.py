"""Parity objects: what rebuilds a damaged pack (docs/format/parity.md).

A parity object is a head, the parity shards, and the head once more with its two parts swapped::

    header (68) · directory (16 for each shard) · parity shards · directory · header
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from dedupstore.errors import FormatError, UnsupportedFormat
from dedupstore.format.block import REQUIRED_FLAGS
from dedupstore.format.hashing import CHECKSUM_BYTES, checksum
from dedupstore.format.reed_solomon import SHARDS_MAX
from dedupstore.ids import PackId

PARITY_MAGIC = b"DPAR"
PARITY_VERSION = 1
CODE_REED_SOLOMON = 1

_HEADER = struct.Struct("<4sBBHIIHH32s16s")
_CHECKED_BYTES = _HEADER.size - CHECKSUM_BYTES

PARITY_HEADER_BYTES = _HEADER.size
PARITY_HEAD_BYTES_MAX = PARITY_HEADER_BYTES + SHARDS_MAX * CHECKSUM_BYTES
"""No head is longer: whoever reads as much of either end of an object has all of it."""


class ParityLayout(NamedTuple):
    """How a pack of ``pack_bytes`` is cut into data shards, and how many parity shards it has.

    Every shard is ``shard_bytes`` long; behind the end of the pack the last data shard is zeros.
    """

    pack_bytes: int
    shard_bytes: int
    data_count: int
    parity_count: int

    @property
    def head_bytes(self) -> int:
        """The length of a head."""
        return PARITY_HEADER_BYTES + (self.data_count + self.parity_count) * CHECKSUM_BYTES

    @property
    def object_bytes(self) -> int:
        """The length of the whole parity object."""
        return 2 * self.head_bytes + self.parity_count * self.shard_bytes

    def parity_offset(self, number: int) -> int:
        """Return where in the parity object the parity shard ``number`` begins."""
        return self.head_bytes + number * self.shard_bytes


class ParityHead(NamedTuple):
    """Which pack a parity object is for, its layout, and a checksum of every shard."""

    pack: PackId
    layout: ParityLayout
    data_checksums: tuple[bytes, ...]
    parity_checksums: tuple[bytes, ...]


def encode_parity(head: ParityHead, shards: Sequence[bytes | bytearray]) -> list[bytes | bytearray]:
    """Return the parts of a parity object; ``shards`` are its parity shards."""
    layout = head.layout
    directory = b"".join((*head.data_checksums, *head.parity_checksums))
    fixed = _HEADER.pack(
        PARITY_MAGIC,
        PARITY_VERSION,
        CODE_REED_SOLOMON,
        0,
        layout.pack_bytes,
        layout.shard_bytes,
        layout.data_count,
        layout.parity_count,
        head.pack,
        bytes(CHECKSUM_BYTES),
    )[:_CHECKED_BYTES]
    header = fixed + checksum(fixed, directory)
    return [header, directory, *shards, directory, header]


def decode_parity_head(begin: bytes | memoryview) -> ParityHead:
    """Read the head at the beginning of a parity object; ``begin`` may hold more than that.

    Raises:
        UnsupportedFormat: a newer version or code, or an unknown required flag.
        FormatError: the head is damaged.
    """
    return _decode_head(begin[:PARITY_HEADER_BYTES], begin[PARITY_HEADER_BYTES:])


def decode_parity_foot(end: bytes | memoryview) -> ParityHead:
    """Read the copy of the head from the last bytes of a parity object.

    Raises:
        UnsupportedFormat, FormatError: see ``decode_parity_head``.
    """
    header = end[max(0, len(end) - PARITY_HEADER_BYTES) :]
    before = end[: len(end) - len(header)]
    layout = _decode_layout(header)
    directory_bytes = layout.head_bytes - PARITY_HEADER_BYTES
    return _decode_head(header, before[max(0, len(before) - directory_bytes) :])


def _decode_layout(header: bytes | memoryview) -> ParityLayout:
    if len(header) < PARITY_HEADER_BYTES or header[:4] != PARITY_MAGIC:
        raise FormatError("the object is no parity of a pack, or its head is damaged")
    _, _, _, _, pack_bytes, shard_bytes, data_count, parity_count, _, _ = _HEADER.unpack(header)
    if not data_count or not parity_count or data_count + parity_count > SHARDS_MAX:
        raise FormatError(f"parity cannot have {data_count} and {parity_count} shards")
    if not (data_count - 1) * shard_bytes < pack_bytes <= data_count * shard_bytes:
        raise FormatError(
            f"{data_count} shards of {shard_bytes} bytes do not fit a pack of {pack_bytes} bytes"
        )
    return ParityLayout(pack_bytes, shard_bytes, data_count, parity_count)


def _decode_head(header: bytes | memoryview, directory: bytes | memoryview) -> ParityHead:
    layout = _decode_layout(header)
    directory = bytes(directory[: layout.head_bytes - PARITY_HEADER_BYTES])
    _, version, code, flags, _, _, _, _, pack, head_checksum = _HEADER.unpack(header)
    # The length needs no check of its own: the checksum of fewer bytes is another one.
    if checksum(header[:_CHECKED_BYTES], directory) != head_checksum:
        raise FormatError("the checksum of a head of parity is wrong")
    # Versions and flags are judged only now, so that a flipped bit in them is called damage.
    if version != PARITY_VERSION or code != CODE_REED_SOLOMON or flags & REQUIRED_FLAGS:
        raise UnsupportedFormat(
            f"parity of a pack has version {version}, code {code} and flags {flags:#06x}, "
            "which this version cannot read",
            hint="use a newer version of dedupstore",
        )
    checksums = tuple(
        directory[begin : begin + CHECKSUM_BYTES]
        for begin in range(0, len(directory), CHECKSUM_BYTES)
    )
    return ParityHead(pack, layout, checksums[: layout.data_count], checksums[layout.data_count :])
