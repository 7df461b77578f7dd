"""Policies are set, shown and removed from scripts, and never by mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.installed_command import Dedupstore
from dedupstore.cli.run import run
from dedupstore.format.hashing import digest

DEFAULT = {
    "set": None,
    "keep_last": 0,
    "keep_hourly": 0,
    "keep_daily": 14,
    "keep_weekly": 0,
    "keep_monthly": 1,
    "keep_yearly": 0,
    "keep_within_seconds": None,
    "keep_tags": [],
    "timezone": "UTC",
    "rules": [
        "the newest of each of the last 14 days that hold one",
        "the newest of the last month that holds one",
    ],
}
EVERY_OPTION = (
    "--keep-last=1", "--keep-hourly=2", "--keep-daily=3", "--keep-weekly=4", "--keep-monthly=5",
    "--keep-yearly=6", "--keep-within=1h30m", "--keep-tag=release", "--keep-tag=audit",
    "--keep-tag=release",
)  # fmt: skip
EVERY_RULE = {
    "set": "web",
    "keep_last": 1,
    "keep_hourly": 2,
    "keep_daily": 3,
    "keep_weekly": 4,
    "keep_monthly": 5,
    "keep_yearly": 6,
    "keep_within_seconds": 5400,
    "keep_tags": ["release", "audit"],
    "timezone": "Europe/Paris",
    "rules": [
        "the last 1 snapshot",
        "the newest of each of the last 2 hours that hold one",
        "the newest of each of the last 3 days that hold one",
        "the newest of each of the last 4 ISO weeks that hold one",
        "the newest of each of the last 5 months that hold one",
        "the newest of each of the last 6 years that hold one",
        "all that are at most 1h30m older than the newest",
        "all with the tag release",
        "all with the tag audit",
    ],
}


def set_default(dedupstore: Dedupstore) -> None:
    """Set the policy of all sets without their own."""
    done = dedupstore.run("policy", "set", "--keep-daily", "14", "--keep-monthly", "1", "--json")
    assert done.json == DEFAULT


def test_every_rule_is_stored_and_shown(dedupstore: Dedupstore) -> None:
    """All options make one policy, with the zone of --timezone, which show gives back."""
    zone = ("--timezone", "Europe/Paris")
    done = dedupstore.run("policy", "set", "--set", "web", *EVERY_OPTION, *zone, "--json")
    assert done.json == EVERY_RULE
    assert done.stderr == ""
    assert dedupstore.run("policy", "show", "--json").json == [EVERY_RULE]
    lines = dedupstore.run("policy", "show").text.splitlines()
    assert lines[0] == "policy of set web, in Europe/Paris: keep"
    assert [line.strip() for line in lines[1:]] == EVERY_RULE["rules"]


def test_a_set_shows_the_policy_it_goes_by(dedupstore: Dedupstore) -> None:
    """Without any policy show says so; then a set shows its own, or the one of all others."""
    show = ("policy", "show", "--json")
    assert dedupstore.run(*show).json == []
    assert dedupstore.run("policy", "show").text == "no policies\n"
    assert dedupstore.run("policy", "show", "--set", "web").text == "no policy for set web\n"
    set_default(dedupstore)
    assert dedupstore.run(*show, "--set", "web").json == [DEFAULT]
    dedupstore.run("policy", "set", "--set", "web", "--timezone=Europe/Paris", *EVERY_OPTION)
    assert dedupstore.run(*show, "--set", "web").json == [EVERY_RULE]
    assert dedupstore.run(*show, "--set", "db").json == [DEFAULT]
    assert dedupstore.run(*show).json == [DEFAULT, EVERY_RULE]


def test_a_policy_is_replaced_as_a_whole(dedupstore: Dedupstore) -> None:
    """To set a policy again leaves none of the rules that it had."""
    dedupstore.run("policy", "set", *EVERY_OPTION)
    set_default(dedupstore)
    assert dedupstore.run("policy", "show", "--json").json == [DEFAULT]


def test_removing_says_whether_there_was_one(dedupstore: Dedupstore) -> None:
    """Remove tells what it removed; to remove what is not there exits with 0 and says so."""
    set_default(dedupstore)
    dedupstore.run("policy", "set", "--set", "web", "--keep-last", "3")
    remove = ("policy", "remove", "--set", "web")
    assert dedupstore.run(*remove).text == "removed the policy of set web\n"
    assert dedupstore.run(*remove).text == "there is no policy of set web\n"
    assert dedupstore.run("policy", "show", "--json").json == [DEFAULT]
    assert dedupstore.run("policy", "remove", "--json").json == {"set": None, "removed": True}
    assert dedupstore.run("policy", "remove", "--json").json == {"set": None, "removed": False}
    assert dedupstore.run("policy", "show", "--json").json == []


def test_global_options_stand_anywhere(dedupstore: Dedupstore, tmp_path: Path) -> None:
    """Global options mean the same before policy, behind it, and behind the command of it."""
    set_default(dedupstore)
    elsewhere = Dedupstore(tmp_path / "nowhere", dedupstore.folder)
    options = ("--json", "--repo", str(dedupstore.repository))
    for place in range(3):
        words: list[str] = ["policy", "show"]
        words[place:place] = options
        assert elsewhere.run(*words).json == [DEFAULT]
    quiet = dedupstore.run("policy", "-q", "set", "--keep-last", "1")
    assert (quiet.stdout, quiet.stderr) == (b"", "")
    assert dedupstore.run("policy", "show", "-q").text != ""


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--set", "web"),
        ("--keep-last", "0"),
        ("--keep-daily", "0", "--keep-within", "0s"),
        ("--keep-last", "-1"),
        ("--keep-last=-1",),
        ("--keep-weekly", "two"),
        ("--keep-monthly", "1.5"),
        ("--keep-hourly", "٣"),
        ("--keep-yearly", "9223372036854775808"),
        ("--keep-yearly", "9" * 5000),
        ("--keep-within", "7"),
        ("--keep-within", "-1d"),
        ("--keep-within", "9" * 30 + "d"),
        ("--keep-within", "9" * 5000 + "d"),
        ("--keep-tag", ""),
        ("--keep-tag", "\x1b[2J"),
        ("--keep-last", "1", "--set", ""),
        ("--keep-last", "1", "--timezone", "Mars/Olympus"),
        ("--keep-last", "1", "more"),
        *[("--keep-last", "1", "--keep-tag", name) for name in (b"\xff", "a" * 201)],
    ],
    ids=lambda arguments: repr(arguments)[:60],
)
def test_a_policy_that_keeps_nothing_or_means_nothing_is_2(
    dedupstore: Dedupstore, arguments: tuple[str | bytes, ...]
) -> None:
    """Empty and malformed policies exit with 2, one error and a hint, and change nothing."""
    set_default(dedupstore)
    outcome = dedupstore.run("policy", "set", *arguments, expect=2)
    assert len(outcome.error_lines) == 1
    assert "\nhint: " in outcome.stderr
    assert dedupstore.run("policy", "show", "--json").json == [DEFAULT]


def test_a_command_that_does_not_exist_is_2(dedupstore: Dedupstore) -> None:
    """Policy without a command, or with an unknown one, exits with 2 and says where to read."""
    for words in ((), ("shwo",), ("",), ("--set", "web")):
        outcome = dedupstore.run("policy", *words, expect=2)
        assert len(outcome.error_lines) == 1
        assert "hint: see: dedupstore policy --help" in outcome.stderr


@pytest.mark.parametrize("name", ["set", "show", "remove"])
def test_each_command_has_help(dedupstore: Dedupstore, name: str) -> None:
    """Help names every command of the family, and each has examples and the global options."""
    assert f"\n  {name} " in dedupstore.run("policy", "--help").text
    text = dedupstore.run("policy", name, "--help").text
    assert "--lock-wait" in text.partition("Global options:")[2]
    assert f"dedupstore policy {name}" in text.partition("Examples:")[2]


def test_a_damaged_policy_is_4_until_it_is_set_again(dedupstore: Dedupstore) -> None:
    """A damaged policy exits with 4 and a hint that names the set, and is set anew like any."""
    dedupstore.run("policy", "set", "--set", "web", "--keep-last", "3")
    file = dedupstore.repository / "policies" / digest(b"web").hex()
    file.write_bytes(file.read_bytes().replace(b'"keep_last": 3', b'"keep_last": 1'))
    for arguments in (("--set", "web"), ()):
        outcome = dedupstore.run("policy", "show", *arguments, expect=4)
        assert len(outcome.error_lines) == 1
        assert "checksum" in outcome.stderr
    outcome = dedupstore.run("policy", "show", "--set", "web", "--json", expect=4)
    assert "policy set --set web" in outcome.json["error"]["hint"]
    dedupstore.run("policy", "set", "--set", "web", "--keep-last", "3")
    assert dedupstore.run("policy", "show", "--json").json[0]["keep_last"] == 3


def test_a_damaged_policy_hides_no_other(dedupstore: Dedupstore) -> None:
    """Show shows all policies that can be read, names the others, in plain words, and exits 4."""
    set_default(dedupstore)
    dedupstore.run("policy", "set", "--set", "web", "--keep-last", "3")
    dedupstore.run("policy", "set", "--set", "db", "--keep-last", "2")
    file = dedupstore.repository / "policies" / digest(b"web").hex()
    file.write_bytes(b"\xce" + file.read_bytes())
    outcome = dedupstore.run("policy", "show", expect=4)
    assert [line for line in outcome.text.splitlines() if line.startswith("policy of")] == [
        "policy of all sets without their own, in UTC: keep",
        "policy of set db, in UTC: keep",
    ]
    [error] = outcome.error_lines
    assert error.startswith(f"error: policies/{file.name}: ")
    assert error.endswith("it is not UTF-8")
    assert "\nhint: " in outcome.stderr
    shown = dedupstore.run("policy", "show", "--json", expect=4).json
    assert shown["error"]["message"].endswith("it is not UTF-8")
    file.write_bytes(b'{"format": 2}\n')
    (dedupstore.repository / "policies" / "default").write_bytes(b"torn")
    outcome = dedupstore.run("policy", "show", expect=4)
    assert len(outcome.error_lines) == 2
    assert "default" in outcome.error_lines[0]


def test_show_refuses_names_that_no_set_can_have(dedupstore: Dedupstore) -> None:
    """A set with control characters in its name is refused by each command of the family."""
    for words in (("set", "--keep-last=1"), ("show",), ("remove",)):
        for name in ("", "q\x1b[2J", "a\nb"):
            outcome = dedupstore.run("policy", *words, "--set", name, expect=2)
            assert len(outcome.error_lines) == 1
            assert "\x1b" not in outcome.stderr


def test_without_a_repository_it_is_10(tmp_path: Path) -> None:
    """Each command exits with 10 where there is no repository, and makes none."""
    nowhere = Dedupstore(tmp_path / "none", tmp_path)
    for words in (("set", "--keep-last", "1"), ("show",), ("remove",)):
        nowhere.run("policy", *words, expect=10)
    assert not nowhere.repository.exists()


def test_a_part_of_a_second_counts_as_one(dedupstore: Dedupstore) -> None:
    """A duration is rounded up, so that nothing is kept for less long than was asked for."""
    made = dedupstore.run("policy", "set", "--keep-within", "0.2s", "--json").json
    assert made["keep_within_seconds"] == 1


def test_a_hostile_name_of_a_set_does_no_harm(
    dedupstore: Dedupstore, capfd: pytest.CaptureFixture[str]
) -> None:
    """A name of a set cannot reach the terminal raw, nor leave the repository's folder."""
    location = str(dedupstore.repository)
    assert run(["policy", "set", "--repo", location, "--set", "../é\u202e", "--keep-last=1"]) == 2
    assert "\u202e" not in capfd.readouterr().err
    assert run(["policy", "set", "--repo", location, "--set", "../é", "--keep-last=1"]) == 0
    names = [path.name for path in (dedupstore.repository / "policies").iterdir()]
    assert names == [digest("../é".encode()).hex()]


@pytest.mark.parametrize(
    ("words", "expected"),
    [("dedupstore policy s", "show"), ("dedupstore policy set --keep-t", "--keep-tag")],
)
def test_words_are_completed(dedupstore: Dedupstore, words: str, expected: str) -> None:
    """The shells complete the commands of policy and their options."""
    asking = {
        "_DEDUPSTORE_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    found = Dedupstore(dedupstore.repository, dedupstore.folder, asking).run().text
    assert expected in found
