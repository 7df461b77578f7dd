"""Compares a restored folder with the original, which may be in use all the while."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Seen:
    """What identified a file before the snapshot was made."""

    mode: int
    inode: int
    size: int
    mtime_ns: int
    allocated_bytes: int = field(compare=False)
    """What it takes on disk, which is less than its size where it has holes."""

    @classmethod
    def of(cls, path: Path) -> Seen | None:
        """Return what the file at ``path`` looks like now, None if it is gone or out of reach."""
        try:
            found = path.lstat()
        except OSError:
            return None
        return cls(
            stat.S_IFMT(found.st_mode),
            found.st_ino,
            found.st_size,
            found.st_mtime_ns,
            found.st_blocks * 512,
        )


@dataclass
class Comparison:
    """The outcome, each file in one list, by its path in the folder."""

    equal: list[str] = field(default_factory=list)
    equal_bytes: int = 0
    grown: list[str] = field(default_factory=list)
    """Files that grew since; what was restored is exactly their beginning."""
    moved_on: list[str] = field(default_factory=list)
    """Files that were rewritten, rotated or deleted since; there is nothing to compare with."""
    unreadable: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Files that did not change and are missing or different in what was restored."""


def survey(folder: Path) -> dict[str, Seen]:
    """Return every file and symlink below ``folder``, by its path in it. Nothing is opened."""
    found = {}
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        for name in sorted(files + links):
            path = Path(parent, name)
            seen = Seen.of(path)
            if seen is not None and (stat.S_ISREG(seen.mode) or stat.S_ISLNK(seen.mode)):
                found[str(path.relative_to(folder))] = seen
    return found


def compare(folder: Path, before: dict[str, Seen], restored: Path) -> Comparison:
    """Compare every file that was there ``before`` with its restored copy, byte for byte."""
    outcome = Comparison()
    for name, seen in before.items():
        _compare_one(folder / name, restored / name, name, seen, outcome)
    return outcome


def _compare_one(original: Path, copy: Path, name: str, seen: Seen, outcome: Comparison) -> None:
    try:
        same_start = _starts_alike(original, copy)
    except FileNotFoundError:
        same_start = False
    except OSError:
        outcome.unreadable.append(name)
        return
    now = Seen.of(original)
    restored = Seen.of(copy)
    if now is None or now.inode != seen.inode or now.size < seen.size:
        outcome.moved_on.append(name)
    elif restored is None or restored.size < seen.size:
        outcome.wrong.append(name)
    elif now != seen:
        (outcome.grown if same_start else outcome.moved_on).append(name)
    elif same_start and restored.size == seen.size:
        outcome.equal.append(name)
        outcome.equal_bytes += seen.size
    else:
        outcome.wrong.append(name)


def _starts_alike(original: Path, copy: Path) -> bool:
    """Tell whether the original begins with all of the copy."""
    if original.is_symlink() and copy.is_symlink():
        return original.readlink() == copy.readlink()
    if original.is_symlink() or copy.is_symlink():
        return False
    with original.open("rb") as one, copy.open("rb") as other:
        while expected := other.read(READ_BYTES):
            if one.read(len(expected)) != expected:
                return False
    return True
