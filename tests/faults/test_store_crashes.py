"""What the store in a folder promises to keep is kept through a power cut at any of its steps."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from dedupstore.errors import NoSpace, StorageError
from dedupstore.storage.local import LocalStore
from faults.fault_files import Fault, FaultFiles, Killed, Strike, Survival
from sample_repository import Tree, read_tree

STEPS_MAX = 100
KEY = "packs/data/" + "a" * 64
SECOND_KEY = "packs/manifest/" + "b" * 64
NEW_KEY = "quarantine/" + "c" * 64

BEFORE: Tree = {KEY: b"first", SECOND_KEY: b"second"}


def put_new(store: LocalStore) -> None:
    """Put an object into a folder that does not exist."""
    store.put(NEW_KEY, [b"new", b" bytes"])


def put_over(store: LocalStore) -> None:
    """Put an object over another."""
    store.put(KEY, [b"other", b" bytes"])


def move(store: LocalStore) -> None:
    """Move an object into a folder that does not exist."""
    store.move(KEY, NEW_KEY)


def move_over(store: LocalStore) -> None:
    """Move an object over another."""
    store.move(KEY, SECOND_KEY)


def delete_all(store: LocalStore) -> None:
    """Remove objects from two folders."""
    store.delete_all([KEY, SECOND_KEY])


NEW: Tree = {NEW_KEY: b"new bytes"}
FIRST: Tree = {KEY: b"first"}
SECOND: Tree = {SECOND_KEY: b"second"}
MOVED: Tree = {NEW_KEY: b"first"}
OVER: Tree = {SECOND_KEY: b"first"}

OPERATIONS: dict[str, tuple[Callable[[LocalStore], None], list[Tree], Tree]] = {
    "put": (put_new, [], BEFORE | NEW),
    "put over another": (put_over, [], {KEY: b"other bytes"} | SECOND),
    "move": (move, [BEFORE | MOVED], SECOND | MOVED),
    "move over another": (move_over, [FIRST | OVER], OVER),
    "delete all": (delete_all, [FIRST, SECOND], {}),
}
"""What is done, what a crash may leave besides what was there before, and what is there after."""


def make_store(
    folder: Path, fault: Fault | None = None, at: int = 0
) -> tuple[LocalStore, FaultFiles]:
    """Return a store of the two objects, on a machine that is to fail."""
    folder.mkdir()
    store = LocalStore(str(folder))
    store.make_folders(["packs/data", "packs/manifest"])
    for key, content in BEFORE.items():
        store.put(key, [content])
    files = FaultFiles(folder, fault, at, seed=at)
    return LocalStore(str(folder), files), files


def stored(folder: Path) -> Tree:
    """Return the objects in a folder."""
    return {key: data for key, data in read_tree(folder).items() if not key.startswith("tmp/")}


@pytest.mark.parametrize("survival", list(Survival))
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))
def test_a_crash_leaves_what_was_promised(
    operation: tuple[Callable[[LocalStore], None], list[Tree], Tree],
    survival: Survival,
    quick_path: Path,
) -> None:
    """At any step a crash leaves whole objects; after the last, those the operation is to leave."""
    operate, between, after = operation
    for step in range(1, STEPS_MAX):
        folder = quick_path / str(step)
        store, files = make_store(folder, Fault(Strike.TEAR), step)
        try:
            operate(store)
        except Killed:
            files.crash(survival)
            assert stored(folder) in [BEFORE, *between, after]
            operate_again(operate, store)
        files.crash(Survival.SYNCED)
        assert stored(folder) == after
        if not files.struck:
            break
    assert step > 2


def operate_again(operate: Callable[[LocalStore], None], store: LocalStore) -> None:
    """Do again what a crash cut short, as its callers do: what is no longer there was done."""
    if operate not in (move, move_over) or KEY in [
        info.key for info in store.list_objects("packs/data")
    ]:
        operate(store)
    else:
        for prefix in ("packs/data", "packs/manifest", "quarantine"):
            store.sync_names(prefix)


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (Fault(Strike.FAIL, errno.EIO), StorageError),
        (Fault(Strike.FAIL, errno.ENOSPC), NoSpace),
        (Fault(Strike.FILL), NoSpace),
    ],
    ids=["broken", "refused", "full"],
)
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))
def test_a_refusal_leaves_what_was_promised(
    operation: tuple[Callable[[LocalStore], None], list[Tree], Tree],
    fault: Fault,
    raised: type[StorageError],
    quick_path: Path,
) -> None:
    """Whichever step is refused, objects stay whole, the error is the store's, and again works."""
    operate, between, after = operation
    for step in range(1, STEPS_MAX):
        folder = quick_path / str(step)
        store, files = make_store(folder, fault, step)
        try:
            operate(store)
        except raised:
            assert stored(folder) in [BEFORE, *between, after]
            files.heal()
            operate_again(operate, store)
        files.crash(Survival.SYNCED)
        assert stored(folder) == after
        if not files.struck:
            break
    assert step > 2
