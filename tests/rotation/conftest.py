"""Logs to rotate, and each way to rotate them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dedupstore.operations.snapshot.observer import ReportingObserver
from dedupstore.operations.snapshot.source_file import open_source
from rotation.rotators import Rotator, find_logrotate, rotate_by_hand, rotate_by_logrotate
from rotation.watched_logs import OPEN_SOURCE, WatchedLogs


@pytest.fixture(params=["logrotate", "by hand"])
def rotate(request: pytest.FixtureRequest) -> Rotator:
    """Return a way to rotate a log; logrotate itself where it is installed."""
    if request.param == "by hand":
        return rotate_by_hand
    if find_logrotate() is None:
        pytest.skip("logrotate is not installed")
    return rotate_by_logrotate


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WatchedLogs:
    """Return an empty folder of logs, of which every file that a snapshot opens is noted."""
    logs = WatchedLogs(tmp_path)

    def noting(absolute: bytes, observer: ReportingObserver) -> int | None:
        logs.opened.append(os.path.basename(os.fsdecode(absolute)))
        return open_source(absolute, observer)

    monkeypatch.setattr(OPEN_SOURCE, noting)
    return logs
