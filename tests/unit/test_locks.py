"""Locks on files that others may remove or replace: a lock on another file is noticed."""

from __future__ import annotations

import os
import shutil
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from dedupstore.clock import SystemClock
from dedupstore.engine.locks import LOCKS_FOLDER, hold_lock, is_in_place, try_lock
from dedupstore.errors import LockTimeout

NAME = "removal"


def hold(folder: Path, *, exclusive: bool = True) -> AbstractContextManager[None]:
    """Hold the lock, or fail at once."""
    return hold_lock(str(folder), NAME, exclusive=exclusive, wait_seconds=0.0, clock=SystemClock())


def require_held(folder: Path) -> None:
    """Fail unless the lock keeps others out."""
    with pytest.raises(LockTimeout), hold(folder):
        pass


def test_a_file_is_in_place_until_it_is_removed_or_replaced(tmp_path: Path) -> None:
    """An open file is told from none, and from another one, where it was opened."""
    path = tmp_path / NAME
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        assert is_in_place(descriptor, str(path))
        path.unlink()
        assert not is_in_place(descriptor, str(path))
        path.touch()
        assert not is_in_place(descriptor, str(path))
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("is_made_again", [True, False])
def test_a_file_that_is_replaced_while_it_is_waited_for_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_made_again: bool
) -> None:
    """Whoever gets the lock of a file that has gone since takes the one that is there now."""
    path = tmp_path / LOCKS_FOLDER / NAME
    replaced: list[int] = []

    def replace_and_lock(descriptor: int, *, exclusive: bool) -> bool:
        if not replaced:
            replaced.append(path.stat().st_ino)
            path.unlink()
            if is_made_again:
                path.touch()
        return try_lock(descriptor, exclusive=exclusive)

    monkeypatch.setattr("dedupstore.engine.locks.try_lock", replace_and_lock)
    with hold(tmp_path):
        assert replaced
        require_held(tmp_path)
    with hold(tmp_path):
        pass


def test_a_folder_of_locks_that_is_deleted_is_made_again(tmp_path: Path) -> None:
    """Where all locks are deleted while one is held, its holder ends well and others go on."""
    with hold(tmp_path):
        require_held(tmp_path)
        shutil.rmtree(tmp_path / LOCKS_FOLDER)
        with hold(tmp_path):
            require_held(tmp_path)
    with hold(tmp_path):
        require_held(tmp_path)


def test_a_lock_is_shared_or_held_alone(tmp_path: Path) -> None:
    """Those who share a lock keep out whoever wants it alone, until the last has let go."""
    with hold(tmp_path, exclusive=False), hold(tmp_path, exclusive=False):
        require_held(tmp_path)
    with hold(tmp_path):
        pass
