"""Logs that live under a soak: they grow, are rotated, gzipped, cut off, holed and taken over."""

from __future__ import annotations

import gzip
import hashlib
import random
import shutil
from pathlib import Path

from sample_repository import log_lines

ROTATIONS_KEPT = 3
Digests = dict[str, tuple[int, str]]
"""Path below a restore's target → size and SHA-256 of the file."""


class LivingLogs:
    """A folder of logs that changes only when it is told to, each time in another way."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self._random = random.Random(seed)
        folder.mkdir(parents=True)
        for name in ("app.log", "web.log"):
            (folder / name).write_bytes(log_lines(2000, self._random.randrange(8)))

    def live_on(self, others: list[LivingLogs]) -> None:
        """Let some time pass; a log of one of ``others`` may be copied here."""
        for name in ("app.log", "web.log"):
            self._grow(name)
            chance = self._random.random()
            if chance < 0.3:
                self._rotate(name)
            elif chance < 0.4:
                self._copy_and_truncate(name)
            elif chance < 0.5:
                self._truncate_beneath_its_writer(name)
            elif chance < 0.55:
                self._cut_off(name)
        if others and self._random.random() < 0.3:
            other = self._random.choice(others)
            shutil.copy2(other.folder / "app.log", self.folder / "taken-over.log")
        binary = self.folder / "binary.log"
        if self._random.random() < 0.3:
            binary.write_bytes(self._random.randbytes(self._random.randrange(200_000)))
        else:
            binary.unlink(missing_ok=True)

    def digests(self) -> Digests:
        """Return what a restore of the folder must bring."""
        return digests_of(self.folder, Path(self.folder.anchor))

    def _grow(self, name: str) -> None:
        # Few seeds: what another folder of logs has stored before is met again.
        lines = log_lines(self._random.randrange(1, 3000), self._random.randrange(40))
        with (self.folder / name).open("ab") as log:
            log.write(lines)

    def _rotate(self, name: str) -> None:
        log = self.folder / name
        for number in range(ROTATIONS_KEPT, 1, -1):
            packed = self.folder / f"{name}.{number}.gz"
            if packed.exists():
                packed.rename(self.folder / f"{name}.{number + 1}.gz")
        (self.folder / f"{name}.{ROTATIONS_KEPT + 1}.gz").unlink(missing_ok=True)
        first = self.folder / f"{name}.1"
        if first.exists():
            (self.folder / f"{name}.2.gz").write_bytes(gzip.compress(first.read_bytes(), mtime=0))
        log.rename(first)
        log.touch()

    def _copy_and_truncate(self, name: str) -> None:
        log = self.folder / name
        shutil.copy(log, self.folder / f"{name}.1")
        with log.open("r+b") as file:
            file.truncate(0)

    def _truncate_beneath_its_writer(self, name: str) -> None:
        """Copy and truncate a log whose writer goes on where it was, which leaves a hole."""
        end = (self.folder / name).stat().st_size
        self._copy_and_truncate(name)
        with (self.folder / name).open("r+b") as log:
            log.seek(end)
            log.write(log_lines(self._random.randrange(1, 300), self._random.randrange(40)))

    def _cut_off(self, name: str) -> None:
        """Take away the end of a log, within a line."""
        log = self.folder / name
        with log.open("r+b") as file:
            file.truncate(self._random.randrange(log.stat().st_size + 1))


def digests_of(folder: Path, above: Path) -> Digests:
    """Return the sizes and digests of all files below a folder, by path below ``above``."""
    found: Digests = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            name = path.relative_to(above).as_posix()
            found[name] = (len(data), hashlib.sha256(data).hexdigest())
    return found
