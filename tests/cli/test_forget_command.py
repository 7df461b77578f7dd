"""``forget``: snapshots go by name, and only those."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from cli.installed_command import Argument, Dedupstore
from cli.reclaim_archive import (
    MEANWHILE,
    RECLAIM_FIELDS,
    Removable,
    hold_meanwhile,
    make_removable,
    packs_by_age,
)
from dedupstore.cli.run import run
from faults.damage import flip


@pytest.fixture
def removable(dedupstore: Dedupstore) -> Removable:
    """Return a repository with three snapshots of one set and two of another."""
    return make_removable(dedupstore)


def test_the_json_says_what_was_removed(removable: Removable) -> None:
    """The ids come in the order in which they were named, once each, with the freed bytes."""
    first, second, _ = removable.web
    report = removable.command.run("forget", second, first[:12], second[:8], "--json").json
    assert set(report) == {"removed"} | RECLAIM_FIELDS
    assert report["removed"] == [second, first]
    assert report["freed_bytes"] > 60_000
    assert report["swept"] is True
    assert removable.listed() == [removable.web[2], *removable.db]
    removable.require_sound()


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        (("latest",), 4),
        (("latest~4",), 0),
        (("latest", "--set", "web"), 2),
        (("latest~1", "--set", "web"), 1),
        (("@2026-03-02T23:59:59Z",), 1),
        (("@2026-03-02T13:00:00", "--timezone", "Europe/Paris"), 1),
        (("@2026-12-31", "--set", "web"), 2),
    ],
)
def test_a_snapshot_is_named_as_everywhere(
    removable: Removable, arguments: tuple[str, ...], number: int
) -> None:
    """latest, latest~N and @TIME mean what they mean to other commands, within --set."""
    there = [*removable.web, *removable.db]
    report = removable.command.run("forget", *arguments, "--json").json
    assert report["removed"] == [there[number]]
    assert removable.listed() == there[:number] + there[number + 1 :]


def test_names_are_resolved_before_anything_is_removed(removable: Removable) -> None:
    """latest and latest~1 together are the two newest, not the newest and the third."""
    removable.command.run("forget", "latest", "latest~1")
    assert removable.listed() == list(removable.web)


def test_a_dry_run_changes_nothing_and_tells_what_then_happens(removable: Removable) -> None:
    """With --dry-run all files stay, and the real run then removes what was foretold."""
    command, before = removable.command, removable.state()
    foretold = command.run("forget", removable.web[1], "--dry-run", "--json").json
    text = command.run("forget", removable.web[1], "--dry-run").text
    assert text.startswith(f"would remove {removable.web[1][:12]}\nwould remove ")
    assert removable.state() == before
    done = command.run("forget", removable.web[1], "--json").json
    for name in ("removed", "plan", "swept", "pieces_read", "packs_dead", "packs_repacked"):
        assert foretold[name] == done[name]
    assert foretold["freed_bytes"] == pytest.approx(done["freed_bytes"], rel=0.1)


def test_the_text_names_what_was_removed(removable: Removable) -> None:
    """Each removed snapshot gets a line, then what that freed; -q says nothing."""
    lines = removable.command.run("forget", removable.web[0], removable.web[1]).text.splitlines()
    assert lines[:2] == [f"removed {id_[:12]}" for id_ in removable.web[:2]]
    assert lines[2].startswith("freed ")
    quiet = removable.command.run("-q", "forget", removable.web[2])
    assert (quiet.stdout, quiet.stderr) == (b"", "")


def test_what_is_not_well_is_said_even_with_q(
    removable: Removable, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A snapshot that is held just before it would go, and lost chunks, are told despite -q."""
    monkeypatch.setattr("dedupstore.operations.forget.reclaim", hold_meanwhile)
    location = str(removable.command.repository)
    assert run(["-q", "--repo", location, "forget", removable.web[0], removable.db[0]]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert f"{MEANWHILE}{removable.web[0][:12]}" in lines
    assert f"removed {removable.db[0][:12]}" in lines
    assert removable.listed() == [*removable.web, removable.db[1]]
    removable.require_sound()
    packs_by_age(removable.command.repository, "data")[-1].unlink()
    assert "are lost" in removable.command.run("-q", "forget", removable.web[1]).text


def test_the_last_snapshot_can_be_forgotten(removable: Removable) -> None:
    """By name all snapshots can go, the last complete one of a set, too; nothing is left."""
    removable.command.run("forget", *removable.web, *removable.db)
    assert removable.listed() == []
    packs = removable.command.repository / "packs"
    assert [path for path in packs.rglob("*") if path.is_file()] == []
    removable.require_sound()
    (removable.command.folder / "logs" / "new.log").write_text("new\n")
    removable.command.snapshot("logs", "--set", "web")
    removable.require_sound()


@pytest.mark.parametrize(
    ("name", "candidates"),
    [("latest~9", True), ("ffffffff", True), ("@2020-01-01", True), ("no", False), ("", False)],
)
def test_an_unknown_one_removes_none(removable: Removable, name: str, candidates: bool) -> None:
    """Where one of several names means nothing: exit 1, the candidates, and all stay."""
    before = removable.state()
    outcome = removable.command.run("forget", removable.web[0], name, "--json", expect=1)
    error = outcome.json["error"]
    assert (error["code"], error["kind"]) == (1, "snapshot-unknown")
    assert set(error["candidates"]) == ({*removable.web, *removable.db} if candidates else set())
    assert len(outcome.error_lines) == 1
    assert removable.state() == before


def test_an_ambiguous_one_removes_none(removable: Removable) -> None:
    """A prefix of several ids: exit 1, exactly these as candidates, and all stay."""
    folder = removable.command.repository / "snapshots"
    twins = ["abcd1" + "0" * 59, "abcd2" + "0" * 59]
    for id_ in twins:
        (folder / id_).write_bytes(b"{}")
    before = removable.state()
    outcome = removable.command.run("forget", removable.web[0], "abcd", "--json", expect=1)
    assert sorted(outcome.json["error"]["candidates"]) == twins
    assert all(id_[:12] in outcome.stderr for id_ in twins)
    assert removable.state() == before


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_held_one_removes_none(removable: Removable, more: tuple[str, ...]) -> None:
    """A held snapshot among the named ones: exit 1 and the command that releases it."""
    removable.command.run("hold", removable.web[1])
    before = removable.state()
    outcome = removable.command.run("forget", *removable.web, *more, expect=1)
    assert outcome.stderr.splitlines() == [
        f"error: snapshot {removable.web[1][:12]} is held",
        f"hint: end that first with: dedupstore release {removable.web[1][:12]}",
    ]
    assert removable.state() == before
    removable.command.run("release", removable.web[1])
    removable.command.run("forget", *removable.web)


def test_a_damaged_record_can_be_forgotten(removable: Removable) -> None:
    """A snapshot whose record is damaged goes by the beginning of its id, and prune works again."""
    flip(removable.command.repository / "snapshots" / removable.web[1], 30)
    removable.command.run("prune", "--keep-last", "9", expect=4)
    report = removable.command.run("forget", removable.web[1][:12], "--json").json
    assert report["removed"] == [removable.web[1]]
    removable.require_sound()
    removable.command.run("prune", "--keep-last", "9")


def test_a_snapshot_of_a_damaged_manifest_can_be_forgotten(removable: Removable) -> None:
    """Forgetting the one snapshot that cannot be followed is possible; with others left, not."""
    pack = packs_by_age(removable.command.repository, "manifest")[2]
    flip(pack, pack.stat().st_size // 4)
    before = removable.state()
    outcome = removable.command.run("forget", removable.web[0], expect=4)
    assert removable.web[2][:12] in outcome.stderr
    assert removable.state() == before
    removable.command.run("forget", removable.web[2])
    assert removable.listed() == [*removable.web[:2], *removable.db]
    removable.require_sound()


def test_another_removal_is_11(removable: Removable) -> None:
    """While another process holds the removal lock, forget exits with 11, and all stay."""
    before = removable.state()
    descriptor = os.open(removable.command.repository / "locks" / "removal", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        removable.command.run("forget", "latest", expect=11)
        removable.command.run("forget", "latest", "--lock-wait", "0.1s", expect=11)
    finally:
        os.close(descriptor)
    assert removable.state() == before


@pytest.mark.parametrize(
    "arguments",
    [(), ("latest", "--merge-packs", "1"), ("latest", "--max-unused", "x"), ("@yesterday",)],
)
def test_wrong_usage_is_2(removable: Removable, arguments: tuple[Argument, ...]) -> None:
    """No snapshot named, a silly value or what is no time: exit 2, and all stay."""
    before = removable.state()
    assert removable.command.run("forget", *arguments, expect=2).error_lines
    assert removable.state() == before


def test_global_options_stand_before_and_behind(removable: Removable, tmp_path: Path) -> None:
    """Global options mean the same before forget and behind it."""
    elsewhere = Dedupstore(tmp_path / "nowhere", removable.command.folder)
    options = ("--json", "--repo", str(removable.command.repository))
    first = elsewhere.run(*options, "forget", "latest", "--dry-run").json
    second = elsewhere.run("forget", "latest", "--dry-run", *options).json
    assert first["removed"] == second["removed"] == [removable.db[1]]


def test_names_do_not_reach_the_terminal_raw(removable: Removable) -> None:
    """What was typed as a snapshot or a set is escaped in errors."""
    for arguments in ((b"latest\x1b[2J",), (b"\x1b]0;x\x07",), ("latest", "--set", b"\x1b[2J\xff")):
        outcome = removable.command.run("forget", *arguments, expect=1)
        shown = outcome.text + outcome.stderr
        assert {character for character in shown if not character.isprintable()} <= {"\n"}
