"""Runs a soak for some minutes and prints what it did and found; see tools/soak."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import time
from collections import Counter

import terminal
from faults.soak import Counts, Soak, make_scratch_folder
from terminal import plural, size

REPORT_SECONDS = 60.0


def main(arguments: list[str]) -> int:
    """Run the soak that the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="tools/soak")
    parser.add_argument("program", help=argparse.SUPPRESS)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    chosen = parser.parse_args(arguments)
    folder = make_scratch_folder(chosen.seed)
    terminal.title(f"{chosen.minutes:g} minutes with seed {chosen.seed} in {folder}")
    soak = Soak([chosen.program], folder, chosen.seed)
    end = time.monotonic() + 60 * chosen.minutes
    try:
        while time.monotonic() < end and not soak.counts.defects:
            counts = soak.run(min(REPORT_SECONDS, end - time.monotonic()))
            terminal.line(
                f"{plural(counts.rounds, 'round')}, {plural(counts.killed.total(), 'kill')}, "
                f"{plural(counts.snapshots_verified, 'restore')} compared"
            )
    except KeyboardInterrupt:
        terminal.line("interrupted")
    show(soak.counts)
    if soak.counts.defects:
        terminal.line(f"everything is left as it is in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def show(counts: Counts) -> None:
    """Say what was done and what was found."""
    terminal.title("What was done")
    terminal.line(plural(counts.rounds, "round"))
    terminal.line(f"finished    {by_kind(counts.finished)}")
    terminal.line(f"killed      {by_kind(counts.killed)}")
    terminal.line(
        f"refused     {by_kind(counts.refused)}, for a snapshot that was gone by then, or held"
    )
    terminal.line(
        f"index lost or put back to an earlier state: {counts.indexes_spoiled:,} times, "
        f"lost while it was used: {counts.indexes_spoiled_beneath:,} times"
    )
    terminal.line(f"snapshots made by a command that was killed: {counts.snapshots_of_killed:,}")
    terminal.line(f"snapshots removed: {counts.snapshots_removed:,}")
    damage = counts.damage
    terminal.line(f"packs damaged on purpose: {by_kind(damage.packs)}")
    terminal.line(
        f"  {damage.repaired_whole:,} of these repaired without a loss; of "
        f"{plural(damage.files_lost, 'file')} that were lost, {damage.files_healed:,} healed by a "
        "new snapshot"
    )
    terminal.line(
        f"  given up: {plural(damage.files_given_up, 'file')} of "
        f"{plural(damage.snapshots_given_up, 'snapshot')}, {size(damage.bytes_given_up)}"
    )
    terminal.title("What was found")
    terminal.line(
        f"{plural(counts.snapshots_verified, 'snapshot')} verified, "
        f"{size(counts.bytes_compared)} compared byte for byte"
    )
    tell = terminal.bad if counts.bytes_lost else terminal.good
    tell(f"bytes lost otherwise: {counts.bytes_lost:,}")
    tell = terminal.bad if counts.defects else terminal.good
    tell(f"defects: {len(counts.defects):,}")
    for defect in counts.defects:
        terminal.line(f"  {defect}")


def by_kind(counter: Counter[str]) -> str:
    """Return a count for each kind of command, most first."""
    named = ", ".join(f"{count:,} {kind}" for kind, count in counter.most_common())
    return f"{counter.total():,} ({named})" if named else "0"


if __name__ == "__main__":
    terminal.make_writable_anywhere()
    sys.exit(main(sys.argv[1:]))
