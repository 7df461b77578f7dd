"""Trees of files: changed like logs are, remembered exactly, and compared."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from hypothesis import strategies

HOLE_BYTES = 65_536
FOLDERS = ("", "a", "a/b", "c")
NAMES = ("app.log", "app.log.1", "app.log.2", "d\nx", "é", "z")


class Remembered(NamedTuple):
    """All that a restore must bring back of one path."""

    mode: int
    mtime_ns: int
    content: bytes


Tree = dict[str, Remembered]


def remember(root: Path) -> Tree:
    """Return everything below ``root``: mode with type, time, and bytes or link target."""
    tree: Tree = {}
    for path in root.rglob("*"):
        status = path.lstat()
        content = b""
        if stat.S_ISLNK(status.st_mode):
            content = os.fsencode(os.readlink(path))
        elif stat.S_ISREG(status.st_mode):
            content = path.read_bytes()
        relative = path.relative_to(root).as_posix()
        tree[relative] = Remembered(status.st_mode, status.st_mtime_ns, content)
    return tree


@dataclass(frozen=True)
class Change:
    """One thing done to a tree: ``kind`` to ``path``, with what it needs."""

    kind: str
    path: str
    other: str = ""
    size: int = 0
    seed: int = 0

    def apply(self, root: Path) -> None:
        """Do it, as far as the tree as it is allows; what is impossible is passed over."""
        target = root / self.path
        with suppress(FileNotFoundError, NotADirectoryError, FileExistsError, IsADirectoryError):
            getattr(self, f"_{self.kind}")(target, root / self.other)

    def _data(self) -> bytes:
        line = b"%d %d some log line\n" % (self.seed, self.seed * 7919 % 10_007)
        return (line * (self.size // len(line) + 1))[: self.size]

    def _write(self, target: Path, other: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self._data())

    def _append(self, target: Path, other: Path) -> None:
        if target.is_file() and not target.is_symlink():
            with target.open("ab") as file:
                file.write(self._data())

    def _rewrite(self, target: Path, other: Path) -> None:
        """Change bytes in the middle; keep the size, and put the modification time back."""
        if target.is_symlink() or not target.is_file() or not target.stat().st_size:
            return
        status = target.stat()
        with target.open("r+b") as file:
            file.seek(self.seed % status.st_size)
            file.write(self._data()[: status.st_size - self.seed % status.st_size])
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))

    def _truncate(self, target: Path, other: Path) -> None:
        if target.is_file() and not target.is_symlink():
            os.truncate(target, min(self.size, target.stat().st_size))

    def _hole(self, target: Path, other: Path) -> None:
        """Lengthen the file by a hole, and write a little behind it."""
        if target.is_file() and not target.is_symlink():
            with target.open("r+b") as file:
                file.seek(HOLE_BYTES, os.SEEK_END)
                file.write(self._data()[:100])

    def _rename(self, target: Path, other: Path) -> None:
        if not target.is_dir() and os.path.lexists(target) and other.parent.is_dir():
            os.rename(target, other)

    def _rotate(self, target: Path, other: Path) -> None:
        """app.log.1 becomes app.log.2, app.log becomes app.log.1, and a new one begins."""
        log = target.parent / "app.log"
        for older, newer in ((".1", ".2"), ("", ".1")):
            source = log.with_name(log.name + older)
            if source.is_file() and not source.is_symlink():
                os.rename(source, log.with_name(log.name + newer))
        log.write_bytes(self._data())

    def _delete(self, target: Path, other: Path) -> None:
        if target.is_dir() and not target.is_symlink():
            for path in sorted(target.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
            target.rmdir()
        else:
            target.unlink()

    def _mkdir(self, target: Path, other: Path) -> None:
        target.mkdir(parents=True)

    def _chmod(self, target: Path, other: Path) -> None:
        if not target.is_symlink():
            target.chmod(0o700 | (self.seed & 0o77))

    def _link(self, target: Path, other: Path) -> None:
        os.symlink(self.other or "nowhere", target)

    def _touch(self, target: Path, other: Path) -> None:
        os.utime(target, ns=(self.seed, self.seed * 1_000_003), follow_symlinks=False)


def paths() -> strategies.SearchStrategy[str]:
    """Return a strategy for paths below the root, few enough to meet each other again."""
    return strategies.builds(
        lambda folder, name: f"{folder}/{name}".lstrip("/"),
        strategies.sampled_from(FOLDERS),
        strategies.sampled_from(NAMES),
    )


KINDS = (
    "append", "chmod", "delete", "hole", "link", "mkdir", "rename", "rewrite", "rotate", "touch",
    "truncate", "write",
)  # fmt: skip


def changes() -> strategies.SearchStrategy[Change]:
    """Return a strategy for single changes; what makes files is as likely as all else."""
    return strategies.builds(
        Change,
        kind=strategies.sampled_from(["write", "write", "write", "append", *KINDS]),
        path=paths(),
        other=paths(),
        size=strategies.sampled_from([0, 1, 100, 4096, 5000, 40_000, 200_000]),
        seed=strategies.integers(0, 5000),
    )
