"""Each way to fail has its exit code, one line of what is wrong, and with --json one object."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from cli.conftest import Archive
from cli.installed_command import Dedupstore, Outcome

CANNOT = 77
OBEY_PERMISSIONS = f"""
import ctypes
drop_from_bounding_set, override, read_search = 24, 1, 2
if os.geteuid() == 0:
    for capability in (override, read_search):
        if ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0):
            sys.exit({CANNOT})
"""
SMALL_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
"""


def assert_failed(outcome: Outcome, code: int, kind: str) -> None:
    """Hold a failure with --json against the contract."""
    error = outcome.json["error"]
    assert outcome.code == error["code"] == code
    assert error["kind"] == kind
    assert outcome.error_lines == [f"error: {error['message']}"]
    hints = [f"hint: {error['hint']}"] if error["hint"] else []
    assert outcome.stderr.splitlines()[-1 - len(hints) :] == outcome.error_lines + hints


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("no-such-command",),
        ("--no-such-option",),
        ("snapshot",),
        ("snapshot", ""),
        ("snapshot", "x", "--time", "yesterday"),
        ("snapshot", "x", "--set", ""),
        ("snapshot", "x", "--tag", "a\nb"),
        ("snapshot", "x", "--host", "a\x1b[1m"),
        ("snapshot", "--exec", "true"),
        ("snapshot", "--stdin-name", "a", "--exec"),
        ("snapshot", "--stdin-name", "a", "b"),
        ("snapshot", "--stdin-name", "../a"),
        ("snapshot", "--stdin-name", "/"),
        ("snapshot", "--exclude-from", "missing", "x"),
        ("ls",),
        ("ls", "@noon"),
        ("cat", "latest"),
        ("cat", "latest", "a", "--json"),
        ("restore", "latest"),
        ("restore", "latest", "--tar", "--json"),
        ("restore", "latest", "--target", "t", "--overwrite", "sometimes"),
        ("restore", "latest", "--target", "t", "--strip-components", "-1"),
        ("check", "--data-subset", "101%"),
        ("check", "--data-subset", "0%"),
        ("check", "--data-subset", "lots"),
        ("init", "--chunk-size", "5000"),
        ("init", "--chunk-size", "1"),
        ("init", "--chunk-size", "9" * 400),
        ("init", "--encryption", "rot13"),
        ("hold",),
        ("completion", "tcsh"),
        ("completion", "bash", "--json"),
        ("--lock-wait", "soon", "list"),
        ("--timezone", "Atlantis", "list"),
    ],
    ids=repr,
)
def test_wrong_usage_is_2(archive: Archive, arguments: tuple[str, ...]) -> None:
    """Whatever cannot be understood exits with 2 and says on stderr alone what was wrong."""
    outcome = archive.command.run(*arguments, expect=2)
    if arguments and "--json" not in arguments:
        assert outcome.stdout == b""
        assert len(outcome.error_lines) == 1
        assert len(outcome.stderr.splitlines()) <= 2


def test_wrong_usage_names_the_next_step(archive: Archive) -> None:
    """What click refuses has a hint where to read on; a mistyped command, which one is near."""
    assert archive.command.run("ls", expect=2).stderr.endswith("hint: see: dedupstore ls --help\n")
    mistyped = archive.command.run("snapshto", "/var/log", expect=2)
    assert mistyped.stderr.splitlines() == [
        "error: no such command: snapshto; did you mean snapshot?",
        "hint: see: dedupstore --help",
    ]


def test_usage_errors_are_json_too(archive: Archive) -> None:
    """With --json, even arguments that cannot be parsed are answered with one error object."""
    outcome = archive.command.run("list", "--bogus", "--json", expect=2)
    assert_failed(outcome, 2, "usage")


def test_json_behind_a_double_dash_is_not_ours(dedupstore: Dedupstore) -> None:
    """An argument --json of the command given to --exec does not make our errors JSON."""
    outcome = dedupstore.run(
        "snapshot", "--stdin-name", "a", "--exec", "--", "false", "--json", expect=1
    )
    assert outcome.stdout == b""


@pytest.mark.parametrize("command", ["list", "check", "stats", "snapshot ."])
def test_no_repository_is_10(tmp_path: Path, command: str) -> None:
    """Where there is no repository, every command that needs one exits with 10 and a hint."""
    missing = Dedupstore(tmp_path / "nowhere", tmp_path)
    outcome = missing.run(*command.split(), "--json", expect=10)
    assert_failed(outcome, 10, "no-repository")
    assert "init" in outcome.json["error"]["hint"]


def test_a_repository_is_not_made_twice(dedupstore: Dedupstore) -> None:
    """Init where a repository, other files, or a file is fails with 1 and changes nothing."""
    assert_failed(dedupstore.run("init", "--json", expect=1), 1, "repository-exists")
    (dedupstore.folder / "full").mkdir()
    (dedupstore.folder / "full" / "precious").write_text("data")
    outcome = dedupstore.run("-r", "full", "init", "--json", expect=1)
    assert_failed(outcome, 1, "repository-exists")
    assert os.listdir(dedupstore.folder / "full") == ["precious"]
    outcome = dedupstore.run("-r", "full/precious", "init", "--json", expect=1)
    assert_failed(outcome, 1, "repository-exists")


def test_a_held_lock_is_11(dedupstore: Dedupstore) -> None:
    """While another process removes, a prune exits with 11; once that has ended, it works."""
    (dedupstore.folder / "a.log").write_text("a\n")
    dedupstore.run("snapshot", "a.log")
    prune = ("prune", "--keep-last", "1")
    with (dedupstore.repository / "locks" / "removal").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert_failed(dedupstore.run(*prune, "--json", expect=11), 11, "locked")
        waited = dedupstore.run(*prune, "--json", "--lock-wait", "0.3s", expect=11)
        assert_failed(waited, 11, "locked")
        dedupstore.run("snapshot", "a.log")
        patient = dedupstore.start(*prune, "--lock-wait", "1m", stdout=-1)
        fcntl.flock(lock, fcntl.LOCK_UN)
        patient.communicate(timeout=60)
        assert patient.returncode == 0


def test_a_full_disk_is_13(dedupstore: Dedupstore) -> None:
    """Where the file system takes no more bytes, a snapshot exits with 13 and leaves nothing."""
    (dedupstore.folder / "a.log").write_bytes(os.urandom(3 << 20))
    outcome = dedupstore.run_after(SMALL_FILES, "snapshot", "a.log", "--json")
    assert_failed(outcome, 13, "no-space")
    assert dedupstore.run("list", "--json").json == []
    assert os.listdir(dedupstore.repository / "tmp") == []
    dedupstore.run("snapshot", "a.log")
    assert dedupstore.run("check", "--data", "--json").json["ok"]


def test_damage_is_4(dedupstore: Dedupstore) -> None:
    """A flipped bit makes check exit with 4 and a finding, and a restore with 4 and the file."""
    (dedupstore.folder / "a.log").write_bytes(os.urandom(100_000))
    (dedupstore.folder / "b.log").write_text("b\n")
    dedupstore.snapshot("a.log")
    for pack in (dedupstore.repository / "packs" / "data").iterdir():
        data = bytearray(pack.read_bytes())
        data[len(data) // 2] ^= 1
        pack.chmod(0o600)
        pack.write_bytes(data)
    dedupstore.snapshot("b.log", "--set", "other")
    checked = dedupstore.run("check", "--data", "--json", expect=4).json
    assert checked["ok"] is False
    assert {finding["severity"] for finding in checked["findings"]} == {"error"}
    hit = [path["path"] for finding in checked["findings"] for path in finding["files"]]
    assert set(hit) == {str(dedupstore.folder / "a.log")}
    human = dedupstore.run("check", "--data", expect=4)
    assert "DAMAGE FOUND" in human.text
    restored = dedupstore.run("restore", "latest~1", "--target", "out", "--json", expect=4).json
    assert [failed["kind"] for failed in restored["failed"]] == ["damaged"]
    assert restored["files"] == 0
    cut = dedupstore.run("cat", "latest~1", dedupstore.folder / "a.log", expect=4)
    assert len(cut.error_lines) == 1


def test_partial_results_are_3(dedupstore: Dedupstore) -> None:
    """A source that is not there makes a snapshot of the rest, marked incomplete, with code 3."""
    (dedupstore.folder / "a.log").write_text("a\n")
    taken = dedupstore.run("snapshot", "a.log", "missing.log", "--json", expect=3).json
    assert taken["files"] == 1
    assert [(w["kind"], w["path"]) for w in taken["warnings"]] == [
        ("unreadable", str(dedupstore.folder / "missing.log"))
    ]
    assert dedupstore.run("list", "--json").json[0]["complete"] is False
    outcome = dedupstore.run("snapshot", "missing.log", "--json", expect=1)
    assert_failed(outcome, 1, "source")
    restored = dedupstore.run(
        "restore", "latest", "*/a.log", "**/a.log", "nothing", "--target", "out", "--json", expect=3
    ).json
    assert restored["files"] == 1
    assert {failed["kind"] for failed in restored["failed"]} == {"not-found"}


def test_unreadable_files_and_folders_are_3(dedupstore: Dedupstore) -> None:
    """What permissions forbid to read is named, all else is stored, and the exit code is 3."""
    logs = dedupstore.folder / "logs"
    (logs / "closed").mkdir(parents=True)
    (logs / "closed" / "inside.log").write_text("inside\n")
    (logs / "open.log").write_text("open\n")
    (logs / "secret.log").write_text("secret\n")
    (logs / "secret.log").chmod(0)
    (logs / "closed").chmod(0)
    outcome = dedupstore.run_after(OBEY_PERMISSIONS, "snapshot", "logs", "--json")
    (logs / "closed").chmod(0o700)
    if outcome.code == CANNOT:
        pytest.skip("this superuser cannot be made to obey permissions")
    assert outcome.code == 3
    unreadable = {warning["path"] for warning in outcome.json["warnings"]}
    assert unreadable == {str(logs / "closed"), str(logs / "secret.log")}
    assert outcome.json["files"] == 1
    paths = {entry["path"] for entry in dedupstore.run("ls", "latest", "--json").json_lines}
    assert paths == {str(logs), str(logs / "closed"), str(logs / "open.log")}


def test_unknown_paths_are_1(archive: Archive) -> None:
    """A path that a snapshot does not hold, or that is a folder, fails with 1 and a hint."""
    run = archive.command.run
    outcome = run("ls", archive.ids[0], "/nowhere", "--json", expect=1)
    assert_failed(outcome, 1, "path-unknown")
    partly = run("ls", archive.ids[0], archive.logs, "/nowhere", expect=1)
    assert partly.stdout
    assert len(partly.error_lines) == 1
    for command in (["cat", archive.ids[0], "/nowhere"], ["cat", archive.ids[0], archive.logs]):
        assert len(run(*command, expect=1).error_lines) == 1
    outcome = run("restore", archive.ids[0], "/nowhere", "--target", "t", "--json", expect=1)
    assert_failed(outcome, 1, "path-unknown")
    assert run("restore", archive.ids[0], "/nowhere", "--tar", expect=1).error_lines


def test_closed_streams_are_no_bug(dedupstore: Dedupstore) -> None:
    """With stdin, stdout or stderr closed or full, a command ends with a code and no traceback."""
    (dedupstore.folder / "a.log").write_text("a\n")
    dedupstore.snapshot("a.log")
    line = " ".join(os.fsdecode(part) for part in dedupstore.line([]))
    path = dedupstore.folder / "a.log"
    cases = {
        f"{line} list >&-": 0,
        f"{line} list --json 2>&-": 0,
        f"{line} list >/dev/full": 1,
        f"{line} list --json >/dev/full": 1,
        f"{line} bogus --json >/dev/full": 2,
        f"{line} bogus 2>/dev/full": 2,
        f"{line} cat latest {path} >&-": 2,
        f"{line} cat latest {path} >/dev/full": 1,
        f"{line} restore latest --tar >/dev/full": 1,
        f"{line} restore latest --tar >&-": 2,
        f"{line} snapshot --stdin-name a <&-": 2,
    }
    shell = Dedupstore(dedupstore.repository, dedupstore.folder)
    for case, code in cases.items():
        outcome = _run_shell(shell, case)
        assert (case, outcome.code) == (case, code), outcome


def _run_shell(command: Dedupstore, line: str) -> Outcome:
    done = subprocess.run(
        ["sh", "-c", line],
        capture_output=True,
        cwd=command.folder,
        env=command.environment(),
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    stderr = done.stderr.decode()
    assert "Traceback" not in stderr, (line, stderr)
    assert "Exception ignored" not in stderr, (line, stderr)
    assert "this is a bug" not in stderr, (line, stderr)
    return Outcome(done.returncode, done.stdout, stderr)
