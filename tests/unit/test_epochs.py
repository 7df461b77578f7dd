"""Who is at work, and since when: nobody is overlooked, and numbers always go on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dedupstore.clock import SystemClock
from dedupstore.engine import epochs
from dedupstore.engine.epochs import (
    EPOCHS_FOLDER,
    all_kept_out,
    epochs_at_work,
    hold_epoch,
    is_at_work,
    next_generation,
    oldest_epoch_at_work,
    remove_past_epochs,
)
from dedupstore.engine.generation import write_generation
from dedupstore.engine.locks import try_lock
from dedupstore.errors import LockTimeout, StorageError
from dedupstore.format.generation_record import GenerationRecord
from dedupstore.limits import GENERATION_MAX, GENERATION_REACHED_MAX
from dedupstore.storage.local import LocalStore

TIME = datetime(2026, 3, 1, 12, tzinfo=UTC)
STRAY_NAMES = [
    *("not-a-generation", "f" * 16, "0" * 14 + "_1", "0" * 15 + "A", "+" + "0" * 14 + "1"),
    *("1", "README", "0" * 17, "١" * 16, f"{GENERATION_MAX + 1:016x}"),
]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Return a store without any generation record."""
    return LocalStore(str(tmp_path))


def move_on(store: LocalStore, generation: int) -> None:
    """Make a generation the current one."""
    write_generation(store, GenerationRecord(generation, TIME))


def lock_files(folder: Path) -> set[str]:
    """Return the names of all lock files."""
    return {path.name for path in (folder / EPOCHS_FOLDER).iterdir()}


def put_lock_files(folder: Path, *names: str) -> None:
    """Put files of any names among those of generations."""
    (folder / EPOCHS_FOLDER).mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / EPOCHS_FOLDER / name).touch()


def test_who_is_at_work_is_seen_from_generation_0_on(store: LocalStore, tmp_path: Path) -> None:
    """Sessions are found under the generation in which they began, 0 and later ones, and end."""
    folder, clock = str(tmp_path), SystemClock()
    assert epochs_at_work(folder) == frozenset()
    assert oldest_epoch_at_work(folder) is None
    with hold_epoch(store, folder, clock) as first:
        assert first.generation == 0
        assert lock_files(tmp_path) == {"0" * 16}
        move_on(store, 0x1F)
        with hold_epoch(store, folder, clock, writes=True) as second:
            assert second.generation == 0x1F
            assert lock_files(tmp_path) == {"0" * 16, f"{0x1F:016x}"}
            assert epochs_at_work(folder) == {0, 0x1F}
            assert oldest_epoch_at_work(folder) == 0
            assert is_at_work(folder, 0)
        assert epochs_at_work(folder) == {0}
    assert not is_at_work(folder, 0)
    assert oldest_epoch_at_work(folder) is None


def test_other_names_are_passed_over(store: LocalStore, tmp_path: Path) -> None:
    """Files that are not named by a generation's number are no locks, and stay."""
    folder = str(tmp_path)
    put_lock_files(tmp_path, *STRAY_NAMES)
    assert next_generation(folder, 4) == 5
    with hold_epoch(store, folder, SystemClock()):
        assert epochs_at_work(folder) == {0}
    with all_kept_out(folder, 0) as nobody_at_work:
        assert nobody_at_work
    remove_past_epochs(folder, GENERATION_MAX)
    assert lock_files(tmp_path) == set(STRAY_NAMES)


def test_a_new_number_is_above_all_that_are_in_use(tmp_path: Path) -> None:
    """A new generation comes after all that are known, and after those in which anybody began."""
    assert next_generation(str(tmp_path), 0) == 1
    assert next_generation(str(tmp_path), 7, [3]) == 8
    assert next_generation(str(tmp_path), 3, [7]) == 8
    put_lock_files(tmp_path, f"{9:016x}")
    assert next_generation(str(tmp_path), 3, [7]) == 10


def test_impossible_numbers_do_not_use_up_the_possible_ones(tmp_path: Path) -> None:
    """A number so high that no repository can have reached it counts for records alone."""
    impossible = (GENERATION_REACHED_MAX, GENERATION_MAX - 1, GENERATION_MAX)
    put_lock_files(tmp_path, f"{7:016x}", *(f"{number:016x}" for number in impossible))
    assert next_generation(str(tmp_path), 3, impossible) == 8
    assert next_generation(str(tmp_path), GENERATION_REACHED_MAX) == GENERATION_REACHED_MAX + 1


def test_whoever_begins_as_the_generation_moves_on_begins_again(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session is of the generation that is current when its lock is had, not of one before."""
    moves = [1, 2]

    def move_and_lock(descriptor: int, *, exclusive: bool) -> bool:
        if moves:
            move_on(store, moves.pop(0))
        return try_lock(descriptor, exclusive=exclusive)

    monkeypatch.setattr(epochs, "try_lock", move_and_lock)
    with hold_epoch(store, str(tmp_path), SystemClock()) as session:
        assert session.generation == 2
        assert epochs_at_work(str(tmp_path)) == {2}


def test_whoever_finds_its_lock_file_gone_begins_again(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock on a file that others have removed or replaced is none: others would not see it."""
    path = tmp_path / EPOCHS_FOLDER / ("0" * 16)
    is_made_again = [False, True]

    def remove_and_lock(descriptor: int, *, exclusive: bool) -> bool:
        if is_made_again:
            path.unlink()
            if is_made_again.pop(0):
                path.touch()
        return try_lock(descriptor, exclusive=exclusive)

    monkeypatch.setattr(epochs, "try_lock", remove_and_lock)
    with hold_epoch(store, str(tmp_path), SystemClock()):
        assert epochs_at_work(str(tmp_path)) == {0}


def test_nobody_begins_while_all_are_kept_out(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While all are kept out no session begins, and right after it does."""
    monkeypatch.setattr(epochs, "_WAIT_SECONDS", 0.0)
    folder = str(tmp_path)
    with all_kept_out(folder, 0) as nobody_at_work:
        assert nobody_at_work
        with pytest.raises(LockTimeout), hold_epoch(store, folder, SystemClock()):
            pass
    with hold_epoch(store, folder, SystemClock()):
        pass


@pytest.mark.parametrize("is_made_again", [True, False])
def test_nobody_is_kept_out_by_a_file_that_is_gone(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_made_again: bool
) -> None:
    """A lock on a file that others have removed keeps nobody out, and is not said to."""
    path = tmp_path / EPOCHS_FOLDER / ("0" * 16)

    def remove_and_lock(descriptor: int, *, exclusive: bool) -> bool:
        path.unlink()
        if is_made_again:
            path.touch()
        return try_lock(descriptor, exclusive=exclusive)

    monkeypatch.setattr(epochs, "try_lock", remove_and_lock)
    with all_kept_out(str(tmp_path), 0) as nobody_at_work:
        assert not nobody_at_work
        monkeypatch.undo()
        with hold_epoch(store, str(tmp_path), SystemClock()):
            pass


def test_whoever_is_at_work_cannot_be_kept_out(store: LocalStore, tmp_path: Path) -> None:
    """Somebody at work is told, whether they began in the current generation or an earlier one."""
    folder = str(tmp_path)
    with hold_epoch(store, folder, SystemClock()):
        with all_kept_out(folder, 0) as nobody_at_work:
            assert not nobody_at_work
        move_on(store, 1)
        with all_kept_out(folder, 1) as nobody_at_work:
            assert not nobody_at_work
    with all_kept_out(folder, 1) as nobody_at_work:
        assert nobody_at_work


def test_without_a_lock_file_one_may_read_only(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no lock can be made one reads without; one neither writes, nor takes it for idle."""
    monkeypatch.setattr(epochs, "open_lock_file", lambda folder, name: None)
    with hold_epoch(store, str(tmp_path), SystemClock()) as session:
        assert session.generation == 0
    with (
        pytest.raises(StorageError),
        hold_epoch(store, str(tmp_path), SystemClock(), writes=True),
    ):
        pass
    with all_kept_out(str(tmp_path), 0) as nobody_at_work:
        assert not nobody_at_work


def test_lock_files_of_the_past_go_unless_they_are_held(store: LocalStore, tmp_path: Path) -> None:
    """Of the generations before the current one, the files that nobody holds are removed."""
    put_lock_files(tmp_path, *(f"{number:016x}" for number in (1, 2, 3, 4)))
    move_on(store, 2)
    with hold_epoch(store, str(tmp_path), SystemClock()):
        remove_past_epochs(str(tmp_path), 4)
        assert lock_files(tmp_path) == {f"{2:016x}", f"{4:016x}"}
    remove_past_epochs(str(tmp_path), 4)
    assert lock_files(tmp_path) == {f"{4:016x}"}
