"""The reserve: how large it is, and how what removes gets along with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

import dedupstore
from dedupstore import PruneOptions, RetentionPolicy
from dedupstore.engine.keys import GENERATIONS_PREFIX
from dedupstore.engine.reclaim import run
from dedupstore.engine.repository import RESERVE_BYTES_MIN
from dedupstore.engine.reserve import renew_reserve, reserve_bytes
from dedupstore.errors import IndexUnusable, NoSpace
from dedupstore.index.environment import IndexEnvironment
from dedupstore.storage.contract import Buffer
from dedupstore.storage.local import LocalStore
from small_archive import Archive

RESERVE_BYTES = 1000
DISK_BLOCK_BYTES = 4096
SNAPSHOTS = 30


def reserve_of(archive: Archive) -> int:
    """Return how large the reserve is; 0 where there is none."""
    path = archive.folder / "reserve"
    return path.stat().st_size if path.exists() else 0


def test_the_reserve_grows_with_the_packs_in_steps() -> None:
    """A line in a record and a row in the index for each pack fit, and it changes seldom."""
    assert reserve_bytes(0) == reserve_bytes(63) == RESERVE_BYTES_MIN
    assert reserve_bytes(64) == 2 * RESERVE_BYTES_MIN
    assert 512 * 20_000 <= reserve_bytes(20_000) <= 512 * 20_000 + RESERVE_BYTES_MIN


def test_a_snapshot_restores_the_reserve(tmp_path: Path) -> None:
    """Where the reserve is lost, or was that of another size, the next snapshot puts it right."""
    archive = Archive(tmp_path)
    archive.write("app.log", 1, lines=20)
    for before in (None, bytes(1 << 20)):
        (archive.folder / "reserve").unlink()
        if before is not None:
            (archive.folder / "reserve").write_bytes(before)
        archive.snapshot()
        assert reserve_of(archive) == RESERVE_BYTES_MIN


def test_without_an_index_there_is_a_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody can tell how many packs there are, the least is kept free."""

    def refuse(_: IndexEnvironment) -> int:
        raise IndexUnusable("damaged for a test")

    archive = Archive(tmp_path)
    (archive.folder / "reserve").unlink()
    monkeypatch.setattr(IndexEnvironment, "pack_count", refuse)
    with archive.open() as repository:
        renew_reserve(repository)
    assert reserve_of(archive) == RESERVE_BYTES_MIN


def test_more_snapshots_than_the_reserve_can_name_go_some_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What names the first of very many fits on a full disk; their records leave room to go on."""
    put = LocalStore.put

    def put_what_fits(store: LocalStore, key: str, parts: Sequence[Buffer]) -> None:
        removed = SNAPSHOTS - len(list((archive.folder / "snapshots").iterdir()))
        room_bytes = RESERVE_BYTES + removed * DISK_BLOCK_BYTES
        if key.startswith(GENERATIONS_PREFIX) and sum(map(len, parts)) > room_bytes:
            raise NoSpace("full for a test")
        put(store, key, parts)

    archive = Archive(tmp_path)
    archive.write("app.log", 1, lines=20)
    for _ in range(SNAPSHOTS):
        archive.snapshot()
    monkeypatch.setattr(LocalStore, "put", put_what_fits)
    monkeypatch.setattr(run, "_REMOVED_ON_FULL_DISK", 5)
    with archive.open() as repository:
        options = PruneOptions(RetentionPolicy(keep_last=1))
        report = dedupstore.prune(repository, options)
    assert len(report.removed) == SNAPSHOTS - 1
    assert len(archive.require_all_restore()) == 1
    assert reserve_of(archive) == RESERVE_BYTES_MIN
