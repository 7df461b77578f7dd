"""What every store promises, whichever it is: add a factory to STORES to hold a new one to it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dedupstore.errors import NoSpace, ObjectMissing, StorageError, UsageError
from dedupstore.storage.contract import Buffer, DeleteStore
from dedupstore.storage.local import LocalStore

FOLDERS = ("packs/data", "snapshots")
KEY = "packs/data/" + "a" * 64
OTHER_KEY = "packs/data/" + "b" * 64

StoreFactory = Callable[[Path], DeleteStore]


def make_local_store(folder: Path) -> DeleteStore:
    """Return an empty store in a folder."""
    folder.mkdir(exist_ok=True)
    store = LocalStore(str(folder))
    store.make_folders(FOLDERS)
    return store


STORES: dict[str, StoreFactory] = {"local": make_local_store}


@pytest.fixture(params=list(STORES.values()), ids=list(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> DeleteStore:
    """Return an empty store of each kind in turn."""
    factory: StoreFactory = request.param
    return factory(tmp_path)


def listed(store: DeleteStore, prefix: str = "packs/data") -> dict[str, int]:
    """Return keys and sizes below a prefix."""
    return {info.key: info.object_bytes for info in store.list_objects(prefix)}


@pytest.mark.parametrize(
    "parts",
    [[], [b""], [b"one"], [b"one", b"", b"two"], [bytearray(b"three"), memoryview(b"four")]],
    ids=["nothing", "empty", "one", "several", "buffers"],
)
def test_put_stores_the_parts_in_order(store: DeleteStore, parts: Sequence[Buffer]) -> None:
    """What was put under a key is what is got: all parts, one after another."""
    store.put(KEY, parts)
    expected = b"".join(parts)
    assert store.get(KEY) == expected
    assert store.object_bytes(KEY) == len(expected)
    assert listed(store) == {KEY: len(expected)}


def test_put_takes_many_parts_of_many_megabytes(store: DeleteStore) -> None:
    """An object of thousands of parts, more than one system call takes, arrives whole."""
    parts = [bytes([number % 251]) * (number % 4099) for number in range(5000)]
    parts.append(bytes(8 << 20))
    store.put(KEY, parts)
    assert store.get(KEY) == b"".join(parts)


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [
        (0, None, b"0123456789"),
        (3, None, b"3456789"),
        (0, 0, b""),
        (2, 3, b"234"),
        (8, 5, b"89"),
        (10, 1, b""),
        (99, 1, b""),
        (99, None, b""),
    ],
)
def test_get_returns_the_range(
    store: DeleteStore, offset: int, length: int | None, expected: bytes
) -> None:
    """A range that reaches beyond the end of an object gives what there is, and no error."""
    store.put(KEY, [b"0123456789"])
    assert store.get(KEY, offset, length) == expected


def test_missing_objects_are_named(store: DeleteStore) -> None:
    """Reading or measuring an object that is not there raises ObjectMissing with its key."""
    with pytest.raises(ObjectMissing, match=KEY):
        store.get(KEY)
    with pytest.raises(ObjectMissing, match=KEY):
        store.get(KEY, 3, 4)
    with pytest.raises(ObjectMissing, match=KEY):
        store.object_bytes(KEY)


def test_list_shows_one_folder_only(store: DeleteStore) -> None:
    """A listing has the objects directly below the prefix; a folder without any is empty."""
    store.put(KEY, [b"pack"])
    store.put("snapshots/" + "c" * 64, [b"record"])
    assert listed(store, "snapshots") == {"snapshots/" + "c" * 64: 6}
    assert listed(store, "packs") == {}
    assert listed(store, "nowhere") == {}


def test_put_replaces_whole_objects(store: DeleteStore) -> None:
    """Putting under a key that exists replaces all of the object, also by a shorter one."""
    store.put(KEY, [b"a long object"])
    store.put(KEY, [b"short"])
    assert store.get(KEY) == b"short"
    assert listed(store) == {KEY: 5}


def test_delete_removes_one_object(store: DeleteStore) -> None:
    """Deleting removes that object and no other, and deleting it again is no error."""
    store.put(KEY, [b"one"])
    store.put(OTHER_KEY, [b"two"])
    store.delete(KEY)
    store.delete(KEY)
    assert listed(store) == {OTHER_KEY: 3}
    with pytest.raises(ObjectMissing):
        store.get(KEY)


def test_delete_all_removes_what_it_is_given(store: DeleteStore) -> None:
    """Deleting many removes those, whichever folders they are in; missing ones are no error."""
    record = "snapshots/" + "c" * 64
    for key in (KEY, OTHER_KEY, record):
        store.put(key, [b"bytes"])
    store.delete_all([KEY, record, "packs/data/" + "d" * 64, "nowhere/" + "e" * 64])
    assert listed(store) == {OTHER_KEY: 5}
    assert listed(store, "snapshots") == {}
    store.delete_all([])
    assert listed(store) == {OTHER_KEY: 5}


@pytest.mark.parametrize("new_key", [OTHER_KEY, "snapshots/" + "c" * 64, "quarantine/" + "a" * 64])
def test_move_gives_another_key(store: DeleteStore, new_key: str) -> None:
    """A moved object is whole under its new key, in any folder, and gone from the old one."""
    store.put(KEY, [b"one"])
    store.move(KEY, new_key)
    assert store.get(new_key) == b"one"
    assert KEY not in listed(store)
    with pytest.raises(ObjectMissing):
        store.get(KEY)


def test_move_replaces_what_is_there(store: DeleteStore) -> None:
    """An object that is moved over another takes its place."""
    store.put(KEY, [b"one"])
    store.put(OTHER_KEY, [b"other"])
    store.move(KEY, OTHER_KEY)
    assert store.get(OTHER_KEY) == b"one"
    assert listed(store) == {OTHER_KEY: 3}


def test_move_of_a_missing_object_changes_nothing(store: DeleteStore) -> None:
    """Moving what is not there raises ObjectMissing and leaves the target alone."""
    store.put(OTHER_KEY, [b"other"])
    with pytest.raises(ObjectMissing, match=KEY):
        store.move(KEY, OTHER_KEY)
    assert listed(store) == {OTHER_KEY: 5}


def test_sync_names_changes_nothing_to_be_seen(store: DeleteStore) -> None:
    """Making names durable leaves every object as it is; a folder without any is no error."""
    store.put(KEY, [b"one"])
    store.sync_names("packs/data")
    store.sync_names("nowhere")
    assert listed(store) == {KEY: 3}


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/config",
        "../outside",
        "packs/../../outside",
        "packs//data",
        "packs/data/",
        ".hidden",
        "packs/.hidden",
        "packs/a\0b",
        "packs/a\nb",
        "config\n",
        "packs/é",
        "packs\\data",
        "~/config",
    ],
)
def test_hostile_keys_are_refused(store: DeleteStore, key: str) -> None:
    """No operation takes a key that could mean something outside the store."""
    operations: list[Callable[[], object]] = [
        lambda: store.put(key, [b"bytes"]),
        lambda: store.get(key),
        lambda: store.object_bytes(key),
        lambda: store.delete(key),
        lambda: store.delete_all([OTHER_KEY, key]),
        lambda: store.move(key, OTHER_KEY),
        lambda: store.move(OTHER_KEY, key),
        lambda: store.sync_names(key),
        lambda: list(store.list_objects(key)),
    ]
    store.put(OTHER_KEY, [b"bytes"])
    for operation in operations:
        with pytest.raises(UsageError):
            operation()
    assert listed(store) == {OTHER_KEY: 5}


def test_concurrent_puts_of_one_key_leave_one_whole_object(store: DeleteStore) -> None:
    """However many write a key at once, every read sees all of one of the objects."""
    versions = [bytes([number]) * 300_000 for number in range(1, 9)]
    store.put(KEY, [versions[0]])
    done = threading.Event()

    def watch() -> set[bytes]:
        seen = set()
        while not done.is_set():
            seen.add(store.get(KEY))
        return seen

    with ThreadPoolExecutor(5) as executor:
        watching = executor.submit(watch)
        list(executor.map(lambda version: store.put(KEY, [version]), versions * 3))
        done.set()
        assert watching.result() <= set(versions)
    assert store.get(KEY) in versions
    assert listed(store) == {KEY: 300_000}


def test_concurrent_puts_of_many_keys_all_arrive(store: DeleteStore) -> None:
    """Objects that are put by several threads at once are all there afterwards."""
    keys = [f"packs/data/{number:064x}" for number in range(60)]
    with ThreadPoolExecutor(6) as executor:
        list(executor.map(lambda key: store.put(key, [key.encode()]), keys))
    assert listed(store) == {key: len(key) for key in keys}
    assert all(store.get(key) == key.encode() for key in keys)


# What follows holds for the store in a folder: how it keeps its promises.


class SystemCalls:
    """Stands in for the functions of ``os`` that a put uses: records them, and fails one.

    ``fail_at`` is the number of the call, counted from 1, that raises ``error`` instead.
    """

    NAMES = ("open", "writev", "fsync", "rename")

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[str, str]] = []
        self.fail_at = 0
        self.error: BaseException = OSError()
        self._paths: dict[int, str] = {}
        for name in self.NAMES:
            monkeypatch.setattr(f"dedupstore.storage.local.os.{name}", self._wrap(name))

    def _wrap(self, name: str) -> Callable[..., object]:
        genuine = getattr(os, name)

        def call(*arguments: object, **options: object) -> object:
            first = arguments[0]
            about = self._paths.get(first, "?") if isinstance(first, int) else str(first)
            self.calls.append((name, about))
            if len(self.calls) == self.fail_at:
                raise self.error
            result = genuine(*arguments, **options)
            if name == "open":
                self._paths[result] = about
            return result

        return call


def test_a_put_is_durable_before_and_after_its_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes are synced before the name appears, and the name is synced before put returns."""
    store = make_local_store(tmp_path)
    with monkeypatch.context() as patch:
        system = SystemCalls(patch)
        store.put(KEY, [b"bytes"])
    steps = [(name, about) for name, about in system.calls if name in ("writev", "fsync", "rename")]
    temporary = steps[0][1]
    assert os.path.dirname(temporary) == str(tmp_path / "tmp")
    assert steps == [
        ("writev", temporary),
        ("fsync", temporary),
        ("rename", temporary),
        ("fsync", str(tmp_path / "packs/data")),
    ]


@pytest.mark.parametrize(
    ("number", "raised"), [(28, NoSpace), (122, NoSpace), (5, StorageError), (30, StorageError)]
)
def test_a_failing_put_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, raised: type[StorageError]
) -> None:
    """Whichever step of a put fails, no part of an object appears and nothing is left behind."""
    store = make_local_store(tmp_path)
    for step in range(1, 100):
        with monkeypatch.context() as patch:
            system = SystemCalls(patch)
            system.fail_at, system.error = step, OSError(number, os.strerror(number))
            try:
                store.put(KEY, [b"bytes"])
            except raised:
                pass
            else:
                break
        assert list((tmp_path / "tmp").iterdir()) == []
        renamed = "rename" in [name for name, _ in system.calls[: step - 1]]
        assert listed(store) == ({KEY: 5} if renamed else {})
        store.delete(KEY)
    else:
        pytest.fail("a put never succeeded")


def test_an_interrupted_put_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt at any step before the rename leaves neither an object nor a temporary file."""
    store = make_local_store(tmp_path)
    for step in range(1, 100):
        with monkeypatch.context() as patch:
            system = SystemCalls(patch)
            system.fail_at, system.error = step, KeyboardInterrupt()
            try:
                store.put(KEY, [b"bytes"])
            except KeyboardInterrupt:
                pass
            else:
                break
        renamed = "rename" in [name for name, _ in system.calls[: step - 1]]
        assert listed(store) == ({KEY: 5} if renamed else {})
        store.delete(KEY)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_put_that_replaces_keeps_the_old_object_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A put over an existing object that fails before its rename leaves the old object whole."""
    store = make_local_store(tmp_path)
    store.put(KEY, [b"old"])
    with monkeypatch.context() as patch:
        system = SystemCalls(patch)
        system.fail_at, system.error = 2, OSError(28, "full")
        with pytest.raises(NoSpace):
            store.put(KEY, [b"new"])
    assert store.get(KEY) == b"old"


@pytest.mark.parametrize("lost", ["tmp", "packs/data", "packs"])
def test_lost_folders_are_made_again(tmp_path: Path, lost: str) -> None:
    """A put into a store whose empty folders a copy left out makes them again, private."""
    store = make_local_store(tmp_path)
    shutil.rmtree(tmp_path / lost)
    store.put(KEY, [b"bytes"])
    assert listed(store) == {KEY: 5}
    assert (tmp_path / lost).stat().st_mode & 0o077 == 0


def test_a_lost_store_is_not_made_again(tmp_path: Path) -> None:
    """A put into a store whose own folder is gone fails and does not bring the folder back."""
    store = make_local_store(tmp_path / "store")
    shutil.rmtree(tmp_path / "store")
    with pytest.raises(StorageError):
        store.put(KEY, [b"bytes"])
    assert list(tmp_path.iterdir()) == []


def test_objects_are_private(tmp_path: Path) -> None:
    """Objects and the folders they lie in can be read by their owner only."""
    store = make_local_store(tmp_path / "store")
    store.put(KEY, [b"bytes"])
    paths = list((tmp_path / "store").rglob("*"))
    assert tmp_path / "store" / KEY in paths
    for path in paths:
        assert path.stat().st_mode & 0o077 == 0, path


def test_files_that_are_no_objects_are_not_followed(tmp_path: Path) -> None:
    """A listing leaves out folders and symbolic links, whatever they are called."""
    store = make_local_store(tmp_path)
    store.put(KEY, [b"bytes"])
    (tmp_path / "packs/data" / ("d" * 64)).symlink_to("/etc/hostname")
    (tmp_path / "packs/data" / ("e" * 64)).mkdir()
    assert listed(store) == {KEY: 5}


def test_a_reserve_is_taken_and_given_back(tmp_path: Path) -> None:
    """A reserve is a private file of the size asked for, and no object; releasing removes it."""
    store = LocalStore(str(tmp_path))
    store.make_folders(FOLDERS)
    assert not store.release_reserve()
    assert store.set_reserve(1 << 20)
    reserve = tmp_path / "reserve"
    status = reserve.stat()
    assert (status.st_size, status.st_mode & 0o777) == (1 << 20, 0o600)
    assert status.st_blocks * 512 >= 1 << 20
    assert store.set_reserve(1 << 20)
    assert reserve.stat().st_ino == status.st_ino
    assert store.set_reserve(1 << 12)
    assert reserve.stat().st_size == 1 << 12
    assert store.release_reserve()
    assert not reserve.exists()
    assert store.set_reserve(1 << 12)
    assert not store.set_reserve(0)
    assert not reserve.exists()


@pytest.mark.parametrize("call", ["open", "posix_fallocate", "stat"])
def test_a_reserve_that_cannot_be_taken_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Where the disk refuses a reserve, nothing is left behind and nothing is raised."""
    store = LocalStore(str(tmp_path))

    def refuse(*_: object) -> None:
        raise OSError(28, "full")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        assert store.set_reserve(1 << 20) == (call == "stat")
    assert call == "stat" or list(tmp_path.iterdir()) == []
    assert store.set_reserve(1 << 12)


def test_free_bytes_tells_the_room_on_the_disk(tmp_path: Path) -> None:
    """What is free is what the file system says; where it does not, StorageError is raised."""
    assert 0 < LocalStore(str(tmp_path)).free_bytes() <= shutil.disk_usage(tmp_path).total
    with pytest.raises(StorageError):
        LocalStore(str(tmp_path / "nowhere")).free_bytes()
