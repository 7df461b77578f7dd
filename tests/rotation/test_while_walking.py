"""Logs that are rotated while a snapshot walks over them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import dedupstore
from dedupstore.operations.snapshot.observer import ReportingObserver
from dedupstore.operations.snapshot.source_file import open_source
from properties.file_trees import remember
from rotation.rotators import Rotator, Rules
from rotation.watched_logs import OPEN_SOURCE, WatchedLogs
from sample_repository import log_lines


@pytest.mark.parametrize("rules", [Rules(keep=2, create=False), Rules(keep=2)])
def test_what_expires_during_the_walk_is_no_fault(
    watched: WatchedLogs, rotate: Rotator, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rotation between listing and opening leaves a complete snapshot of whole files.

    What each name gives back is what a file of that name held before the rotation or after it; what
    is gone is only counted.
    """
    for name, seed in (("a.log", 0), ("app.log", 1), ("app.log.1", 2), ("app.log.2", 3)):
        watched.append(name, log_lines(100, seed=seed))
    before = remember(watched.logs)

    def rotating(absolute: bytes, observer: ReportingObserver) -> int | None:
        if absolute.endswith(b"/a.log"):
            rotate(watched.logs / "app.log", rules)
        return open_source(absolute, observer)

    monkeypatch.setattr(OPEN_SOURCE, rotating)
    report = watched.snapshot()
    monkeypatch.undo()
    after = remember(watched.logs)
    assert report.files_vanished == (0 if rules.create else 1)
    restored = restored_files(watched)
    assert len(restored) == (4 if rules.create else 3)
    for name, content in restored.items():
        assert content in {tree[name].content for tree in (before, after) if name in tree}
    watched.history.clear()
    watched.snapshot()
    watched.require_exact_restores()


@pytest.mark.parametrize("name", ["app.log", "app.log.1"])
def test_what_is_renamed_before_it_is_opened_is_another_file(
    watched: WatchedLogs, rotate: Rotator, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file renamed between its status and its opening is taken for what was opened, in full."""
    watched.append("app.log", log_lines(100, seed=1))
    watched.append("app.log.1", log_lines(200, seed=2))
    watched.snapshot()
    watched.append("app.log", log_lines(5, seed=3))
    watched.append("app.log.1", log_lines(5, seed=4))

    def rotating(absolute: bytes, observer: ReportingObserver) -> int | None:
        if absolute.endswith(os.fsencode(f"/{name}")):
            rotate(watched.logs / "app.log", Rules())
        return open_source(absolute, observer)

    before = remember(watched.logs)
    monkeypatch.setattr(OPEN_SOURCE, rotating)
    report = watched.snapshot()
    monkeypatch.undo()
    after = remember(watched.logs)
    assert report.files_vanished == 0
    for found, content in restored_files(watched).items():
        assert content in {tree[found].content for tree in (before, after) if found in tree}
    watched.history.clear()
    watched.snapshot()
    watched.require_exact_restores()


def restored_files(watched: WatchedLogs) -> dict[str, bytes]:
    """Restore the last snapshot and return the files by name."""
    target = watched.base / "restored"
    with dedupstore.open_repository(watched.base / "repository") as repository:
        latest = dedupstore.find_snapshot(repository, "latest")
        assert dedupstore.restore(repository, latest, target).failed == []
    folder = target / Path(watched.logs).relative_to("/")
    return {path.name: path.read_bytes() for path in folder.iterdir()}
