"""``prune``: what scripts get of it, and what it never does."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.installed_command import Argument, Dedupstore
from cli.reclaim_archive import (
    MEANWHILE,
    RECLAIM_FIELDS,
    Removable,
    add_newer_generation,
    add_newer_pack,
    add_newer_snapshot,
    hold_meanwhile,
    make_removable,
    packs_by_age,
)
from dedupstore.cli.run import run
from faults.damage import flip

FIELDS = {"kept", "removed", "still_listed"} | RECLAIM_FIELDS
KEEP_ONE = ("prune", "--keep-last", "1")


@pytest.fixture
def removable(dedupstore: Dedupstore) -> Removable:
    """Return a repository with three snapshots of one set and two of another."""
    return make_removable(dedupstore)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Removable:
    """Return such a repository for tests that change nothing in it."""
    base = tmp_path_factory.mktemp("untouched")
    command = Dedupstore(base / "repository", base)
    command.run("init", "--chunk-size", "4KiB")
    return make_removable(command)


def ids(decisions: list[dict[str, object]]) -> list[object]:
    """Return the snapshots of what the JSON lists."""
    return [decision["snapshot"] for decision in decisions]


def test_the_json_says_what_was_kept_and_removed_and_why(removable: Removable) -> None:
    """Every snapshot is in one of two lists, oldest first, with its set, time and reasons."""
    report = removable.command.run(*KEEP_ONE, "--keep-tag", "release", "--json").json
    assert set(report) == FIELDS
    first, second, third = removable.web
    assert report["kept"] == [
        {"snapshot": first, "time": "2026-03-01T12:00:00Z", "set": "web",
         "reasons": ["tag release"]},
        {"snapshot": third, "time": "2026-03-03T12:00:00Z", "set": "web", "reasons": ["last 1"]},
        {"snapshot": removable.db[1], "time": "2026-03-05T12:00:00Z", "set": "db",
         "reasons": ["last 1"]},
    ]  # fmt: skip
    assert report["removed"] == [
        {"snapshot": second, "time": "2026-03-02T12:00:00Z", "set": "web",
         "reasons": ["no rule keeps it"]},
        {"snapshot": removable.db[0], "time": "2026-03-04T12:00:00Z", "set": "db",
         "reasons": ["no rule keeps it"]},
    ]  # fmt: skip
    assert report["still_listed"] == []
    assert report["swept"] is True
    assert report["packs_dead"] >= 1
    assert removable.listed() == [first, third, removable.db[1]]
    removable.require_sound()


def test_freed_bytes_are_what_the_packs_shrink_by(removable: Removable) -> None:
    """What is said to be freed is by how much all packs together have become smaller."""

    def stored() -> int:
        folder = removable.command.repository / "packs"
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    before = stored()
    report = removable.command.run(*KEEP_ONE, "--max-unused", "0", "--json").json
    assert report["freed_bytes"] == before - stored() > 50_000


def test_a_dry_run_changes_nothing_and_tells_what_then_happens(removable: Removable) -> None:
    """With --dry-run all files stay; the real run then removes just what was foretold."""
    command, before = removable.command, removable.state()
    foretold = command.run(*KEEP_ONE, "--max-unused=0", "--dry-run", "--json").json
    assert removable.state() == before
    assert set(foretold) == FIELDS
    done = command.run(*KEEP_ONE, "--max-unused=0", "--json").json
    for name in ("kept", "removed", "plan", "swept", "pieces_read"):
        assert foretold[name] == done[name]
    planned = foretold["plan"]
    assert len(planned["dead"]) + len(planned["repack"]) == done["packs_dead"] > 0
    assert len(planned["repack"]) == done["packs_repacked"]
    for name in ("packs_dead", "packs_repacked"):
        assert foretold[name] == done[name]
    assert foretold["freed_bytes"] == pytest.approx(done["freed_bytes"], rel=0.1)
    assert removable.state() != before


def test_a_dry_run_is_told_as_what_would_be(untouched: Removable) -> None:
    """The text of a dry run lists each snapshot with the reason, and says would, not did."""
    removable = untouched
    text = removable.command.run(*KEEP_ONE, "--dry-run").text
    lines = text.splitlines()
    assert lines[0].split() == ["snapshot", "time", "set", "reasons"]
    assert [line.split()[:2] for line in lines[1:6]] == [
        ["remove", removable.web[0][:12]],
        ["remove", removable.web[1][:12]],
        ["keep", removable.web[2][:12]],
        ["remove", removable.db[0][:12]],
        ["keep", removable.db[1][:12]],
    ]
    assert lines[6] == "would remove 3 snapshots, 2 kept"
    assert "would be freed" in text
    assert "freed " not in text.replace("be freed", "")


def test_a_run_is_told_in_two_lines(removable: Removable) -> None:
    """What was removed and freed is said in words; -v lists the snapshots, -q says nothing."""
    lines = removable.command.run("prune", "--keep-last", "2").text.splitlines()
    assert lines[0] == "removed 1 snapshot, 4 kept"
    assert lines[1].startswith("freed ")
    lines = removable.command.run(*KEEP_ONE, "-v").text.splitlines()
    assert lines[1].split()[:2] == ["remove", removable.web[1][:12]]
    quiet = removable.command.run(*KEEP_ONE, "-q")
    assert (quiet.stdout, quiet.stderr) == (b"", "")


def test_removing_nothing_is_done_and_says_so(removable: Removable) -> None:
    """Where every snapshot is kept the exit code is 0, and the text says that none goes."""
    for more in ((), ("--dry-run",)):
        text = removable.command.run("prune", "--keep-last", "9", *more).text
        assert text.splitlines()[-2:] == ["no snapshot to remove, 5 kept", "nothing to free"]
    report = removable.command.run("prune", "--keep-last", "9", "--json").json
    assert (report["removed"], report["freed_bytes"]) == ([], 0)
    assert len(removable.listed()) == 5


def test_an_empty_repository_has_nothing_to_prune(dedupstore: Dedupstore) -> None:
    """Without any snapshot prune exits with 0."""
    assert dedupstore.run(*KEEP_ONE).text.startswith("no snapshot to remove, 0 kept\n")
    assert dedupstore.run(*KEEP_ONE, "--dry-run", "--json").json["kept"] == []


def test_each_set_goes_by_its_own_policy(removable: Removable) -> None:
    """A bare prune takes the policy of each set, and the default one for those without."""
    command = removable.command
    command.run("policy", "set", "--keep-last", "1")
    command.run("policy", "set", "--set", "web", "--keep-last", "2")
    report = command.run("prune", "--json").json
    assert ids(report["removed"]) == [removable.web[0], removable.db[0]]
    assert removable.listed() == [*removable.web[1:], removable.db[1]]


def test_a_set_without_a_policy_keeps_all_and_is_named(removable: Removable) -> None:
    """Where only some sets have a policy, the others keep all, and the text and JSON say so."""
    command = removable.command
    command.run("policy", "set", "--set", "web", "--keep-last", "1")
    text = command.run("prune", "--dry-run").text
    assert "set db has no policy and keeps all\n" in text
    report = command.run("prune", "--json").json
    assert ids(report["removed"]) == list(removable.web[:2])
    kept = {decision["snapshot"]: decision["reasons"] for decision in report["kept"]}
    assert [kept[id_] for id_ in removable.db] == [["the set has no policy"]] * 2


def test_options_take_the_place_of_policies(removable: Removable) -> None:
    """With --keep options the stored policies are not asked; --set leaves other sets alone."""
    command = removable.command
    command.run("policy", "set", "--keep-last", "9")
    report = command.run(*KEEP_ONE, "--set", "web", "--json").json
    assert ids(report["kept"]) == [removable.web[2]]
    assert removable.listed() == [removable.web[2], *removable.db]


def test_a_held_snapshot_is_kept(removable: Removable) -> None:
    """A held snapshot stays, says that it is held, and takes no other's place."""
    removable.command.run("hold", removable.web[0])
    report = removable.command.run(*KEEP_ONE, "--json").json
    kept = {decision["snapshot"]: decision["reasons"] for decision in report["kept"]}
    assert kept[removable.web[0]] == ["held"]
    assert removable.listed() == [removable.web[0], removable.web[2], removable.db[1]]
    removable.require_sound()


@pytest.mark.parametrize(
    "arguments",
    [
        ("prune",),
        ("prune", "--dry-run"),
        ("prune", "--set", "web"),
        ("prune", "--keep-last", "0"),
        ("prune", "--keep-daily", "0", "--keep-weekly", "0"),
        (*KEEP_ONE, "--set", "none"),
        (*KEEP_ONE, "--set", ""),
        *[("prune", "--keep-tag", tag) for tag in ("", "a\nb", "\x1b[2J", b"\xff", "a" * 201)],
        (*KEEP_ONE, "--keep-tag", ""),
        (*KEEP_ONE, "--max-unused", "-1"),
        (*KEEP_ONE, "--max-unused", "101%"),
        (*KEEP_ONE, "--max-unused", "nan"),
        (*KEEP_ONE, "--max-unused", "10MB"),
        (*KEEP_ONE, "--small-pack", "-1"),
        (*KEEP_ONE, "--small-pack", "9" * 30),
        (*KEEP_ONE, "--small-pack", "few"),
        (*KEEP_ONE, "--merge-packs", "1"),
        (*KEEP_ONE, "--merge-packs", "1.5"),
        (*KEEP_ONE, "--merge-packs", "-2"),
        ("prune", "--keep-last", "-1"),
        ("prune", "--keep-hourly", "1e9"),
        ("prune", "--keep-within", "7"),
        ("prune", "--keep-within", "-7d"),
        (*KEEP_ONE, "web"),
    ],
    ids=lambda arguments: repr(arguments)[:60],
)
def test_what_says_nothing_to_keep_or_means_nothing_is_2(
    untouched: Removable, arguments: tuple[Argument, ...]
) -> None:
    """No policy, an empty one, an unknown set or a silly value: exit 2 and a hint, no change."""
    before = untouched.state()
    outcome = untouched.command.run(*arguments, expect=2)
    assert len(outcome.error_lines) == 1
    assert "\nhint: " in outcome.stderr
    assert untouched.state() == before


def test_without_a_policy_the_hint_says_how_to_set_one(untouched: Removable) -> None:
    """The error of a bare prune names both ways to say what to keep, in JSON, too."""
    error = untouched.command.run("prune", "--json", expect=2).json["error"]
    assert (error["code"], error["kind"]) == (2, "usage")
    assert "--keep-" in error["hint"]
    assert "policy set" in error["hint"]


def test_generous_values_are_taken(untouched: Removable) -> None:
    """The largest counts, and the ends of all ranges, work like any other."""
    most = str((1 << 63) - 1)
    report = untouched.command.run(
        "prune", "--keep-last", most, "--keep-daily", most, "--max-unused", "100%",
        "--small-pack", "0", "--merge-packs", most, "--dry-run", "--json",
    ).json  # fmt: skip
    assert (report["removed"], report["plan"]) == ([], {"dead": [], "repack": []})


def test_global_options_stand_before_and_behind(untouched: Removable, tmp_path: Path) -> None:
    """Global options mean the same before prune and behind it."""
    elsewhere = Dedupstore(tmp_path / "nowhere", untouched.command.folder)
    options = ("--json", "--repo", str(untouched.command.repository), "--timezone", "Asia/Tokyo")
    rest = ("--keep-daily", "2", "--dry-run")
    first = elsewhere.run(*options, "prune", *rest).json
    second = elsewhere.run("prune", *rest, *options).json
    assert first["kept"] == second["kept"]
    assert first["kept"][0]["reasons"] == ["daily 2026-03-02"]


def test_another_removal_is_11(removable: Removable) -> None:
    """While another process holds the removal lock, prune exits with 11; a dry run does not."""
    before = removable.state()
    descriptor = os.open(removable.command.repository / "locks" / "removal", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        outcome = removable.command.run(*KEEP_ONE, expect=11)
        assert "--lock-wait" in outcome.stderr
        removable.command.run(*KEEP_ONE, "--dry-run")
    finally:
        os.close(descriptor)
    assert removable.state() == before
    removable.command.run(*KEEP_ONE)


def test_names_do_not_reach_the_terminal_raw(dedupstore: Dedupstore) -> None:
    """Sets and tags from a repository of somebody else are escaped wherever prune shows them."""
    (dedupstore.folder / "a.log").write_text("a\n")
    for _ in range(2):
        dedupstore.snapshot("a.log", "--set", "caf\u00e9 \u4e00", "--tag", "na\u00efve")
    outcomes = [
        dedupstore.run("prune", "--keep-tag", "na\u00efve", "--dry-run"),
        dedupstore.run("prune", "--keep-last", "1", "--set", b"a\x1b[2J\xff", expect=2),
        dedupstore.run("prune", "--keep-tag", b"a\x1b[2J", "--dry-run", expect=2),
        dedupstore.run("prune", "--keep-last", b"\x1b[2J", expect=2),
    ]
    assert "tag na\u00efve" in outcomes[0].text
    for outcome in outcomes:
        shown = outcome.text + outcome.stderr
        assert {character for character in shown if not character.isprintable()} <= {"\n"}


def test_what_cannot_be_followed_removes_nothing(removable: Removable) -> None:
    """A damaged manifest of a kept snapshot: exit 4, a hint to repair, and all stays."""
    newest = packs_by_age(removable.command.repository, "manifest")[-1]
    flip(newest, newest.stat().st_size // 4)
    before = removable.state()
    outcome = removable.command.run(*KEEP_ONE, expect=4)
    assert len(outcome.error_lines) == 1
    assert "dedupstore repair" in outcome.stderr.partition("hint: ")[2]
    assert removable.state() == before


def test_a_damaged_record_of_a_kept_snapshot_removes_nothing(removable: Removable) -> None:
    """A snapshot record that cannot be read might need anything: exit 4, and all stays."""
    flip(removable.command.repository / "snapshots" / removable.web[2], 30)
    before = removable.state()
    outcome = removable.command.run(*KEEP_ONE, expect=4)
    assert removable.web[2][:12] in outcome.stderr
    assert "dedupstore repair" in outcome.stderr.partition("hint: ")[2]
    assert removable.state() == before


def test_lost_data_is_told_and_does_not_stop_a_prune(removable: Removable) -> None:
    """Chunks of logs that are nowhere are counted and said; the rest is pruned."""
    packs_by_age(removable.command.repository, "data")[0].unlink()
    outcome = removable.command.run(*KEEP_ONE)
    assert "that snapshots need are lost; see: dedupstore check" in outcome.text
    assert removable.listed() == [removable.web[2], removable.db[1]]
    assert removable.command.run(*KEEP_ONE, "--json").json["chunks_lost"] > 0


def test_what_is_not_well_is_said_even_with_q(
    removable: Removable, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Lost chunks, and snapshots held since the plan was made, are told in spite of -q."""
    monkeypatch.setattr("dedupstore.operations.prune.run.reclaim", hold_meanwhile)
    assert run(["-q", "--repo", str(removable.command.repository), *KEEP_ONE]) == 0
    assert f"{MEANWHILE}{removable.web[0][:12]}\n" in capfd.readouterr().out
    assert removable.listed() == [removable.web[0], removable.web[2], removable.db[1]]
    removable.require_sound()
    packs_by_age(removable.command.repository, "data")[-1].unlink()
    assert "are lost" in removable.command.run("-q", *KEEP_ONE).text


def test_a_stored_policy_goes_by_its_own_zone(removable: Removable) -> None:
    """The zone stored with a policy holds, whatever --timezone says, and the help tells so."""
    removable.command.run("policy", "set", "--keep-daily", "9", "--timezone", "Pacific/Kiritimati")
    kept = removable.command.run("prune", "--timezone", "UTC", "--dry-run", "--json").json["kept"]
    assert kept[0]["reasons"] == ["daily 2026-03-02"]
    help_text = " ".join(removable.command.run("prune", "--help").text.split())
    assert "the zone stored with that, whatever --timezone says" in help_text


def test_a_damaged_policy_removes_nothing(removable: Removable) -> None:
    """A policy that cannot be read could have kept anything: exit 4, and all stays."""
    removable.command.run("policy", "set", "--set", "web", "--keep-last", "1")
    [policy] = (removable.command.repository / "policies").iterdir()
    flip(policy, 40)
    before = removable.state()
    outcome = removable.command.run("prune", expect=4)
    assert "hint: " in outcome.stderr
    assert removable.state() == before


@pytest.mark.parametrize("add", [add_newer_generation, add_newer_pack, add_newer_snapshot])
@pytest.mark.parametrize("arguments", [KEEP_ONE, ("forget", "latest")])
def test_a_newer_version_is_left_to_itself(
    removable: Removable, add: Callable[[Path], None], arguments: tuple[str, ...]
) -> None:
    """Where a newer version has stored something, an older one says so and removes nothing."""
    add(removable.command.repository)
    before = removable.state()
    outcome = removable.command.run(*arguments, expect=1)
    assert len(outcome.error_lines) == 1
    assert "newer version" in outcome.stderr.partition("hint: ")[2]
    assert removable.state() == before


def test_half_written_files_are_removed_and_counted(removable: Removable) -> None:
    """What a killed run left in tmp/ goes with a prune, which says how much it was."""
    leftover = removable.command.repository / "tmp" / ("ab" * 16)
    leftover.write_bytes(bytes(5000))
    keep_all = ("prune", "--keep-last", "9")
    assert removable.command.run(*keep_all, "--dry-run", "--json").json["bytes_left_over"] == 5000
    assert leftover.exists()
    outcome = removable.command.run(*keep_all)
    assert "4.9 KiB of that are half-written files of runs that were cut short" in outcome.text
    assert not leftover.exists()
    assert removable.command.run(*keep_all, "--json").json["freed_bytes"] == 0
