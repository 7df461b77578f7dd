"""Trees of files: changed like logs are, remembered exactly, and compared."""

from __future__ import annotations

import functools
import gzip
import os
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from hypothesis import strategies

HOLE_BYTES = 65_536
GZIPPED_BYTES_MAX = 20_000
"""Longer files are not compressed: where there is no native kernel, they take long."""
FOLDERS = ("", "a", "a/b", "c")
NAMES = ("app.log", "app.log.1", "app.log.2", "app.log.2.gz", "d\nx", "é", "z")


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
        """Do it, as far as the tree allows; what is impossible is passed over."""
        target = root / self.path
        with suppress(FileNotFoundError, NotADirectoryError, FileExistsError, IsADirectoryError):
            getattr(self, f"_{self.kind}")(target, root / self.other)

    def _data(self) -> bytes:
        return lines(self.seed, self.size)

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

    def _cycle(self, target: Path, other: Path) -> None:
        """Rotate as with delaycompress: app.log.1 is compressed before it makes room."""
        log = target.parent / "app.log"
        self._gzip(log.with_name("app.log.1"), log.with_name("app.log.2.gz"))
        self._rotate(target, other)

    def _copytruncate(self, target: Path, other: Path) -> None:
        """Copy the file to another name and cut it short where it is."""
        if target.is_file() and not target.is_symlink() and other.parent.is_dir():
            other.unlink(missing_ok=True)
            shutil.copyfile(target, other)
            os.truncate(target, 0)

    def _swap(self, target: Path, other: Path) -> None:
        """Let two files change names."""
        between = target.with_name("between")
        if target.is_file() and other.is_file() and target != other:
            os.rename(target, between)
            os.rename(other, target)
            os.rename(between, other)

    def _replace(self, target: Path, other: Path) -> None:
        """Put a longer copy in the place of the file, as a copying program does."""
        if target.is_file() and not target.is_symlink():
            between = target.with_name("between")
            between.write_bytes(target.read_bytes() + self._data())
            os.rename(between, target)

    def _gzip(self, target: Path, other: Path) -> None:
        """Put a compressed copy at another name and delete the file."""
        packed = self._packed_file(target, other)
        if packed:
            target.unlink()
            other.unlink(missing_ok=True)
            other.write_bytes(packed)

    def _gzip_part(self, target: Path, other: Path) -> None:
        """Begin to write a compressed copy at another name, as far as ``size``."""
        packed = self._packed_file(target, other)
        if packed:
            other.unlink(missing_ok=True)
            other.write_bytes(packed[: self.size])

    def _gzip_more(self, target: Path, other: Path) -> None:
        """Append one more compressed member, be the last one whole or not."""
        if target.is_file() and not target.is_symlink():
            with target.open("ab") as file:
                file.write(self._packed(self._data()[:GZIPPED_BYTES_MAX]))

    def _packed_file(self, target: Path, other: Path) -> bytes:
        """Return a file compressed; nothing where it is none, is long, or ``other`` cannot be."""
        may_be = other.parent.is_dir() and not other.is_dir() and not target.is_symlink()
        if not may_be or not target.is_file() or target.stat().st_size > GZIPPED_BYTES_MAX:
            return b""
        return self._packed(target.read_bytes())

    def _packed(self, text: bytes) -> bytes:
        return gzip.compress(text, 1 + self.seed % 9, mtime=self.seed)

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


@functools.lru_cache(maxsize=64)
def lines(seed: int, size: int) -> bytes:
    """Return bytes of a log, no two lines of which are equal."""
    text = bytearray()
    number = 0
    while len(text) < size:
        text += b"%d %d some log line\n" % (seed, number)
        number += 1
    return bytes(text[:size])


def paths() -> strategies.SearchStrategy[str]:
    """Return a strategy for paths below the root, few enough to meet each other again."""
    return strategies.builds(
        lambda folder, name: f"{folder}/{name}".lstrip("/"),
        strategies.sampled_from(FOLDERS),
        strategies.sampled_from(NAMES),
    )


KINDS = (
    "append", "chmod", "copytruncate", "cycle", "delete", "gzip", "gzip_more", "gzip_part", "hole",
    "link", "mkdir", "rename", "replace", "rewrite", "rotate", "swap", "touch", "truncate", "write",
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


LOG_NAMES = ("app.log", "app.log.1", "app.log.2.gz", "z")
LOG_KINDS = (
    "append", "append", "append", "copytruncate", "cycle", "cycle", "gzip", "gzip", "gzip_more",
    "gzip_part", "rename", "rotate", "truncate", "write",
)  # fmt: skip


def log_changes() -> strategies.SearchStrategy[Change]:
    """Return a strategy for what happens to one log: it grows, is rotated and is compressed."""
    return strategies.builds(
        Change,
        kind=strategies.sampled_from(LOG_KINDS),
        path=strategies.sampled_from(LOG_NAMES),
        other=strategies.sampled_from(LOG_NAMES),
        size=strategies.sampled_from([1, 100, 3000, 9000]),
        seed=strategies.integers(0, 5000),
    )
