"""Options that every command takes: before and after its name, and from the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli.conftest import Archive
from cli.installed_command import Dedupstore
from dedupstore.cli.command_group import COMMANDS
from dedupstore.cli.quantities import format_size, parse_duration_seconds, parse_size

DAY_SECONDS = 86_400.0


def test_global_options_may_stand_on_either_side(archive: Archive) -> None:
    """--json, --repo and -q mean the same before and after the command."""
    run = archive.command.run
    elsewhere = Dedupstore(Path("nowhere"), archive.command.folder)
    location = archive.command.repository
    after = run("list", "--json").stdout
    assert run("--json", "list").stdout == after
    assert elsewhere.run("--repo", location, "--json", "list").stdout == after
    assert elsewhere.run("list", "--json", "-r", location).stdout == after
    assert elsewhere.run("--repo", "wrong", "list", "--json", "-r", location).stdout == after


def test_the_repository_comes_from_the_environment(archive: Archive) -> None:
    """DEDUPSTORE_REPO names the repository; without any that is wrong usage, with a hint."""
    command = archive.command
    assert command.run("list").code == 0
    nameless = Dedupstore(command.repository, command.folder, {"DEDUPSTORE_REPO": ""})
    outcome = nameless.run("list", expect=2)
    assert "DEDUPSTORE_REPO" in outcome.stderr
    remote = Dedupstore(Path("s3:"), command.folder, {"DEDUPSTORE_REPO": "s3://bucket/logs"})
    assert "s3://bucket/logs" in remote.run("list", expect=2).stderr


def test_quiet_and_verbose_set_how_much_is_said(dedupstore: Dedupstore) -> None:
    """-q leaves the summary out but never what was asked for; -v tells of what was left out."""
    logs = dedupstore.folder / "logs"
    logs.mkdir()
    (logs / "a.log").write_text("a\n")
    os.mkfifo(logs / "pipe")
    assert "1 FIFO" in dedupstore.run("snapshot", "logs").text
    quiet = dedupstore.run("-q", "snapshot", "logs")
    assert (quiet.stdout, quiet.stderr) == (b"", "")
    assert dedupstore.run("list", "-q").text.count("\n") == 3
    assert "pipe" not in dedupstore.run("snapshot", "logs").stderr
    assert "pipe" in dedupstore.run("snapshot", "logs", "-v").stderr


def test_quiet_still_tells_why_not_all_went_well(dedupstore: Dedupstore) -> None:
    """-q leaves a line about each source or path that failed: a reason for mail from cron."""
    (dedupstore.folder / "a.log").write_text("a\n")
    unread = dedupstore.run("-q", "snapshot", "a.log", "missing.log", expect=3)
    assert unread.stderr.startswith("unreadable: ")
    assert unread.stderr.endswith("missing.log: No such file or directory\n")
    unfound = dedupstore.run(
        "-q", "restore", "latest", "/**/a.log", "/no", "--target", "x", expect=3
    )
    assert unfound.stderr == "not-found: /no: the snapshot does not hold it\n"
    assert (unread.stdout, unfound.stdout) == (b"", b"")


def test_every_command_has_help_with_the_global_options() -> None:
    """Each command's help says what it does, has examples, and lists the global options."""
    command = Dedupstore(Path("none"), Path.cwd())
    overview = command.run("--help").text
    for name, line in COMMANDS.items():
        assert name in overview
        assert line.split()[0] in overview
        text = command.run(name, "--help").text
        assert "Global options:" in text
        assert "--lock-wait" in text
        assert "\n  [PATH]...\n" not in text
        assert name == "version" or name in text.partition("Examples:")[2]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0), ("4096", 4096), ("64KiB", 65_536), ("10MB", 10_000_000),
        ("1.5GiB", 1_610_612_736),
        ("2T", 2 * 10**12), ("7 kb", 7000), ("1b", 1),
    ],
)  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    """KiB, MiB and so on count by 1024, KB, MB and so on by 1000."""
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "KiB", "-1", "1e3", "10 parsecs", "0x10", "1,5MB", "9" * 400, "9999999P", "∞"]
)
def test_no_sizes(text: str) -> None:
    """What is no size, or one beyond 64 bits, is refused with a ValueError."""
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0), ("90s", 90), ("15m", 900), ("12h", 43_200), ("7d", 7 * DAY_SECONDS),
        ("4w", 28 * DAY_SECONDS), ("6mo", 180 * DAY_SECONDS), ("2y", 730 * DAY_SECONDS),
        ("1h30m", 5400), ("0.5s", 0.5),
    ],
)  # fmt: skip
def test_durations(text: str, seconds: float) -> None:
    """Each unit of the contract is understood, and several may stand together."""
    assert parse_duration_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "5 s", "5S", "5x", "1h-30m", "month"])
def test_no_durations(text: str) -> None:
    """What is no duration is refused with a ValueError."""
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration_seconds(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"),
        (1 << 20, "1.0 MiB"), (1_048_524, "1.0 MiB"), (5 << 40, "5.0 TiB"), (3 << 60, "3072.0 PiB"),
    ],
)  # fmt: skip
def test_sizes_are_shown_short(size: int, text: str) -> None:
    """A size is exact below 1 KiB and has one decimal above, in the unit that keeps it short."""
    assert format_size(size) == text
