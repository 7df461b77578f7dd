"""The data under test: counting it, warming it, and proving that it came back."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_READ_BYTES = 1 << 20


class RestoreDiffers(Exception):
    """A restored tree is not what was stored."""


@dataclass(frozen=True)
class Footprint:
    """How much a tree takes: sum of file sizes, of allocated blocks (as du), and file count."""

    apparent_bytes: int = 0
    allocated_bytes: int = 0
    files: int = 0


@dataclass(frozen=True)
class Corpus:
    """One source of the comparison, under the name that reports use for it."""

    name: str
    path: Path
    footprint: Footprint


def open_corpus(path: Path) -> Corpus:
    """Return the file or folder at `path` as a corpus named after it; OSError if there is none."""
    resolved = path.resolve(strict=True)
    return Corpus(resolved.name, resolved, footprint(resolved))


def footprint(root: Path) -> Footprint:
    """Return what the tree at `root` takes; nothing if it does not exist."""
    apparent_bytes = allocated_bytes = files = 0
    for path in walk(root):
        status = os.lstat(path)
        allocated_bytes += status.st_blocks * 512
        if not stat.S_ISDIR(status.st_mode):
            apparent_bytes += status.st_size
            files += 1
    return Footprint(apparent_bytes, allocated_bytes, files)


def walk(root: Path) -> Iterator[str]:
    """Yield `root` and all that is below it, folders before what they hold."""
    if not os.path.lexists(root):
        return
    yield str(root)
    pending = [str(root)] if root.is_dir() else []
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                yield entry.path
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)


def warm_page_cache(root: Path) -> None:
    """Read every file below `root` once."""
    buffer = bytearray(_READ_BYTES)
    for path in walk(root):
        if stat.S_ISREG(os.lstat(path).st_mode):
            with open(path, "rb", buffering=0) as source:
                while source.readinto(buffer):
                    pass


def restored_root(target: Path, source: Path) -> Path:
    """Return where `source` lies below `target`.

    Engines rebuild the whole absolute path, a part of it, or the content alone: the longest
    match is taken.
    """
    parts = source.parts[1:]
    for first in range(len(parts)):
        candidate = target.joinpath(*parts[first:])
        if os.path.lexists(candidate):
            return candidate
    return target


def require_equal(source: Path, restored: Path) -> None:
    """Compare two trees by entry types, link targets and bytes; raise RestoreDiffers."""
    entries = 0
    for path in walk(source):
        entries += 1
        relative = os.path.relpath(path, source)
        difference = _difference(path, os.path.normpath(os.path.join(restored, relative)))
        if difference:
            raise RestoreDiffers(f"{difference}: {os.path.relpath(path, source.parent)}")
    if entries != sum(1 for _ in walk(restored)):
        raise RestoreDiffers(f"more was restored below {restored.name} than was stored")


def _difference(path: str, restored: str) -> str | None:
    """Return how one entry differs from what was restored for it, if it does."""
    if not os.path.lexists(restored):
        return "not restored"
    mode = os.lstat(path).st_mode
    if stat.S_IFMT(mode) != stat.S_IFMT(os.lstat(restored).st_mode):
        return "restored as another type"
    if stat.S_ISLNK(mode) and os.readlink(path) != os.readlink(restored):
        return "link restored with another target"
    if stat.S_ISREG(mode) and not _same_bytes(path, restored):
        return "restored with other bytes"
    return None


def _same_bytes(path: str, other_path: str) -> bool:
    with open(path, "rb") as one, open(other_path, "rb") as other:
        while True:
            block = one.read(_READ_BYTES)
            if block != other.read(_READ_BYTES):
                return False
            if not block:
                return True
