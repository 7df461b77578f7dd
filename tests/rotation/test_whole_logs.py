"""The whole text of a rotated log, from the parts that are left and those that once were there."""

from __future__ import annotations

import io

import pytest

import dedupstore
from rotation.rotators import Rotator, Rules
from rotation.watched_logs import WatchedLogs
from sample_repository import log_lines

KEPT = 3
DAYS = 6
WAYS = {
    "renamed": Rules(keep=KEPT),
    "compressed": Rules(keep=KEPT, compress=True),
    "copied": Rules(keep=KEPT, copytruncate=True),
    "copied and compressed": Rules(keep=KEPT, copytruncate=True, compress=True),
}


def whole_log(watched: WatchedLogs, name: str, *, expired: bool) -> bytes:
    """Return the text of a log in the last snapshot, with or without what only others hold."""
    output = io.BytesIO()
    with dedupstore.open_repository(watched.base / "repository") as repository:
        latest = dedupstore.find_snapshot(repository, "latest")
        path = str(watched.logs / name)
        report = dedupstore.cat_lineage(repository, latest, path, output, expired=expired)
    assert report.shortfalls == []
    return output.getvalue()


@pytest.mark.parametrize("rules", WAYS.values(), ids=WAYS.keys())
def test_no_line_is_lost_or_written_twice(
    watched: WatchedLogs, rotate: Rotator, rules: Rules
) -> None:
    """Whatever a rotation does, the parts of each snapshot are the last days, and all are known."""
    days: list[bytes] = []
    for number in range(DAYS):
        days.append(log_lines(120, seed=number))
        watched.append("app.log", days[-1])
        watched.snapshot()
        left = days[-KEPT - 1 :]
        assert whole_log(watched, "app.log", expired=False) == b"".join(left)
        assert whole_log(watched, "app.log", expired=True) == b"".join(days)
        rotate(watched.logs / "app.log", rules)
    watched.snapshot()
    assert whole_log(watched, "app.log", expired=False) == b"".join(days[-KEPT:])
    assert whole_log(watched, "app.log.1", expired=True) == b"".join(days)
