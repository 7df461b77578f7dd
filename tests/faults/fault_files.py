"""Files of a machine that can lose power, run full and break, at whichever step one asks for.

``FaultFiles`` does every operation of a store on a real folder, and keeps a book of what of it a
crash would leave: the bytes of a file survive from its sync on, a name that was made, changed or
removed from the sync of its folder on. ``crash`` then brings the folder to one of the states that
a crash may leave.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeVar

from dedupstore.storage.contract import Buffer
from dedupstore.storage.files import FILE_MODE, FOLDER_MODE, Files

DISK_BLOCK_BYTES = 4096
OUTSIDE = ("index", "locks")
"""Folders whose files do not belong to the store."""

Result = TypeVar("Result")


class Killed(BaseException):
    """The process ends here: nothing that it does afterwards reaches the disk."""


class Strike(Enum):
    """What happens at the step that was chosen."""

    KILL = "the process ends before the step"
    TEAR = "the process ends when half of the step's bytes are written"
    FAIL = "the step is refused"
    FILL = "the disk is full from here on, but for what is deleted"


class Survival(Enum):
    """What a crash leaves of all that was not synced."""

    ALL = "everything, for now: only the process has ended"
    SYNCED = "nothing"
    TORN = "all names, but of the bytes of files only the first half"
    REMOVALS = "of what was made nothing, but what was removed is gone"
    MIXED = "of each thing, as chance has it, all, half or nothing"


@dataclass(frozen=True)
class Fault:
    """What strikes, and for a refusal with which error number. ``reads`` counts reads as steps."""

    strike: Strike
    error_number: int = errno.ENOSPC
    reads: bool = False


class _File:
    """The bytes of one file: those a crash leaves, and those that were written."""

    def __init__(self, content: bytes = b"") -> None:
        self.synced = content
        self.written = bytearray(content)


class _Folder:
    """A folder, which has no bytes."""


_Node = _File | _Folder


class FaultFiles(Files):
    """Files below ``root``, where ``fault`` strikes at step ``at``, counted from 1.

    ``seed`` decides what chance decides. ``steps`` counts what was tried so far.
    """

    def __init__(self, root: Path, fault: Fault | None = None, at: int = 0, seed: int = 0) -> None:
        self.steps = 0
        self.struck = False
        self._root = str(root)
        self._fault = fault
        self._at = at
        self._chance = random.Random(seed)
        self._dead = False
        self._room_bytes: int | None = None
        self._lock = threading.RLock()
        self._descriptors: dict[int, _File] = {}
        self._live: dict[str, _Node] = self._survey()
        self._durable = dict(self._live)
        self._unsynced: list[dict[str, _Node | None]] = []

    # What a test does to the machine.

    def strike(self, fault: Fault, at: int) -> None:
        """Let ``fault`` strike at step ``at`` from now on, counted from 1."""
        self.steps, self.struck = 0, False
        self._fault, self._at = fault, at

    def heal(self) -> None:
        """End what is wrong: there is room, nothing fails, a new process may work."""
        self._fault, self._room_bytes, self._dead = None, None, False

    def crash(self, survival: Survival) -> None:
        """Bring the folder to a state that a crash leaves behind, and heal the machine.

        Where only the process has ended, what it did not sync may still be lost by the next crash.
        """
        self.heal()
        self._descriptors.clear()
        if survival is Survival.ALL:
            return
        names = dict(self._durable)
        for change in self._unsynced:
            if self._keeps(change, survival):
                _apply(change, names)
        for path in sorted(names):
            above = os.path.dirname(path)
            if above != self._root and above not in names:
                del names[path]
        contents = {
            path: self._surviving_bytes(node, survival)
            for path, node in names.items()
            if isinstance(node, _File)
        }
        self._lay_out(names, contents)
        self._live = self._survey()
        self._durable = dict(self._live)
        self._unsynced.clear()

    def step_outside(self) -> None:
        """Count a step that something beside the store takes on the same disk, as an index does.

        OSError or Killed is raised as in any other step.
        """
        self._step(lambda: self._take_room(DISK_BLOCK_BYTES, keep=False))

    # What a store does to its files.

    def create(self, path: str) -> int:
        """See ``Files.create``."""

        def create() -> int:
            self._take_room(1, keep=False)
            descriptor = super(FaultFiles, self).create(path)
            node = self._descriptors[descriptor] = _File()
            self._change({path: node})
            return descriptor

        return self._step(create)

    def write(self, descriptor: int, parts: Sequence[Buffer]) -> int:
        """See ``Files.write``; a disk that is almost full takes a part."""

        def append(limit_bytes: int | None = None) -> int:
            data = b"".join(parts)[:limit_bytes]
            node = self._descriptors[descriptor]
            room = self._room_for(node, len(data))
            if data and not room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written = super(FaultFiles, self).write(descriptor, [data[:room]])
            self._take_room(_blocks(len(node.written) + written) - _blocks(len(node.written)))
            node.written += data[:written]
            return written

        return self._step(append, lambda: append(sum(map(len, parts)) // 2))

    def allocate(self, descriptor: int, size_bytes: int) -> None:
        """See ``Files.allocate``."""

        def allocate() -> None:
            self._take_room(_blocks(size_bytes))
            super(FaultFiles, self).allocate(descriptor, size_bytes)
            self._descriptors[descriptor].written = bytearray(size_bytes)

        self._step(allocate)

    def sync(self, descriptor: int) -> None:
        """See ``Files.sync``; only the book is kept, for a real sync would change nothing here."""

        def sync() -> None:
            node = self._descriptors[descriptor]
            node.synced = bytes(node.written)

        self._step(sync)

    def close(self, descriptor: int) -> None:
        """See ``Files.close``. The system closes the files of a process that has ended."""
        self._descriptors.pop(descriptor, None)
        super().close(descriptor)

    def rename(self, old: str, new: str) -> None:
        """See ``Files.rename``; until one of its folders is synced, a crash undoes all or none.

        No file system loses a file by a rename: with the old name, the new one is synced too.
        """

        def rename() -> None:
            super(FaultFiles, self).rename(old, new)
            self._change({new: self._live[old], old: None})

        self._step(rename)

    def unlink(self, path: str) -> None:
        """See ``Files.unlink``."""

        def unlink() -> None:
            super(FaultFiles, self).unlink(path)
            self._change({path: None})

        self._step(unlink)

    def make_folder(self, path: str) -> None:
        """See ``Files.make_folder``."""

        def make_folder() -> None:
            self._take_room(1, keep=False)
            super(FaultFiles, self).make_folder(path)
            self._change({path: _Folder()})

        self._step(make_folder)

    def sync_folder(self, path: str) -> None:
        """See ``Files.sync_folder``; only the book is kept."""

        def sync_folder() -> None:
            if not os.path.isdir(path):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            for change in self._unsynced:
                names = [name for name in change if os.path.dirname(name) == path]
                if any(change[name] is None for name in names):
                    names = list(change)
                for name in names:
                    self._make_durable(change, name)
            self._unsynced = [change for change in self._unsynced if change]

        self._step(sync_folder)

    def open(self, path: str) -> int:
        """See ``Files.open``."""
        return self._read_step(lambda: super(FaultFiles, self).open(path))

    def read(self, descriptor: int, length: int, offset: int) -> bytes:
        """See ``Files.read``."""
        return self._read_step(lambda: super(FaultFiles, self).read(descriptor, length, offset))

    def scan(self, path: str) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        """See ``Files.scan``."""
        return self._read_step(lambda: super(FaultFiles, self).scan(path))

    def status(self, path: str) -> os.stat_result:
        """See ``Files.status``."""
        return self._read_step(lambda: super(FaultFiles, self).status(path))

    def free_bytes(self, path: str) -> int:
        """See ``Files.free_bytes``."""
        if self._room_bytes is not None:
            return self._room_bytes
        return super().free_bytes(path)

    # Steps, and what strikes at them.

    def _read_step(self, action: Callable[[], Result]) -> Result:
        if self._fault is not None and self._fault.reads:
            return self._count_step(action, None)
        self._require_life()
        return action()

    def _step(
        self, action: Callable[[], Result], half: Callable[[], object] | None = None
    ) -> Result:
        with self._lock:
            if self._fault is not None and self._fault.reads:
                self._require_life()
                return action()
            return self._count_step(action, half)

    def _count_step(
        self, action: Callable[[], Result], half: Callable[[], object] | None
    ) -> Result:
        with self._lock:
            self._require_life()
            self.steps += 1
            fault = self._fault
            if fault is None or self.steps != self._at:
                return action()
            self.struck = True
            if fault.strike is Strike.FILL:
                self._room_bytes = 0
                return action()
            if fault.strike is Strike.FAIL:
                raise OSError(fault.error_number, os.strerror(fault.error_number))
            if fault.strike is Strike.TEAR and half is not None:
                half()
            self._dead = True
            raise Killed

    def _require_life(self) -> None:
        if self._dead:
            raise Killed

    # Room on the disk.

    def _room_for(self, node: _File, more_bytes: int) -> int:
        """Return how many of ``more_bytes`` a file can still take."""
        if self._room_bytes is None:
            return more_bytes
        end = len(node.written)
        return min(more_bytes, _blocks(end) - end + self._room_bytes)

    def _take_room(self, taken_bytes: int, *, keep: bool = True) -> None:
        if self._room_bytes is None:
            return
        if taken_bytes > self._room_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if keep:
            self._room_bytes -= taken_bytes

    # The book of what survives.

    def _change(self, change: dict[str, _Node | None]) -> None:
        gone = [self._live.get(path) for path in change]
        _apply(change, self._live)
        self._unsynced.append(change)
        if self._room_bytes is not None:
            left = set(map(id, self._live.values()))
            for node in gone:
                if isinstance(node, _File) and id(node) not in left:
                    self._room_bytes += _blocks(len(node.written))

    def _make_durable(self, change: dict[str, _Node | None], name: str) -> None:
        """Enter one name of a change for good; what happened to it before counts no more."""
        for earlier in self._unsynced:
            if earlier is change:
                break
            earlier.pop(name, None)
        _apply({name: change.pop(name)}, self._durable)

    def _keeps(self, change: dict[str, _Node | None], survival: Survival) -> bool:
        if survival is Survival.MIXED:
            return self._chance.random() < 0.5
        if survival is Survival.REMOVALS:
            return not any(change.values())
        return survival is not Survival.SYNCED

    def _surviving_bytes(self, node: _File, survival: Survival) -> bytes:
        whole = bytes(node.written)
        torn = max(node.synced, whole[: len(whole) // 2], key=len)
        if survival is Survival.MIXED:
            return self._chance.choice((node.synced, torn, whole))
        return torn if survival is Survival.TORN else node.synced

    def _survey(self) -> dict[str, _Node]:
        """Return what is in the folder now."""
        found: dict[str, _Node] = {}
        for above, folders, files in os.walk(self._root):
            if os.path.relpath(above, self._root).split(os.sep)[0] in OUTSIDE:
                continue
            for name in folders:
                if above != self._root or name != "index":
                    found[os.path.join(above, name)] = _Folder()
            for name in files:
                path = os.path.join(above, name)
                found[path] = _File(Path(path).read_bytes())
        return found

    def _lay_out(self, names: dict[str, _Node], contents: dict[str, bytes]) -> None:
        """Bring the folder from what is live to other names and contents."""
        for path, node in sorted(self._live.items(), reverse=True):
            if isinstance(node, _Folder) and path not in names:
                shutil.rmtree(path)
            elif isinstance(node, _File) and contents.get(path) != bytes(node.written):
                os.unlink(path)
        for path, node in sorted(names.items()):
            if os.path.exists(path):
                continue
            if isinstance(node, _Folder):
                os.mkdir(path, FOLDER_MODE)
            else:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(contents[path])


def _apply(change: dict[str, _Node | None], names: dict[str, _Node]) -> None:
    for path, node in change.items():
        if node is None:
            names.pop(path, None)
        else:
            names[path] = node


def _blocks(size_bytes: int) -> int:
    """Return the room that a file of this size takes on the disk."""
    return -(-size_bytes // DISK_BLOCK_BYTES) * DISK_BLOCK_BYTES
