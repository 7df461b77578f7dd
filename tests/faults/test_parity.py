"""Repositories with parity: each pack has it, and damage to packs can be mended."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import dedupstore
from dedupstore.engine.keys import parity_key
from dedupstore.engine.pack_reader import StoredPack, list_packs
from dedupstore.engine.parity import heal_pack, packs_without_parity, stored_parity
from dedupstore.errors import NoSpace, UsageError
from dedupstore.storage.contract import Buffer
from dedupstore.storage.local import LocalStore
from sample_repository import SampleRepository, log_lines, require_intact


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Return a folder with a log in it."""
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "app.log").write_bytes(log_lines(3000, seed=1))
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> dedupstore.Repository:
    """Return an empty repository with 10 percent of parity."""
    return dedupstore.init_repository(tmp_path / "repository", parity_percent=10)


def packs_of(repository: dedupstore.Repository) -> list[StoredPack]:
    """Return the packs of a repository."""
    return list(list_packs(repository.store))


def path_of(repository: dedupstore.Repository, pack: StoredPack) -> Path:
    """Return the file of a pack."""
    return Path(repository.location) / pack.key


def flip(path: Path, offset: int) -> None:
    """Change one byte of a file."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def kinds(report: dedupstore.CheckReport) -> list[str]:
    """Return the kinds of what check found, in the order of their names."""
    return sorted(finding.kind for finding in report.findings)


def test_a_snapshot_stores_parity_with_each_pack(
    repository: dedupstore.Repository, logs: Path
) -> None:
    """Each pack of logs and of manifests has parity, which the report counts as stored."""
    report = dedupstore.snapshot(repository, [logs])
    packs = packs_of(repository)
    parity = stored_parity(repository.store)
    assert parity.keys() == {(pack.kind, pack.id) for pack in packs}
    assert {pack.kind.name for pack in packs} == {"DATA", "MANIFEST"}
    assert report.bytes_stored >= sum(pack.pack_bytes for pack in packs) + sum(parity.values())
    assert dedupstore.check(repository, dedupstore.CheckOptions(data=True)).findings == []


def test_every_damaged_pack_of_a_repository_is_healed(
    repository: dedupstore.Repository, logs: Path, tmp_path: Path
) -> None:
    """Packs with a flipped byte each are given back exactly, and put back, everything restores."""
    report = dedupstore.snapshot(repository, [logs])
    assert report.snapshot is not None
    for pack in packs_of(repository):
        path = path_of(repository, pack)
        original = path.read_bytes()
        flip(path, len(original) // 2)
        healed = heal_pack(repository.store, pack.kind, pack.id)
        assert healed == original
        repository.store.put(pack.key, [healed])
    sample = SampleRepository(Path(repository.location), logs, [report.snapshot])
    sample.trees = [{"app.log": (logs / "app.log").read_bytes()}]
    require_intact(sample, tmp_path / "out")


def test_the_percentage_is_kept_when_a_repository_is_opened_again(
    repository: dedupstore.Repository, logs: Path
) -> None:
    """The percentage of init holds for all later writers."""
    location = repository.location
    repository.close()
    with dedupstore.open_repository(location) as again:
        assert again.config.parity_percent == 10
        dedupstore.snapshot(again, [logs])
        assert list(packs_without_parity(again.store, 10)) == []


def test_parity_is_stored_after_its_pack_and_before_the_pack_is_indexed(
    repository: dedupstore.Repository, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full when parity is written leaves a pack that the index does not know yet."""
    original = LocalStore.put
    put: list[str] = []

    def refuse_parity(store: LocalStore, key: str, parts: Sequence[Buffer]) -> None:
        put.append(key.split("/")[0])
        if put[-1] == "parity":
            raise NoSpace("full")
        original(store, key, parts)

    monkeypatch.setattr(LocalStore, "put", refuse_parity)
    with pytest.raises(NoSpace):
        dedupstore.snapshot(repository, [logs])
    assert put[-2:] == ["packs", "parity"]
    assert "snapshots" not in put
    monkeypatch.undo()
    assert dedupstore.list_snapshots(repository) == []
    dedupstore.snapshot(repository, [logs])
    dedupstore.protect(repository)
    assert dedupstore.check(repository, dedupstore.CheckOptions(data=True)).ok
    assert list(packs_without_parity(repository.store)) == []


def test_a_missing_library_stops_a_snapshot_before_anything_is_stored(
    repository: dedupstore.Repository, logs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without the library, init and snapshots with parity are refused; reading goes on."""
    dedupstore.snapshot(repository, [logs])
    before = {pack.id for pack in packs_of(repository)}
    monkeypatch.delitem(sys.modules, "dedupstore.engine.parity_encoder")
    monkeypatch.setitem(sys.modules, "pyeclib.ec_iface", None)
    (logs / "new.log").write_bytes(log_lines(500, seed=2))
    with pytest.raises(UsageError, match="not installed"):
        dedupstore.snapshot(repository, [logs])
    with pytest.raises(UsageError, match="not installed"):
        dedupstore.init_repository(tmp_path / "another", parity_percent=10)
    assert not (tmp_path / "another").exists()
    assert {pack.id for pack in packs_of(repository)} == before
    assert dedupstore.check(repository, dedupstore.CheckOptions(data=True)).ok
    dedupstore.unprotect(repository)


def test_protect_makes_what_is_missing_and_nothing_twice(sample: SampleRepository) -> None:
    """Protect makes parity for all packs of a repository without; again, it has nothing to do."""
    with sample.open() as repository:
        packs = packs_of(repository)
        report = dedupstore.protect(repository)
        parity = stored_parity(repository.store)
        assert (report.percent, report.packs, len(parity)) == (10, len(packs), len(packs))
        assert report.bytes_added == sum(parity.values())
        again = dedupstore.protect(repository)
        assert (again.packs, again.bytes_added) == (0, 0)
        other = dedupstore.protect(repository, percent=100)
        assert other.packs == len(packs)
        assert list(packs_without_parity(repository.store, 100)) == []
        removed = dedupstore.unprotect(repository)
        assert (removed.packs, removed.bytes_removed) == (len(packs), other.bytes_added)
        assert stored_parity(repository.store) == {}


def test_protect_takes_the_percentage_of_init(
    repository: dedupstore.Repository, logs: Path
) -> None:
    """What is missing is made with the percentage that the repository was made with."""
    dedupstore.snapshot(repository, [logs])
    shutil.rmtree(Path(repository.location) / "parity")
    assert kinds(dedupstore.check(repository)) == ["parity-missing"]
    assert dedupstore.protect(repository).percent == 10
    assert dedupstore.check(repository).findings == []


def test_protect_makes_no_parity_of_damage(repository: dedupstore.Repository, logs: Path) -> None:
    """A damaged pack keeps the parity that heals it, whatever percentage is asked for."""
    dedupstore.snapshot(repository, [logs])
    pack = packs_of(repository)[0]
    path = path_of(repository, pack)
    original = path.read_bytes()
    path.write_bytes(original[:-100])
    report = dedupstore.protect(repository, percent=50)
    assert report.packs_damaged == 1
    assert heal_pack(repository.store, pack.kind, pack.id) == original


def test_check_tells_of_damaged_parity_as_a_warning(
    repository: dedupstore.Repository, logs: Path
) -> None:
    """Reading all data, check names parity that is damaged; nothing stored is lost by that."""
    dedupstore.snapshot(repository, [logs])
    pack = packs_of(repository)[0]
    key = parity_key(pack.kind, pack.id)
    path = Path(repository.location) / key
    flip(path, os.path.getsize(path) // 2)
    assert dedupstore.check(repository).findings == []
    report = dedupstore.check(repository, dedupstore.CheckOptions(data=True))
    assert report.ok
    assert [(finding.kind, finding.object) for finding in report.findings] == [
        ("parity-damaged", key)
    ]
