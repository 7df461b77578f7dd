"""Options that every command takes: before and after its name, and from the environment."""

from __future__ import annotations

import os
from pathlib import Path

from cli.conftest import Archive
from cli.installed_command import Dedupstore
from dedupstore.cli.command_group import COMMANDS


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
