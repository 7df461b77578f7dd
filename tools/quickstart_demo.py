"""Shows what dedupstore does by the commands that a user would type; see tools/quickstart."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import terminal
from compare_folders import Comparison, compare, survey
from sample_logs import SampleLogs
from terminal import plural, printable, size

EXIT_PARTIAL = 3
NAMES_SHOWN_MAX = 5
ID_DIGITS_SHOWN = 12


class Dedupstore:
    """The installed command, working on one repository, run in the folder of the demonstration."""

    def __init__(self, program: str, scratch: Path) -> None:
        self._program = program
        self._scratch = scratch
        self.repository = scratch / "repository"
        self._environment = {**os.environ, "DEDUPSTORE_REPO": str(self.repository)}

    def run(self, *arguments: str) -> dict[str, Any]:
        """Show a command, run it and return the JSON document that it writes.

        Its messages and its progress bar go straight to the terminal. A partial success is a
        success here; the caller shows the warnings.
        """
        terminal.command(shlex.join(["dedupstore", *map(printable, arguments)]))
        done = subprocess.run(
            [self._program, "--json", *arguments],
            cwd=self._scratch,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
        )
        if done.returncode not in (0, EXIT_PARTIAL):
            fail(f"dedupstore {arguments[0]} ended with exit code {done.returncode}", self._scratch)
        document: dict[str, Any] = json.loads(done.stdout)
        return document


def fail(message: str, scratch: Path) -> NoReturn:
    """End the demonstration, leaving everything where it is for a closer look."""
    terminal.bad(message)
    terminal.line(f"everything is left as it is in {scratch}")
    sys.exit(1)


def main(arguments: list[str]) -> None:
    """Run the demonstration: PROGRAM [FOLDER]."""
    terminal.make_writable_anywhere()
    program = arguments[0]
    scratch = Path(tempfile.mkdtemp(prefix="dedupstore-quickstart-")).resolve()
    dedupstore = Dedupstore(program, scratch)
    if len(arguments) == 1:
        show_on_samples(dedupstore, scratch)
    else:
        show_on_folder(dedupstore, scratch, Path(arguments[1]).resolve())
    show_next_steps(program, dedupstore.repository, scratch)


# On sample logs


def show_on_samples(dedupstore: Dedupstore, scratch: Path) -> None:
    """Take four snapshots of a day in the life of three logs; restore the second."""
    logs = SampleLogs(scratch / "logs")
    terminal.title("A day of logs, four snapshots")
    terminal.line(f"Sample logs, the same on every run, in {scratch}/logs.")
    dedupstore.run("init")
    terminal.line()

    logs.grow()
    snapshot(dedupstore, "three logs are written", "logs")
    logs.grow()
    earlier = snapshot(dedupstore, "they grow", "logs")
    kept = scratch / "copy-of-the-second-moment"
    shutil.copytree(logs.folder, kept)
    logs.rotate()
    logs.grow()
    snapshot(dedupstore, "app.log is rotated to app.log.1, and all grow", "logs")
    logs.compress()
    logs.grow(2_000)
    snapshot(dedupstore, "app.log.1 is gzipped to app.log.2.gz, and all grow", "logs")

    terminal.title("Back to the second moment, before the rotation")
    report = dedupstore.run("restore", earlier, "--target", "restored")
    prove_equal(kept, restored_root(scratch / "restored", logs.folder), scratch)
    terminal.good(f"{plural(report['files'], 'file')}, {size(report['bytes'])}: every byte is what")
    terminal.line("  a plain copy made at that moment holds (names and SHA-256 compared)")

    check(dedupstore, scratch)
    show_sizes(dedupstore)
    prune(dedupstore)


def prune(dedupstore: Dedupstore) -> None:
    """Remove what a policy does not keep, and say what that gave back."""
    terminal.title("The day is over: the last two snapshots are enough")
    report = dedupstore.run("prune", "--keep-last", "2")
    terminal.good(
        f"{plural(len(report['removed']), 'snapshot')} removed, {len(report['kept'])} kept, "
        f"{size(report['freed_bytes'])} freed"
    )
    terminal.line("  little, since logs that only grow need all that was ever stored of them")


def snapshot(dedupstore: Dedupstore, event: str, folder: str) -> str:
    """Take a snapshot, say what it cost, and return the beginning of its id."""
    terminal.line(event)
    report = dedupstore.run("snapshot", folder)
    terminal.good(
        f"{plural(report['files'], 'file')} of {size(report['bytes'])}, "
        f"new {size(report['bytes_new'])}, stored {size(report['bytes_stored'])}, "
        f"{report['seconds']:.1f} s"
    )
    if report["warnings"]:
        terminal.line(f"  with {plural(len(report['warnings']), 'warning')}, named above")
    terminal.line()
    return str(report["snapshot"])[:ID_DIGITS_SHOWN]


def prove_equal(expected: Path, actual: Path, scratch: Path) -> None:
    """End the demonstration unless two folders hold the same names with the same bytes."""
    wanted, found = digests(expected), digests(actual)
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            fail(f"{printable(name)} is not what it was", scratch)


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, by its path in it."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# On a folder of the user


def show_on_folder(dedupstore: Dedupstore, scratch: Path, folder: Path) -> None:
    """Take two snapshots of a folder, restore the first and compare it with the original."""
    refuse_unfit(folder, scratch)
    before = survey(folder)
    terminal.title(f"Two snapshots of {printable(str(folder))}")
    terminal.line("Your folder is only read.")
    dedupstore.run("init")
    terminal.line()
    first = snapshot(dedupstore, "the first time, everything is new", str(folder))
    snapshot(dedupstore, "the second time, only what changed in between is", str(folder))

    terminal.title("The first snapshot, restored beside the repository")
    report = dedupstore.run("restore", first, "--target", "restored")
    terminal.good(
        f"{plural(report['files'], 'file')}, {size(report['bytes'])}, {report['seconds']:.1f} s"
    )
    outcome = compare(folder, before, restored_root(scratch / "restored", folder))
    show_comparison(outcome, scratch)

    check(dedupstore, scratch)
    show_sizes(dedupstore)


def refuse_unfit(folder: Path, scratch: Path) -> None:
    """End the demonstration where it could not be carried through."""
    if scratch.is_relative_to(folder):
        scratch.rmdir()
        fail_early(f"{scratch} lies in {folder}", "choose another place: TMPDIR=/path")
    needed = 2 * sum(seen.allocated_bytes for seen in survey(folder).values()) + (64 << 20)
    free = shutil.disk_usage(scratch).free
    if free < needed:
        scratch.rmdir()
        fail_early(
            f"{scratch.parent} has {size(free)} free; the repository and the restored copy may "
            f"take {size(needed)}",
            "choose another place: TMPDIR=/path",
        )


def fail_early(message: str, hint: str) -> NoReturn:
    """End the demonstration before it has begun."""
    print(f"error: {printable(message)}\nhint: {hint}", file=sys.stderr)
    sys.exit(1)


def show_comparison(outcome: Comparison, scratch: Path) -> None:
    """Say what the comparison found; end the demonstration if a file is wrong."""
    if outcome.wrong:
        for name in outcome.wrong[:NAMES_SHOWN_MAX]:
            terminal.bad(f"{printable(name)} did not change, but is missing or different")
        fail(f"{plural(len(outcome.wrong), 'file')} not restored as they were", scratch)
    terminal.good(
        f"{plural(len(outcome.equal), 'file')} of {size(outcome.equal_bytes)} compared byte for "
        "byte: all equal"
    )
    for names, what in (
        (outcome.grown, "grew meanwhile: what was restored is exactly their beginning"),
        (outcome.moved_on, "changed meanwhile (rewritten, rotated, deleted): not compared"),
        (outcome.unreadable, "you may not read: not compared"),
    ):
        if names:
            terminal.line(f"  {plural(len(names), 'file')} {what}")
            for name in names[:NAMES_SHOWN_MAX]:
                terminal.line(f"    {printable(name)}")


# For both


def restored_root(target: Path, folder: Path) -> Path:
    """Return where the files of ``folder`` are below the target of a restore."""
    for candidate in (target / folder.relative_to(folder.anchor), target / folder.name):
        if candidate.is_dir():
            return candidate
    return target


def check(dedupstore: Dedupstore, scratch: Path) -> None:
    """Have every stored byte decoded and compared with its name."""
    terminal.title("Is everything in the repository what it should be?")
    report = dedupstore.run("check", "--data")
    if not report["ok"]:
        fail(f"check found {plural(len(report['findings']), 'problem')}", scratch)
    terminal.good(
        f"{plural(report['packs'], 'pack')}, {plural(report['chunks'], 'chunk')}, "
        f"{size(report['bytes_read'])} read: nothing is missing or wrong"
    )


def show_sizes(dedupstore: Dedupstore) -> None:
    """Say what the snapshots hold and what they take."""
    terminal.title("What it takes")
    stats = dedupstore.run("stats")
    terminal.good(
        f"{plural(stats['snapshots'], 'snapshot')} of {size(stats['bytes_original'])} in all, "
        f"stored in {size(stats['bytes_stored'])}"
    )
    terminal.line(
        f"  deduplication {stats['dedup_ratio']:.1f} : 1, "
        f"compression {stats['compression_ratio']:.1f} : 1"
    )


def show_next_steps(program: str, repository: Path, scratch: Path) -> None:
    """Say what there is now and what can be typed next."""
    terminal.title("What you have now")
    terminal.line(f"repository   {repository}")
    terminal.line(f"command      {program}")
    terminal.line(f"to remove    rm -r {shlex.quote(str(scratch))}")

    terminal.title("What to type next")
    terminal.command(f"export DEDUPSTORE_REPO={shlex.quote(str(repository))}")
    terminal.command(f'export PATH={shlex.quote(str(Path(program).parent))}:"$PATH"')
    for text in (
        "dedupstore list                       # the snapshots",
        "dedupstore ls latest                  # what is in the newest",
        "dedupstore diff latest~1 latest       # what changed since the one before",
        "dedupstore --help                     # everything else",
    ):
        terminal.command(text)
    terminal.line()


if __name__ == "__main__":
    # A reader that has seen enough, such as `| head`, ends the demonstration quietly.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
