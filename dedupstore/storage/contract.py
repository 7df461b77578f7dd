"""What the engine asks of a store, graded by danger: read ⊂ write ⊂ delete.

Every store must keep these promises; `tests/contract` holds each store to them:

* Objects are immutable: ``put`` makes a whole object appear at once, or not at all. After ``put``
  has returned, the object survives a crash of the machine.
* ``put`` of a key that exists replaces it, again at once and whole. The engine does that only
  with the same bytes, since keys are names of content, and with advice and policies.
* Nothing but ``delete``, ``delete_all`` and ``move`` makes an object vanish.
* ``list_objects`` shows every object whose ``put`` had returned before; of later ones it may.
* A key is ASCII, made of parts joined by ``/``; a part has letters, digits, ``.``, ``-`` and
  ``_`` and does not begin with a dot.
* Errors are ``ObjectMissing``, ``ObjectUnreadable``, ``NoSpace`` or ``StorageError``, never those
  of a library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from dedupstore.errors import UsageError

Buffer = bytes | bytearray | memoryview

_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


class ObjectInfo(NamedTuple):
    """An object in a listing."""

    key: str
    object_bytes: int


class ReadStore(Protocol):
    """A store one can only read from."""

    @property
    def location(self) -> str:
        """Where the store is, for people."""

    def get(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return ``length`` bytes of an object from ``offset``; to its end where ``None``.

        Fewer bytes come back where the object ends before.

        Raises:
            ObjectMissing: there is no such object.
            ObjectUnreadable: the medium has lost some of the bytes; those of others may be well.
            StorageError: the store could not deliver.
        """

    def object_bytes(self, key: str) -> int:
        """Return the size of an object.

        Raises:
            ObjectMissing: there is no such object.
            StorageError: the store could not tell.
        """

    def list_objects(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield the objects directly below the folder ``prefix``, in no order.

        A folder that does not exist is empty.

        Raises:
            StorageError: the store could not list.
        """


class WriteStore(ReadStore, Protocol):
    """A store one can add objects to."""

    def put(self, key: str, parts: Sequence[Buffer]) -> None:
        """Store the concatenation of ``parts`` under ``key``, durably and all at once.

        Raises:
            NoSpace: the store is full; nothing appears under ``key``.
            StorageError: the store refused; nothing new appears under ``key``, save where only its
                name could not be made durable: then the object is there, whole.
        """

    def sync_names(self, prefix: str) -> None:
        """Make every object that a listing of ``prefix`` shows survive a crash of the machine.

        For objects that somebody else has put, whose ``put`` may not have returned: a process may
        end between the appearance of an object and its durability.

        Raises:
            StorageError: the store refused.
        """


class DeleteStore(WriteStore, Protocol):
    """A store one can remove objects from."""

    def delete(self, key: str) -> None:
        """Remove an object; to remove one that is not there is no error.

        It may be back after a crash of the machine.

        Raises:
            StorageError: the store refused.
        """

    def delete_all(self, keys: Sequence[str]) -> None:
        """Remove objects for good: when this returns, none comes back after a crash.

        To remove one that is not there is no error. A crash on the way may leave any of them.

        Raises:
            StorageError: the store refused; some may be gone, and may come back after a crash.
        """

    def move(self, key: str, new_key: str) -> None:
        """Give an object another key, replacing what is there.

        It appears under ``new_key``, whole and durable, before it vanishes for good under ``key``.
        A crash may leave it under both, never under none.

        Raises:
            ObjectMissing: there is nothing under ``key``.
            NoSpace, StorageError: the store refused; the object is under one of the keys or both.
        """


def check_key(key: str) -> None:
    """Refuse keys outside the alphabet of the contract, such as those that climb out of a folder.

    Raises:
        UsageError: the key is malformed.
    """
    if not _KEY.fullmatch(key):
        raise UsageError(f"malformed object key: {key!r}")
