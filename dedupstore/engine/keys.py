"""The keys of a repository's objects, and what is stored under them (docs/format/repository.md)."""

from __future__ import annotations

from collections.abc import Iterator

from dedupstore.format.generation_record import generation_name
from dedupstore.format.pack_kind import PackKind
from dedupstore.ids import PackId, SnapshotId, is_id_hex
from dedupstore.storage.contract import ReadStore

CONFIG_KEY = "config"
SNAPSHOTS_PREFIX = "snapshots"
HOLDS_PREFIX = "holds"
VERIFIED_KEY = "verified"
POLICIES_PREFIX = "policies"
GENERATIONS_PREFIX = "generations"
PACK_PREFIXES = {PackKind.DATA: "packs/data", PackKind.MANIFEST: "packs/manifest"}
PARITY_PREFIXES = {PackKind.DATA: "parity/data", PackKind.MANIFEST: "parity/manifest"}
OBJECT_PREFIXES = (SNAPSHOTS_PREFIX, *PACK_PREFIXES.values())
OTHER_PREFIXES = (HOLDS_PREFIX, POLICIES_PREFIX, GENERATIONS_PREFIX)


def pack_key(kind: PackKind, pack: PackId) -> str:
    """Return the key of a pack."""
    return f"{PACK_PREFIXES[kind]}/{pack.hex()}"


def parity_key(kind: PackKind, pack: PackId) -> str:
    """Return the key of the parity of a pack."""
    return f"{PARITY_PREFIXES[kind]}/{pack.hex()}"


def snapshot_key(snapshot: SnapshotId) -> str:
    """Return the key of a snapshot record."""
    return f"{SNAPSHOTS_PREFIX}/{snapshot.hex()}"


def generation_key(generation: int) -> str:
    """Return the key of a generation record: 16 hexadecimal digits, which sort as the numbers."""
    return f"{GENERATIONS_PREFIX}/{generation_name(generation)}"


def stored_ids(store: ReadStore, prefix: str) -> Iterator[tuple[bytes, int]]:
    """Yield the id and the size of each object below ``prefix``; files of other names are none.

    Raises:
        StorageError: the store could not list.
    """
    for key, object_bytes in store.list_objects(prefix):
        name = key.rpartition("/")[2]
        if is_id_hex(name):
            yield bytes.fromhex(name), object_bytes
