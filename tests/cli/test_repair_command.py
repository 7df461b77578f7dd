"""``repair``: what scripts get of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.installed_command import Dedupstore
from faults.damage import flip

FIELDS = {
    "actions",
    "bytes_read",
    "bytes_written",
    "quarantined",
    "remaining",
    "seconds",
    "snapshots_affected",
}


@pytest.fixture
def logs(dedupstore: Dedupstore) -> Path:
    """Return a log that has been snapshotted."""
    path = dedupstore.folder / "a.log"
    path.write_bytes(b"".join(b"line %d of the log\n" % number for number in range(20_000)))
    dedupstore.snapshot(path.name)
    return path


def only_pack(dedupstore: Dedupstore) -> Path:
    """Return the one pack of data."""
    [pack] = (dedupstore.repository / "packs" / "data").iterdir()
    return pack


def files(folder: Path) -> dict[Path, bytes]:
    """Return all files but the index, locks and what is being written."""
    parts = ("packs", "snapshots", "quarantine", "generations", "parity")
    paths = [path for part in parts for path in (folder / part).rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in paths}


def test_nothing_to_mend_is_done_and_says_so(dedupstore: Dedupstore, logs: Path) -> None:
    """A sound repository exits with 0 and an empty list of actions."""
    assert logs.exists()
    outcome = dedupstore.run("repair", "--json").json
    assert set(outcome) == FIELDS
    assert (outcome["actions"], outcome["quarantined"], outcome["snapshots_affected"]) == (
        [],
        [],
        [],
    )
    assert "nothing to mend" in dedupstore.run("repair").text
    assert dedupstore.run("repair", "-q").text == ""


def test_what_can_be_mended_is_and_exits_with_0(dedupstore: Dedupstore, logs: Path) -> None:
    """A damaged table is mended, and the JSON names the pack and what was put aside."""
    assert logs.exists()
    pack = only_pack(dedupstore)
    sound = pack.read_bytes()
    flip(pack, -60)
    damaged = pack.read_bytes()
    outcome = dedupstore.run("repair", "--json").json
    [action] = outcome["actions"]
    assert (action["kind"], action["object"]) == ("heal-pack", f"packs/data/{pack.name}")
    assert action["detail"]
    assert pack.read_bytes() == sound
    [kept] = outcome["quarantined"]
    assert (dedupstore.repository / kept).read_bytes() == damaged
    assert dedupstore.run("check", "--data", "--json").json["findings"] == []


def test_what_stays_lost_exits_with_4_and_is_named(dedupstore: Dedupstore, logs: Path) -> None:
    """Lost chunks name the snapshot and the file; a new snapshot of the log heals the old one."""
    expected = logs.read_bytes()
    pack = only_pack(dedupstore)
    pack.write_bytes(pack.read_bytes()[: pack.stat().st_size // 4])
    outcome = dedupstore.run("repair", "--json", expect=4).json
    [snapshot] = dedupstore.run("list", "--json").json
    assert outcome["snapshots_affected"] == [snapshot["snapshot"]]
    [remaining] = outcome["remaining"]
    assert (remaining["kind"], remaining["files_hit"]) == ("chunks-missing", 1)
    assert remaining["files"][0]["path"].endswith("/a.log")
    text = dedupstore.run("repair", "-q", expect=4).text
    assert "a.log" in text
    assert "new snapshot" in text
    dedupstore.snapshot(logs.name)
    assert dedupstore.run("repair").text.startswith("nothing to mend")
    dedupstore.run("restore", snapshot["snapshot"], "--target", "out")
    [restored] = (dedupstore.folder / "out").rglob("a.log")
    assert restored.read_bytes() == expected


def test_a_dry_run_changes_nothing(dedupstore: Dedupstore, logs: Path) -> None:
    """With --dry-run the same actions are named, the exit code is the same, and all stays."""
    assert logs.exists()
    pack = only_pack(dedupstore)
    pack.write_bytes(pack.read_bytes()[: pack.stat().st_size // 4])
    before = files(dedupstore.repository)
    planned = dedupstore.run("repair", "--dry-run", "--json", expect=4).json
    assert "would salvage-pack" in dedupstore.run("repair", "--dry-run", expect=4).text
    assert files(dedupstore.repository) == before
    done = dedupstore.run("repair", "--json", expect=4).json
    kinds = [action["kind"] for action in planned["actions"] if action["kind"] != "rebuild-index"]
    assert [action["kind"] for action in done["actions"]] == kinds
    assert planned["quarantined"] == []
    assert planned["snapshots_affected"] == done["snapshots_affected"]


def test_a_damaged_snapshot_record_is_put_aside_once(dedupstore: Dedupstore, logs: Path) -> None:
    """The snapshot is gone, which exits with 4; from then on the repository is in order."""
    [record] = (dedupstore.repository / "snapshots").iterdir()
    dedupstore.snapshot(logs.name)
    flip(record, 20)
    outcome = dedupstore.run("repair", "--json", expect=4).json
    assert outcome["snapshots_affected"] == [record.name]
    assert outcome["quarantined"] == [f"quarantine/snapshots-{record.name}"]
    dedupstore.run("repair")
    assert dedupstore.run("check", "--json").json["findings"] == []
    dedupstore.run("prune", "--keep-last", "1")


def test_tables_only_reads_no_data(dedupstore: Dedupstore, logs: Path) -> None:
    """With --tables-only a damaged block is not found, and no bytes of data are read."""
    assert logs.exists()
    pack = only_pack(dedupstore)
    flip(pack, pack.stat().st_size // 2)
    assert dedupstore.run("repair", "--tables-only", "--json").json["bytes_read"] == 0
    assert dedupstore.run("repair", "--dry-run", "--json", expect=4).json["bytes_read"] > 0


def test_a_dry_run_points_to_repair_and_not_to_snapshots(
    dedupstore: Dedupstore, logs: Path
) -> None:
    """Before the repair, a new snapshot would heal nothing: the text names what comes first."""
    assert logs.exists()
    pack = only_pack(dedupstore)
    pack.write_bytes(pack.read_bytes()[: pack.stat().st_size // 4])
    planned = dedupstore.run("repair", "--dry-run", expect=4).text
    assert "new snapshot" not in planned
    assert "dedupstore repair" in planned
    assert "1 snapshot would be incomplete" in planned
    done = dedupstore.run("repair", expect=4).text
    assert "1 snapshot is incomplete" in done
    assert "new snapshot" in done
    # Now nothing but a snapshot helps, and check does not send people to repair.
    assert "dedupstore repair" not in dedupstore.run("check", expect=4).text


def test_a_file_of_many_snapshots_is_named_once(dedupstore: Dedupstore, logs: Path) -> None:
    """The text names each path once, however many snapshots have it; the JSON counts all."""
    for number in range(2):
        (dedupstore.folder / "b.log").write_text(f"line {number}\n")
        dedupstore.snapshot(logs.name, "b.log")
    pack = max((dedupstore.repository / "packs" / "data").iterdir(), key=lambda p: p.stat().st_size)
    flip(pack, pack.stat().st_size // 2)
    text = dedupstore.run("check", "--data", expect=4).text
    assert "files hit: 1\n" in text
    assert text.count("a.log") == 1
    assert "dedupstore repair --dry-run" in text
    [finding] = dedupstore.run("check", "--data", "--json", expect=4).json["findings"]
    assert finding["files_hit"] == 3


def test_a_damaged_policy_is_all_that_is_left(dedupstore: Dedupstore, logs: Path) -> None:
    """The text of repair says how to set it again, and speaks neither of snapshots nor of none."""
    assert logs.exists()
    dedupstore.run("policy", "set", "--keep-last", "9")
    flip(dedupstore.repository / "policies" / "default", 40)
    text = dedupstore.run("repair", expect=4).text
    assert "dedupstore policy set" in text
    assert "snapshot" not in text
    assert "dedupstore repair" not in dedupstore.run("check", expect=4).text
    dedupstore.run("policy", "set", "--keep-last", "9")
    dedupstore.run("repair")
    dedupstore.run("prune")


def test_parity_that_was_put_aside_is_told_of(dedupstore: Dedupstore, logs: Path) -> None:
    """Where parity cannot be made anew, the text names protect instead of claiming all is well."""
    assert logs.exists()
    dedupstore.run("protect", "--parity", "30")
    [parity] = (dedupstore.repository / "parity" / "data").iterdir()
    flip(parity, 0)
    flip(parity, -1)
    text = dedupstore.run("repair").text
    assert "remove-parity" in text
    assert "mended everything but parity" in text
    assert "dedupstore protect" in text
