"""Parts of a log that are compressed a rotation later, and what is seen of that half-way."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rotation.rotators import TIMEOUT_SECONDS, Rotator, Rules, find_logrotate, logrotate_command
from rotation.watched_logs import WatchedLogs, changes
from sample_repository import log_lines

COMPRESS = Rules(compress=True)
PACKED = "app.log.2.gz"

HALTING_GZIP = """#!/bin/sh
# Compresses stdin to stdout; rests half-way until {go} is there.
cat > {text}
gzip -6 -n < {text} > {packed}
half=$(($(stat -c %s {packed}) / 2))
head -c $half {packed}
touch {halted}
while [ ! -e {go} ]; do sleep 0.01; done
tail -c +$((half + 1)) {packed}
"""


def test_a_compressed_part_is_stored_once(watched: WatchedLogs, rotate: Rotator) -> None:
    """The .gz of a known part is read, kept as a twin of its text, and adds only a recipe."""
    watched.append("app.log", log_lines(400, seed=1))
    watched.snapshot()
    rotate(watched.logs / "app.log", COMPRESS)
    watched.append("app.log", log_lines(30, seed=2))
    watched.snapshot()
    rotate(watched.logs / "app.log", COMPRESS)
    report = watched.snapshot()
    assert sorted(path.name for path in watched.logs.iterdir()) == ["app.log", "app.log.1", PACKED]
    assert watched.opened == ["app.log", PACKED]
    assert report.bytes_read == (watched.logs / PACKED).stat().st_size
    assert report.twins == 1
    assert report.bytes_new == 0
    assert watched.lineages() == {"app.log.1": "app.log", PACKED: "app.log"}
    rotate(watched.logs / "app.log", COMPRESS)
    assert "app.log.3.gz" in {path.name for path in watched.logs.iterdir()}
    watched.snapshot()
    assert "app.log.3.gz" not in watched.opened
    watched.require_exact_restores()


def test_a_log_that_grew_all_day_is_packed_for_nothing(watched: WatchedLogs) -> None:
    """However many snapshots saw a log grow, its .gz adds only a recipe."""
    for number in range(8):
        watched.append("app.log", log_lines(50, seed=number))
        assert watched.snapshot().twins == 0
    part, packed = watched.logs / "app.log.1", watched.logs / "app.log.1.gz"
    (watched.logs / "app.log").rename(part)
    watched.append("app.log", new := log_lines(10, seed=9))
    packed.write_bytes(gzip.compress(part.read_bytes(), 6, mtime=0))
    shutil.copystat(part, packed)
    part.unlink()
    report = watched.snapshot()
    assert (report.twins, report.bytes_new) == (1, len(new))
    assert watched.lineages() == {packed.name: "app.log"}
    watched.require_exact_restores()


def test_a_half_written_gz_is_kept_as_it_is(watched: WatchedLogs) -> None:
    """A .gz of which a part is missing is no error: kept raw, and once it is whole, as a twin."""
    part, packed = watched.logs / "app.log.1", watched.logs / "app.log.1.gz"
    watched.append("app.log", log_lines(10, seed=2))
    watched.append(part.name, text := log_lines(400, seed=1))
    watched.snapshot()
    content = gzip.compress(text, 6, mtime=0)
    watched.append(packed.name, content[: len(content) // 2])

    def finish() -> None:
        watched.append(packed.name, content[len(content) // 2 :])
        shutil.copystat(part, packed)
        part.unlink()

    require_raw_then_twin(watched, finish)


def test_a_gz_that_logrotate_is_writing_is_kept_as_it_is(watched: WatchedLogs) -> None:
    """The same, while logrotate waits for its compressing program."""
    if find_logrotate() is None:
        pytest.skip("logrotate is not installed")
    watched.append("app.log", log_lines(10, seed=2))
    watched.append("app.log.1", log_lines(400, seed=1))
    watched.snapshot()
    with halted_logrotate(watched.logs / "app.log") as finish:
        require_raw_then_twin(watched, finish)


def require_raw_then_twin(watched: WatchedLogs, finish: Callable[[], None]) -> None:
    """Take a snapshot of half a .gz, which is a part of its log, and of it when it is whole."""
    half = watched.snapshot()
    assert half.twins == 0
    assert (changes(half), half.bytes_new) == ({"unchanged": 2, "new": 1}, half.bytes_read)
    assert watched.lineages() == {"app.log.1": "app.log", "app.log.1.gz": "app.log"}
    finish()
    whole = watched.snapshot()
    assert (whole.twins, whole.bytes_new) == (1, 0)
    assert set(watched.lineages().values()) == {"app.log"}
    watched.require_exact_restores()


@contextmanager
def halted_logrotate(log: Path) -> Iterator[Callable[[], None]]:
    """Start logrotate and wait until it has half a .gz; give what lets it finish."""
    base = log.parent.parent
    program, halted, go = base / "halting-gzip", base / "halted", base / "go"
    program.write_text(
        HALTING_GZIP.format(text=base / "text", packed=base / "packed", halted=halted, go=go)
    )
    program.chmod(0o700)
    rules = Rules(compress=True, compress_program=program)
    with subprocess.Popen(logrotate_command(log, rules), stderr=subprocess.PIPE) as logrotate:

        def finish() -> None:
            go.touch()
            _, said = logrotate.communicate(timeout=TIMEOUT_SECONDS)
            assert logrotate.returncode == 0, said

        try:
            until = time.monotonic() + TIMEOUT_SECONDS
            while not halted.exists():
                assert time.monotonic() < until, "logrotate does not compress"
                assert logrotate.poll() is None, logrotate.communicate()[1]
                time.sleep(0.01)
            yield finish
        finally:
            go.touch()
