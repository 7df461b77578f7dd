"""``release``: a hold can be ended whatever has become of the snapshot."""

from __future__ import annotations

import pytest

from cli.installed_command import Dedupstore
from cli.reclaim_archive import Removable, make_removable
from faults.damage import flip


@pytest.fixture
def removable(dedupstore: Dedupstore) -> Removable:
    """Return a repository with three snapshots of one set and two of another."""
    return make_removable(dedupstore)


def test_a_damaged_record_is_no_obstacle(removable: Removable) -> None:
    """A held snapshot whose record is damaged is released by its id, and can be forgotten."""
    command, damaged = removable.command, removable.web[1]
    command.run("hold", damaged)
    flip(command.repository / "snapshots" / damaged, 30)
    command.run("forget", damaged, expect=1)
    assert command.run("release", damaged[:12], "--json").json == {"snapshots": [damaged]}
    command.run("forget", damaged)
    removable.require_sound()


def test_a_hold_without_a_record_can_be_ended(removable: Removable) -> None:
    """The hold that is left of a snapshot in quarantine ends by its id; then it is unknown."""
    command, gone = removable.command, removable.web[1]
    command.run("hold", gone, removable.web[0])
    flip(command.repository / "snapshots" / gone, 30)
    command.run("repair", expect=4)
    assert gone not in removable.listed()
    assert command.run("release", gone[:8].upper()).text == f"released {gone[:12]}\n"
    holds = [path.name for path in (command.repository / "holds").iterdir()]
    assert holds == [removable.web[0]]
    command.run("release", gone, expect=1)


def test_a_prefix_of_a_hold_and_a_snapshot_is_ambiguous(removable: Removable) -> None:
    """Where a prefix means a snapshot and a hold without one, both are named, and none ends."""
    command, held = removable.command, removable.web[0]
    command.run("hold", held)
    left = held[:10] + ("0" if held[10] != "0" else "1") * 54
    folder = command.repository / "holds"
    (folder / left).write_bytes((folder / held).read_bytes())
    outcome = command.run("release", held[:6], "--json", expect=1)
    assert sorted(outcome.json["error"]["candidates"]) == sorted([held, left])
    assert len(list(folder.iterdir())) == 2
    command.run("release", left, "latest~4")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["ffffffff", "no", "", "fff", "latest~9", "@2020-01-01"])
def test_an_unknown_one_is_told(removable: Removable, name: str) -> None:
    """What means neither a snapshot nor a hold exits with 1, and no other hold ends."""
    removable.command.run("hold", removable.web[0])
    error = removable.command.run("release", removable.web[0], name, "--json", expect=1).json
    assert error["error"]["kind"] == "snapshot-unknown"
    assert len(list((removable.command.repository / "holds").iterdir())) == 1
