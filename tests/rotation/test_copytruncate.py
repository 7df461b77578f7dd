"""Logs that are copied and cut short where they are, and what their writers leave then."""

from __future__ import annotations

import os
from pathlib import Path

from rotation.rotators import Rotator, Rules
from rotation.watched_logs import WatchedLogs, changes
from sample_repository import log_lines

COPYTRUNCATE = Rules(copytruncate=True)
STORED_TWICE_BYTES = 4096 // 8
"""What the last chunk may have that is stored again with what follows: less than an eighth."""


def test_a_copy_adds_nothing(watched: WatchedLogs, rotate: Rotator) -> None:
    """The copy is read and found known; the log, cut short in its inode, begins anew."""
    watched.append("app.log", old := log_lines(500, seed=1))
    watched.snapshot()
    rotate(watched.logs / "app.log", COPYTRUNCATE)
    watched.append("app.log", new := log_lines(20, seed=2))
    report = watched.snapshot()
    assert (report.bytes_read, report.bytes_new) == (len(old + new), len(new))
    assert changes(report) == {"changed": 1, "new": 1}
    assert [event.kind for event in report.events] == ["truncated"]
    assert watched.lineages() == {"app.log.1": "app.log"}
    watched.require_exact_restores()


def test_a_copy_that_grew_meanwhile_adds_what_grew(watched: WatchedLogs, rotate: Rotator) -> None:
    """A log that grew between the last snapshot and the copy costs only what it grew by."""
    watched.append("app.log", log_lines(500, seed=1))
    watched.snapshot()
    watched.append("app.log", grown := log_lines(30, seed=2))
    rotate(watched.logs / "app.log", COPYTRUNCATE)
    report = watched.snapshot()
    assert report.bytes_new < len(grown) + STORED_TWICE_BYTES
    assert watched.lineages() == {"app.log.1": "app.log"}
    watched.require_exact_restores()


def test_a_log_that_outgrows_its_old_size_is_not_continued(
    watched: WatchedLogs, rotate: Rotator
) -> None:
    """A log cut short that is longer than before by the next snapshot has other bytes: all read."""
    watched.append("app.log", old := log_lines(100, seed=1))
    watched.snapshot()
    rotate(watched.logs / "app.log", COPYTRUNCATE)
    watched.append("app.log", new := log_lines(200, seed=2))
    report = watched.snapshot()
    assert report.bytes_new == len(new)
    assert report.bytes_read >= len(old + new)
    assert [event.kind for event in report.events] == ["rewritten"]
    watched.require_exact_restores()


def test_a_hole_costs_nothing(watched: WatchedLogs, rotate: Rotator) -> None:
    """A writer that goes on at its old place leaves a hole, which is neither read nor stored."""
    log = watched.logs / "app.log"
    watched.append("app.log", old := log_lines(500, seed=1))
    with log.open("r+b", buffering=0) as writer:
        writer.seek(0, os.SEEK_END)
        watched.snapshot()
        rotate(log, COPYTRUNCATE)
        writer.write(new := log_lines(20, seed=2))
        assert log.stat().st_size == len(old + new)
        report = watched.snapshot()
        assert report.bytes_new <= len(new) + hole_edge_bytes(log)
        writer.write(newer := log_lines(20, seed=3))
        grown = watched.snapshot()
    assert grown.bytes_read <= len(newer) + len(new) + hole_edge_bytes(log)
    assert grown.bytes_new <= len(newer) + len(new) + hole_edge_bytes(log)
    watched.require_exact_restores()


def hole_edge_bytes(log: Path) -> int:
    """Return how many zeros of a hole can lie in a block that is not empty."""
    return log.stat().st_blksize
