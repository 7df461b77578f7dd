"""The keys of a repository's objects (docs/format/repository.md)."""

from __future__ import annotations

from dedupstore.errors import UsageError
from dedupstore.format.pack import PackKind
from dedupstore.ids import PackId, SnapshotId, is_id_hex

CONFIG_KEY = "config"
SNAPSHOTS_PREFIX = "snapshots"
HOLDS_PREFIX = "holds"
PACK_PREFIXES = {PackKind.DATA: "packs/data", PackKind.MANIFEST: "packs/manifest"}
OBJECT_PREFIXES = (SNAPSHOTS_PREFIX, *PACK_PREFIXES.values())


def pack_key(kind: PackKind, pack: PackId) -> str:
    """Return the key of a pack."""
    return f"{PACK_PREFIXES[kind]}/{pack.hex()}"


def snapshot_key(snapshot: SnapshotId) -> str:
    """Return the key of a snapshot record."""
    return f"{SNAPSHOTS_PREFIX}/{snapshot.hex()}"


def id_of_key(key: str) -> bytes:
    """Return the id that an object's key ends in.

    Raises:
        UsageError: the key does not end in an id.
    """
    name = key.rpartition("/")[2]
    if not is_id_hex(name):
        raise UsageError(f"not an object of a repository: {key}")
    return bytes.fromhex(name)
