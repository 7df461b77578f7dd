"""Rules of docs/format that need more than the bytes of one object."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dedupstore.engine.pack_reader import list_packs, read_table, stored_pack
from dedupstore.engine.repository import init_repository, open_repository
from dedupstore.engine.verified_block import verify_block
from dedupstore.errors import ChunkUnreadable, DamageError, FormatError, UnsupportedFormat
from dedupstore.format.block import ChunkInfo, decode_block, encode_block
from dedupstore.format.config import encode_config
from dedupstore.format.hashing import digest
from dedupstore.format.pack import PackKind, PackTable, encode_pack_header, encode_table_and_trailer
from dedupstore.limits import CHUNK_BYTES_MAX
from dedupstore.operations.check import check
from dedupstore.storage.contract import ObjectInfo

EMPTY_DATA_PACK = encode_pack_header(PackKind.DATA) + encode_table_and_trailer(
    PackTable(PackKind.DATA, ())
)


class DictStore:
    """A store of objects in memory that one can only read from."""

    location = "memory"

    def __init__(self, objects: dict[str, bytes]) -> None:
        self._objects = objects

    def get(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object."""
        end = None if length is None else offset + length
        return self._objects[key][offset:end]

    def object_bytes(self, key: str) -> int:
        """Return the size of an object."""
        return len(self._objects[key])

    def list_objects(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield the objects below a folder."""
        for key, data in self._objects.items():
            if key.rpartition("/")[0] == prefix:
                yield ObjectInfo(key, len(data))


def test_a_chunk_whose_bytes_are_not_its_own_is_never_handed_out() -> None:
    """B-12: a block with a right checksum and one wrong chunk gives only its other chunks."""
    chunks = [ChunkInfo(digest(b"sound"), 5), ChunkInfo(digest(b"wrong"), 5)]
    verified = verify_block(decode_block(encode_block(0, chunks, b"soundWRONG")))
    assert verified.damaged == (digest(b"wrong"),)
    assert bytes(verified.chunk(digest(b"sound"))) == b"sound"
    with pytest.raises(ChunkUnreadable):
        verified.chunk(digest(b"wrong"))


def test_files_with_other_names_are_no_packs() -> None:
    """R-01: what lies among the packs and is not named like one is passed over."""
    name = digest(EMPTY_DATA_PACK).hex()
    keys = [name, name.upper(), name[:-1], name + "0", name + ".tmp", "README"]
    store = DictStore({f"packs/data/{key}": EMPTY_DATA_PACK for key in keys})
    assert [pack.key for pack in list_packs(store)] == [f"packs/data/{name}"]


def test_a_pack_in_the_folder_of_another_kind_is_damaged() -> None:
    """R-03: a pack of data is read among the packs of data and refused among the manifests."""
    name = digest(EMPTY_DATA_PACK).hex()
    keys = [f"packs/data/{name}", f"packs/manifest/{name}"]
    store = DictStore(dict.fromkeys(keys, EMPTY_DATA_PACK))
    assert read_table(store, stored_pack(store, keys[0])).blocks == ()
    with pytest.raises(FormatError):
        read_table(store, stored_pack(store, keys[1]))


def change_chunking(folder: Path, **changes: Any) -> None:
    """Make a repository whose config has other parameters of chunking."""
    with init_repository(folder) as repository:
        config = repository.config
    changed = config._replace(chunking=config.chunking._replace(**changes))
    (folder / "config").write_bytes(encode_config(changed))


def test_an_unknown_chunking_algorithm_is_newer(tmp_path: Path) -> None:
    """C-02: a repository that cuts chunks another way is refused as newer."""
    change_chunking(tmp_path / "repository", algorithm="gear-line-2")
    with pytest.raises(UnsupportedFormat):
        open_repository(tmp_path / "repository")


@pytest.mark.parametrize(
    "changes",
    [
        {"bytes_target": 65535},
        {"bytes_min": 63},
        {"bytes_min": 65537},
        {"line_bound_bytes": 262144},
        {"bytes_max": CHUNK_BYTES_MAX + 1},
        {"bytes_max": (1 << 63) - 1},
    ],
    ids=str,
)
def test_impossible_chunk_sizes_are_damage(tmp_path: Path, changes: dict[str, int]) -> None:
    """C-03: parameters out of their ranges are refused before anything is cut or allocated."""
    change_chunking(tmp_path / "repository", **changes)
    with open_repository(tmp_path / "repository") as repository:
        with pytest.raises(DamageError):
            repository.chunker.find_cuts(b"", 0, 0, True)
        with pytest.raises(DamageError):
            check(repository)
