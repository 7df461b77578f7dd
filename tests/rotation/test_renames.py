"""Logs that are rotated by rename: what has only been renamed is not read, and stays known."""

from __future__ import annotations

import pytest

from rotation.rotators import Rotator, Rules
from rotation.watched_logs import WatchedLogs, changes, proof_bytes_max
from sample_repository import log_lines

NUMBERED = Rules()
DATED = Rules(dateext=True)


@pytest.mark.parametrize("rules", [NUMBERED, DATED], ids=["numbered", "dateext"])
def test_a_renamed_log_is_not_read(watched: WatchedLogs, rotate: Rotator, rules: Rules) -> None:
    """After a rotation only the new log is opened; the rotated one is a part of the same log."""
    watched.append("app.log", log_lines(500, seed=1))
    watched.snapshot()
    rotate(watched.logs / "app.log", rules)
    watched.append("app.log", first := log_lines(20, seed=2))
    report = watched.snapshot()
    [rotated] = {path.name for path in watched.logs.iterdir()} - {"app.log"}
    assert watched.opened == ["app.log"]
    assert (report.bytes_read, report.bytes_new) == (len(first), len(first))
    assert changes(report) == {"changed": 1, "renamed": 1}
    assert watched.lineages() == {rotated: "app.log"}
    watched.require_exact_restores()


def test_a_whole_chain_is_renamed_unread(watched: WatchedLogs, rotate: Rotator) -> None:
    """However many parts a rotation renames, none is read, and all are parts of one log."""
    for number in range(5):
        watched.append("app.log", log_lines(100 + number, seed=number))
        watched.snapshot()
        rotate(watched.logs / "app.log", NUMBERED)
    report = watched.snapshot()
    assert watched.opened == ["app.log"]
    assert (report.bytes_read, report.bytes_new) == (0, 0)
    assert changes(report)["renamed"] == 5
    assert watched.lineages() == {f"app.log.{number}": "app.log" for number in range(1, 6)}
    watched.require_exact_restores()


def test_a_late_writer_is_followed(watched: WatchedLogs, rotate: Rotator) -> None:
    """What a daemon still writes to the renamed log is read, and no more of it than the proof."""
    watched.append("app.log", known := log_lines(500, seed=1))
    with (watched.logs / "app.log").open("ab") as daemon:
        watched.snapshot()
        rotate(watched.logs / "app.log", NUMBERED)
        daemon.write(late := log_lines(10, seed=2))
        daemon.flush()
        report = watched.snapshot()
        assert report.bytes_read <= len(late) + proof_bytes_max(len(known))
        assert changes(report) == {"changed": 1, "renamed": 1}
        daemon.write(later := log_lines(10, seed=3))
    report = watched.snapshot()
    assert report.bytes_read <= len(later) + proof_bytes_max(len(known + late))
    assert changes(report) == {"unchanged": 1, "grown": 1}
    assert watched.lineages() == {"app.log.1": "app.log"}
    watched.require_exact_restores()


def test_the_oldest_part_expires(watched: WatchedLogs, rotate: Rotator) -> None:
    """When rotation deletes the oldest part and others take its name, only renames are seen."""
    rules = Rules(keep=2)
    for number in range(3):
        watched.append("app.log", log_lines(100, seed=number))
        watched.snapshot()
        rotate(watched.logs / "app.log", rules)
    report = watched.snapshot()
    assert {path.name for path in watched.logs.iterdir()} == {"app.log", "app.log.1", "app.log.2"}
    assert watched.opened == ["app.log"]
    assert report.bytes_read == 0
    watched.require_exact_restores()
