"""The hooks of docs/hooks, as logrotate, systemd and cron run them."""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

import dedupstore
from cli.installed_command import Dedupstore, command_path

HOOKS = Path(__file__).resolve().parents[2] / "docs" / "hooks"
SCRIPTS = sorted(path for path in HOOKS.iterdir() if path.read_bytes().startswith(b"#!"))
INSTALLED = "/usr/local/lib/dedupstore"

needs_logrotate = pytest.mark.skipif(
    shutil.which("logrotate", path="/usr/sbin:/usr/bin") is None,
    reason="logrotate is not installed",
)


class Host:
    """A host with the hooks in a folder, a log, and logrotate."""

    def __init__(self, command: Dedupstore, base: Path) -> None:
        self.command = command
        self.logs = base / "log"
        self.logs.mkdir()
        self.log = self.logs / "app.log"
        self.hooks = base / "hooks"
        shutil.copytree(HOOKS, self.hooks)
        self._state = base / "state"
        self._base = base
        settings = (self.hooks / "hooks.conf").read_text()
        for name, value in (
            ("PATH", f"{Path(command_path()).parent}:/usr/bin:/bin"),
            ("DEDUPSTORE_REPO", str(command.repository)),
            ("LOG_PATHS", str(self.logs)),
            ("LOG_SET", "web"),
        ):
            settings, changed = re.subn(f"(?m)^{name}=.*", f'{name}="{value}"', settings)
            assert changed == 1
        (self.hooks / "hooks.conf").write_text(settings)

    def run(self, hook: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a hook by itself."""
        return self._run([str(self.hooks / hook), *map(str, arguments)])

    def rotate(self, *changes: tuple[str, str]) -> subprocess.CompletedProcess[str]:
        """Rotate by the example's rules, with some lines of it changed."""
        rules = (HOOKS / "logrotate.example").read_text()
        for old, new in (
            ("/var/log/shop", str(self.logs)), (INSTALLED, str(self.hooks)), ("daily", "size 1"),
            ("rotate 7", "rotate 1"), ("sharedscripts", "su root root"), *changes,
        ):  # fmt: skip
            assert old in rules
            rules = rules.replace(old, new)
        if os.getuid() != 0:
            rules = rules.replace("su root root", "")
        file = self._base / "rules"
        file.write_text(rules)
        file.chmod(0o644)
        path = shutil.which("logrotate", path="/usr/sbin:/usr/bin")
        return self._run([str(path), "-s", str(self._state), str(file)])

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        variables = {**os.environ, "DEDUPSTORE_HOOKS_CONF": str(self.hooks / "hooks.conf")}
        # logrotate runs scripts in a folder of its own choice.
        return subprocess.run(
            command, capture_output=True, text=True, env=variables, cwd="/", check=False
        )

    def local_days(self) -> set[str]:
        """Return all lines in the files that are there, compressed or not."""
        texts = [_text(path.read_bytes()) for path in self.logs.iterdir()]
        return {line for text in texts for line in text.splitlines()}

    def archived_days(self) -> set[str]:
        """Return all lines that any snapshot holds."""
        found: set[str] = set()
        with dedupstore.open_repository(self.command.repository) as repository:
            for snapshot in dedupstore.list_snapshots(repository):
                for entry in dedupstore.list_entries(repository, snapshot):
                    if entry.type is dedupstore.EntryType.FILE:
                        output = io.BytesIO()
                        dedupstore.cat(repository, snapshot, entry.path, output)
                        found.update(_text(output.getvalue()).splitlines())
        return found

    def aside(self) -> list[str]:
        """Return the names of the files that were kept from being removed."""
        return [path.name for path in self.logs.iterdir() if ".unarchived-" in path.name]


def _text(data: bytes) -> str:
    """Return the text of a log, compressed or not."""
    return (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode()


@pytest.fixture
def host(dedupstore: Dedupstore, tmp_path: Path) -> Host:
    """Return a host with an empty repository."""
    tmp_path.chmod(0o755)
    return Host(dedupstore, tmp_path)


def say(host: Host, day: int) -> None:
    """Log a line."""
    with host.log.open("a") as log:
        log.write(f"day {day}\n")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_scripts_are_plain_shell(script: Path) -> None:
    """Every script is executable, and a shell finds no mistake in it."""
    assert os.access(script, os.X_OK)
    subprocess.run(["sh", "-n", str(script)], check=True)


@needs_logrotate
@pytest.mark.parametrize("scheme", ["numbers", "dates", "at once"])
def test_everything_that_logrotate_removes_is_archived(host: Host, scheme: str) -> None:
    """After many rotations the archive has every line, and logrotate keeps what it should."""
    changes = {
        "numbers": (),
        "dates": (("missingok", "dateext\n dateformat -%Y%m%d-%s"),),
        "at once": (("delaycompress", "nodelaycompress"),),
    }[scheme]
    for day in range(3):
        say(host, day)
        done = host.rotate(*changes)
        assert (done.returncode, done.stderr) == (0, ""), done
        if scheme == "dates":
            # Names that end in seconds must differ.
            time.sleep(1.05)
    assert host.archived_days() == {"day 0", "day 1", "day 2"}
    assert host.local_days() == {"day 2"}
    assert host.aside() == []


@needs_logrotate
@pytest.mark.parametrize("compress", ["delaycompress", "nodelaycompress"])
def test_nothing_is_removed_while_the_archive_is_away(host: Host, compress: str) -> None:
    """With the repository gone every line stays on disk; once it is back, they are archived."""
    changes = (("delaycompress", compress),)
    away = host.command.repository.with_name("away")
    os.rename(host.command.repository, away)
    for day in range(4):
        say(host, day)
        done = host.rotate(*changes)
        assert "no repository" in done.stderr
    assert host.local_days() == {f"day {day}" for day in range(4)}
    assert done.returncode == 1
    assert host.aside()
    os.rename(away, host.command.repository)
    say(host, 4)
    assert host.rotate(*changes).returncode == 0
    assert host.aside() == []
    assert host.archived_days() == {f"day {day}" for day in range(5)}


@needs_logrotate
def test_no_log_of_several_is_removed_while_the_archive_is_away(host: Host) -> None:
    """Logs that share their scripts are all kept, not only the first one that is in danger."""
    logs = [host.log, host.logs / "another one.log"]
    host.command.repository.rename(host.command.repository.with_name("away"))
    for day in range(4):
        for log in logs:
            log.write_text(f"{log.name} {day}\n")
        assert host.rotate(("su root root", "su root root\n sharedscripts")).returncode == 1
    assert host.local_days() == {f"{log.name} {day}" for log in logs for day in range(4)}


def test_preremove_is_a_proof_by_content(host: Host) -> None:
    """A file may go if its bytes are archived under any name; without a proof it is kept, once."""
    say(host, 1)
    assert host.run("archive-logs").returncode == 0
    renamed = host.logs / "app.log.7"
    os.rename(host.log, renamed)
    assert host.run("logrotate-preremove", renamed).returncode == 0
    host.command.repository.rename(host.command.repository.with_name("away"))
    refused = host.run("logrotate-preremove", renamed)
    assert (refused.returncode, "is not archived" in refused.stderr) == (0, True)
    (aside,) = host.aside()
    assert (host.logs / aside).samefile(renamed)
    assert host.run("logrotate-preremove", renamed).returncode == 0
    assert host.aside() == [aside]


def test_preremove_refuses_where_nothing_can_be_kept(host: Host) -> None:
    """A file that is not archived, and cannot get a second name, is not to be removed."""
    say(host, 1)
    host.command.repository.rename(host.command.repository.with_name("away"))
    long_name = host.logs / ("x" * 255)
    os.rename(host.log, long_name)
    refused = host.run("logrotate-preremove", long_name)
    assert (refused.returncode, "must stay" in refused.stderr) == (1, True)


def test_preremove_archives_what_is_not_yet(host: Host) -> None:
    """A file that nobody has archived is archived by preremove itself, and may then go."""
    say(host, 1)
    assert host.run("logrotate-preremove", host.log).returncode == 0
    assert host.archived_days() == {"day 1"}


def test_postrotate_never_stops_a_rotation(host: Host) -> None:
    """Without a repository postrotate says so and exits with 0; lastaction exits with the code."""
    host.command.repository.rename(host.command.repository.with_name("away"))
    done = host.run("logrotate-postrotate", host.log, f"{host.log}.1")
    assert (done.returncode, "exit code 10" in done.stderr) == (0, True)
    assert host.run("logrotate-lastaction", f"{host.logs}/*.log ").returncode == 10


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """systemd finds nothing to complain of in the service and the timer."""
    for name in ("archive-logs.service", "archive-logs.timer"):
        text = (HOOKS / name).read_text()
        text = text.replace(INSTALLED, str(HOOKS)).replace("/usr/local/bin/dedupstore", "/bin/true")
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "archive-logs.timer"),
         str(tmp_path / "archive-logs.service")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_the_lines_for_cron_are_complete() -> None:
    """Each line for cron has five fields of time, a user and a command that is installed there."""
    lines = (HOOKS / "archive-logs.cron").read_text().splitlines()
    jobs = [line.split() for line in lines if line and line[0].isdigit()]
    assert len(jobs) == 2
    for job in jobs:
        assert re.fullmatch(r"\d+ [\d*]+ \* \* \*", " ".join(job[:5]))
        assert job[5] == "root"
        assert job[6] in (f"{INSTALLED}/archive-logs", "dedupstore")
