"""Repair of a repository with parity: packs come back exactly, and parity with them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import dedupstore
from dedupstore import ActionKind, RepairReport
from dedupstore.format.pack import PackKind
from faults.damage import flip, truncate
from sample_repository import SampleRepository, require_intact


@pytest.fixture
def protected(sample: SampleRepository) -> SampleRepository:
    """Return a repository of which each pack has 10 percent of parity."""
    with sample.open() as repository:
        dedupstore.protect(repository, percent=10)
    return sample


def repair(sample: SampleRepository) -> RepairReport:
    """Repair a sample."""
    with sample.open() as repository:
        return dedupstore.repair(repository)


def parity_of(sample: SampleRepository, pack: Path) -> Path:
    """Return where the parity of a pack is."""
    return sample.folder / "parity" / pack.relative_to(sample.folder / "packs")


@pytest.mark.parametrize("kind", list(PackKind))
def test_a_flipped_byte_heals_exactly(
    kind: PackKind, protected: SampleRepository, tmp_path: Path
) -> None:
    """A pack with a wrong byte in a block gets its own bytes again, and nothing is lost."""
    pack = protected.packs(kind)[0]
    sound = pack.read_bytes()
    flip(pack, len(sound) // 2)
    report = repair(protected)
    assert [(a.kind, a.detail) for a in report.actions] == [
        (ActionKind.HEAL_PACK, "from its parity")
    ]
    assert pack.read_bytes() == sound
    assert report.ok
    require_intact(protected, tmp_path / "out")


def test_a_pack_that_is_gone_comes_back_from_full_parity(
    sample: SampleRepository, tmp_path: Path
) -> None:
    """With parity as large as packs, a pack that is not there any more is brought back."""
    with sample.open() as repository:
        dedupstore.protect(repository, percent=100)
    pack = sample.packs(PackKind.DATA)[0]
    sound = pack.read_bytes()
    pack.unlink()
    report = repair(sample)
    assert ActionKind.BRING_BACK_PACK in {action.kind for action in report.actions}
    assert pack.read_bytes() == sound
    assert report.ok
    require_intact(sample, tmp_path / "out")


def test_damage_beyond_parity_is_salvaged_and_both_are_put_aside(
    protected: SampleRepository,
) -> None:
    """A pack that parity cannot mend goes to quarantine with its parity, and is put back by it."""
    pack = protected.packs(PackKind.DATA)[0]
    parity = parity_of(protected, pack)
    truncate(pack, pack.stat().st_size // 2)
    contents = {pack.read_bytes(), parity.read_bytes()}
    report = repair(protected)
    assert [action.kind for action in report.actions][:1] == [ActionKind.SALVAGE_PACK]
    assert not pack.exists()
    assert not parity.exists()
    assert {(protected.folder / key).read_bytes() for key in report.quarantined} == contents


def test_damaged_parity_of_sound_packs_is_replaced(tmp_path: Path) -> None:
    """Where the repository is to have parity, it is made anew, as it was."""
    (tmp_path / "a.log").write_text("a line\n" * 50_000)
    location = tmp_path / "repository"
    with dedupstore.init_repository(location, parity_percent=20) as repository:
        dedupstore.snapshot(repository, [tmp_path / "a.log"])
    [parity] = (location / "parity" / "data").iterdir()
    sound = parity.read_bytes()
    flip(parity, len(sound) // 2)
    with dedupstore.open_repository(location) as repository:
        report = dedupstore.repair(repository)
        assert [action.kind for action in report.actions] == [ActionKind.RENEW_PARITY]
        assert dedupstore.check(repository, dedupstore.CheckOptions(data=True)).findings == []
    assert parity.read_bytes() == sound


@pytest.mark.parametrize("place", [0, -1, 0.5], ids=["head", "foot", "shard"])
def test_damaged_parity_that_protect_made_is_replaced(
    sample: SampleRepository, place: float
) -> None:
    """It is made anew as it was, also where init asked for none; the damaged one is kept."""
    with sample.open() as repository:
        dedupstore.protect(repository, percent=30)
    parity = parity_of(sample, sample.packs(PackKind.DATA)[0])
    sound = parity.read_bytes()
    flip(parity, len(sound) // 2 if place == 0.5 else int(place))
    damaged = parity.read_bytes()
    report = repair(sample)
    assert [action.kind for action in report.actions] == [ActionKind.RENEW_PARITY]
    assert report.ok
    assert parity.read_bytes() == sound
    assert [(sample.folder / key).read_bytes() for key in report.quarantined] == [damaged]


def test_parity_of_unknown_size_is_put_aside(protected: SampleRepository) -> None:
    """Where nothing says how much there was, it goes to quarantine; protect makes it anew."""
    parity = parity_of(protected, protected.packs(PackKind.DATA)[0])
    for end in (0, -1):
        flip(parity, end)
    damaged = parity.read_bytes()
    report = repair(protected)
    assert [action.kind for action in report.actions] == [ActionKind.REMOVE_PARITY]
    assert report.ok
    assert not parity.exists()
    assert [(protected.folder / key).read_bytes() for key in report.quarantined] == [damaged]
    with protected.open() as repository:
        assert dedupstore.protect(repository, percent=10).packs == 1


def test_parity_that_cannot_be_made_here_stays(
    protected: SampleRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the library for it, damaged parity, which may still heal its pack, stays."""
    parity = parity_of(protected, protected.packs(PackKind.DATA)[0])
    flip(parity, -1)
    monkeypatch.setitem(sys.modules, "dedupstore.engine.parity_encoder", None)
    assert repair(protected).actions == ()
    assert parity.exists()
