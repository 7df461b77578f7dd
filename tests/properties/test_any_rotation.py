"""The whole text of a log after any history of growth, rotation, compression and expiry."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import dedupstore
from dedupstore import Repository

RACE_SECONDS = 0.03
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


class LivingLog:
    """A log and its older parts, with what each of them should hold."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seconds = 1_772_366_400
        self._lines = 0
        self._paths = [folder / "app.log"]
        self._texts = [b""]
        self._paths[0].touch()
        self.lines: list[bytes] = []
        self.seen: set[bytes] = set()

    @property
    def text(self) -> bytes:
        """What is in the log and its parts now, oldest first."""
        return b"".join(reversed(self._texts))

    def append(self, lines: int, later_seconds: int) -> None:
        """Write lines, no two of which are equal."""
        self._seconds += later_seconds
        made = [b"%d line %d\n" % (self._seconds, self._lines + number) for number in range(lines)]
        self._lines += lines
        self.lines += made
        with self._paths[0].open("ab") as log:
            log.write(b"".join(made))
        self._texts[0] += b"".join(made)
        self._touch(self._paths[0])

    def rotate(self, copies: bool) -> None:
        """Rename every part to the next number, and the log, too, if it is not copied."""
        for number in range(len(self._paths) - 1, 0, -1):
            old = self._paths[number]
            ending = old.suffix if old.suffix in PACKERS else ""
            new = self._folder / f"app.log.{number + 1}{ending}"
            os.rename(old, new)
            self._paths[number] = new
        log, first = self._paths[0], self._folder / "app.log.1"
        if copies:
            shutil.copy(log, first)
            self._touch(first)
            os.truncate(log, 0)
        else:
            os.rename(log, first)
            log.touch()
        self._touch(log)
        self._paths.insert(1, first)
        self._texts.insert(0, b"")

    def compress(self, number: int, ending: str) -> None:
        """Compress a part, if it is there and not compressed yet."""
        if 0 < number < len(self._paths) and self._paths[number].suffix not in PACKERS:
            plain = self._paths[number]
            packed = plain.with_name(plain.name + ending)
            packed.write_bytes(PACKERS[ending](plain.read_bytes()))
            shutil.copystat(plain, packed)
            plain.unlink()
            self._paths[number] = packed

    def expire(self) -> None:
        """Remove the oldest part, if there is one."""
        if len(self._paths) > 1:
            self._paths.pop().unlink()
            self._texts.pop()

    def check(self, repository: Repository) -> None:
        """Take a snapshot and see that the log is all there, once and in order."""
        time.sleep(RACE_SECONDS)
        report = dedupstore.snapshot(repository, [self._folder])
        assert report.snapshot is not None
        snapshot = dedupstore.load_snapshot(repository, report.snapshot)
        self.seen.update(self.text.splitlines(keepends=True))
        for expired in (False, True):
            output = io.BytesIO()
            path = os.fspath(self._folder / "app.log")
            found = dedupstore.cat_lineage(repository, snapshot, path, output, expired=expired)
            assert found.shortfalls == []
            ever = b"".join(line for line in self.lines if line in self.seen)
            assert output.getvalue() == (ever if expired else self.text)

    def _touch(self, path: Path) -> None:
        os.utime(path, (self._seconds, self._seconds))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.sampled_from([1, 3, 60, 300]), st.sampled_from([1, 3600])),
        st.tuples(st.just("rotate"), st.booleans()),
        st.tuples(st.just("compress"), st.integers(1, 4), st.sampled_from(list(PACKERS))),
        st.just(("expire",)),
        st.just(("check",)),
    ),
    max_size=16,
)


@settings(max_examples=20, deadline=None)
@given(STEPS)
def test_no_line_is_lost_or_written_twice(steps: list[tuple[object, ...]]) -> None:
    """After any history, what is left of a log is written whole, and so is all that was seen."""
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base) / "logs"
        folder.mkdir()
        log = LivingLog(folder)
        with dedupstore.init_repository(
            Path(base) / "repository", chunk_bytes_target=4096
        ) as repository:
            for name, *arguments in [*steps, ("check",)]:
                if name == "check":
                    log.check(repository)
                else:
                    getattr(log, str(name))(*arguments)
