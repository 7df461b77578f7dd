"""Ids: 32-byte BLAKE3 digests that name chunks, packs and snapshots."""

from __future__ import annotations

from typing import TypeAlias

ChunkId: TypeAlias = bytes
PackId: TypeAlias = bytes
SnapshotId: TypeAlias = bytes

ID_BYTES = 32
ID_HEX_DIGITS = 2 * ID_BYTES

_HEX_DIGITS = frozenset("0123456789abcdef")


def is_id_hex(text: str) -> bool:
    """Tell whether ``text`` is a whole id in lower-case hexadecimal."""
    return len(text) == ID_HEX_DIGITS and _HEX_DIGITS.issuperset(text)


def is_id_prefix(text: str) -> bool:
    """Tell whether ``text`` could be the beginning of an id in lower-case hexadecimal."""
    return 0 < len(text) <= ID_HEX_DIGITS and _HEX_DIGITS.issuperset(text)
