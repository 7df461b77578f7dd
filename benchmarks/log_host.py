"""A folder of logs that lives through its days as on a host with logrotate.

What is done each midnight is what logrotate does with this configuration:

    daily   rotate KEEP_DAYS   compress   delaycompress   create   ifempty
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

from corpora import RestoreDiffers, walk
from rotated_logs import DailyLog, Day, copy_range, line_cuts

_FIRST_MIDNIGHT = 1_735_689_600
"""2025-01-01, UTC: when the first day of every replay begins."""

_DAY_SECONDS = 86_400
_SECOND_NS = 1_000_000_000
_READ_BYTES = 1 << 20

State = Mapping[str, tuple[int, str, int]]
"""Path below the root to size, digest and modification time in ns, of every file."""


class LogHost:
    """Replays `logs` into the folder `root`, the same way for the same seed.

    The last day of each log is the last of `days`: one that has fewer begins later. `grow` and
    `midnight` are called in turn; each returns how many bytes came up that were not on the host
    before: the one what was appended, the other the sizes of the new .gz. Modification times are of
    the simulated days; the inodes' change times are real, as nobody can set them.
    """

    def __init__(
        self,
        root: Path,
        logs: Sequence[DailyLog],
        *,
        days: int,
        steps_a_day: int,
        keep_days: int,
        source: random.Random,
    ) -> None:
        """Take what to replay; `keep_days` is how many rotated files of a log stay (at least 2)."""
        self.root = root
        self.days = days
        self.steps_a_day = steps_a_day
        self._logs = logs
        self._keep_days = keep_days
        self._source = source
        self._cuts: dict[str, list[int]] = {}
        root.mkdir(parents=True)

    def grow(self, day: int, step: int) -> int:
        """Append the next part of the day's text to each log."""
        new_bytes = 0
        for log in self._logs:
            today = self._day(log, day)
            if today is None:
                continue
            path = self.root / log.path
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                self._create(path, day)
            if step == 0:
                self._cuts[log.path] = line_cuts(today.text, self.steps_a_day, self._source)
            begin, end = self._cuts[log.path][step : step + 2]
            if begin < end:
                copy_range(today.text, begin, end, path)
                share_of_step = self._source.uniform(0.1, 1.0)
                self._set_time(path, day, (step + share_of_step) / self.steps_a_day)
                new_bytes += end - begin
        return new_bytes

    def midnight(self, day: int) -> int:
        """Rotate every log at the end of `day`."""
        new_bytes = 0
        for log in self._logs:
            if (self.root / log.path).exists():
                new_bytes += self._rotate(log, day)
        return new_bytes

    def _rotate(self, log: DailyLog, day: int) -> int:
        path = self.root / log.path
        new_bytes = 0
        _rotated(path, self._keep_days).unlink(missing_ok=True)
        for number in range(self._keep_days - 1, 1, -1):
            packed = _rotated(path, number)
            if packed.exists():
                packed.rename(_rotated(path, number + 1))
        yesterday = path.with_name(f"{path.name}.1")
        if yesterday.exists():
            new_bytes = _compress(yesterday, _rotated(path, 2), self._day(log, day - 1))
        path.rename(yesterday)
        self._create(path, day + 1)
        return new_bytes

    def _day(self, log: DailyLog, day: int) -> Day | None:
        index = day - (self.days - len(log.days))
        return log.days[index] if 0 <= index < len(log.days) else None

    def _create(self, path: Path, day: int) -> None:
        path.touch(mode=0o640, exist_ok=False)
        self._set_time(path, day, 0.0)

    def _set_time(self, path: Path, day: int, share_of_day: float) -> None:
        seconds = _FIRST_MIDNIGHT + int((day + share_of_day) * _DAY_SECONDS)
        time_ns = seconds * _SECOND_NS + self._source.randrange(_SECOND_NS)
        os.utime(path, ns=(time_ns, time_ns))


def state_of(root: Path) -> State:
    """Return what every file below `root` is."""
    state = {}
    for name in walk(root):
        if os.path.isdir(name):
            continue
        with open(name, "rb", buffering=0) as file:
            digest = blake2b(digest_size=20)
            while data := file.read(_READ_BYTES):
                digest.update(data)
            status = os.fstat(file.fileno())
        relative = os.path.relpath(name, root)
        state[relative] = (status.st_size, digest.hexdigest(), status.st_mtime_ns)
    return state


def require_state(root: Path, expected: State) -> None:
    """Compare what is below `root` with a state: names, bytes and times; raise RestoreDiffers."""
    found = state_of(root)
    for name in sorted(found.keys() | expected.keys()):
        if name not in found:
            raise RestoreDiffers(f"not restored: {name}")
        if name not in expected:
            raise RestoreDiffers(f"restored, but was not there: {name}")
        for what, is_, was in zip(
            ("size", "bytes", "time"), found[name], expected[name], strict=True
        ):
            if is_ != was:
                raise RestoreDiffers(f"restored with other {what}: {name}")


def _rotated(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}.gz")


def _compress(text: Path, target: Path, day: Day | None) -> int:
    """Replace a file by its .gz, which has its time and mode; return the size of the .gz.

    Where the day's text came from a .gz, that very file is taken.
    """
    if day is not None and day.gz is not None:
        shutil.copyfile(day.gz, target)
    else:
        with text.open("rb") as source, target.open("wb") as sink:
            subprocess.run(["gzip", "-6", "-n"], stdin=source, stdout=sink, check=True)
    shutil.copystat(text, target)
    text.unlink()
    return target.stat().st_size
