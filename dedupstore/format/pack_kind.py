"""The kinds of packs: apart from their layout, for those who only name them."""

from __future__ import annotations

from enum import IntEnum


class PackKind(IntEnum):
    """What a pack holds: chunks of logs, or pieces of manifests and chunk lists."""

    DATA = 1
    MANIFEST = 2
