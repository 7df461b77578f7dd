"""The folder of an index: generations side by side, one of which is current.

An index is rebuilt into a folder of its own, and becomes current by one rename of the file
``CURRENT`` that names it. So half an index is never used, and a process that still reads an older
generation is not disturbed: its files stay until it closes them.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from contextlib import suppress

from dedupstore.errors import IndexUnusable, NoSpace, StorageError
from dedupstore.index.environment import IndexEnvironment

_CURRENT = "CURRENT"
_NAME_PREFIX = "generation-"


def open_current(folder: str, identity: bytes) -> IndexEnvironment:
    """Open the current generation of the index in ``folder``.

    Raises:
        IndexUnusable: there is none, or it is torn, stale or another repository's.
        NoSpace, StorageError: the file system refused.
    """
    name = _current_name(folder)
    if name is None:
        raise IndexUnusable("there is no index")
    return IndexEnvironment(os.path.join(folder, name), identity)


def is_current(index: IndexEnvironment) -> bool:
    """Tell whether an index is still the current generation of the folder it lies in.

    Raises:
        StorageError: the file system refused.
    """
    folder, name = os.path.split(index.folder)
    return _current_name(folder) == name


class NewGeneration:
    """An index under construction: fill ``environment``, then ``publish`` or ``discard`` it.

    Raises:
        NoSpace, StorageError: the file system refused.
    """

    def __init__(self, folder: str, identity: bytes) -> None:
        self._folder = folder
        self._name = _NAME_PREFIX + secrets.token_hex(8)
        path = os.path.join(folder, self._name)
        try:
            os.makedirs(path, mode=0o700)
        except OSError as error:
            raise _refused("make", error) from error
        try:
            self.environment = IndexEnvironment(path, identity, create=True)
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise

    def publish(self) -> IndexEnvironment:
        """Make this generation the current one, remove all others, and return it."""
        self.environment.mark_complete()
        temporary = os.path.join(self._folder, f"{_CURRENT}.{secrets.token_hex(4)}")
        try:
            with open(temporary, "w", encoding="ascii") as file:
                file.write(self._name + "\n")
            os.rename(temporary, os.path.join(self._folder, _CURRENT))
        except OSError as error:
            with suppress(OSError):
                os.unlink(temporary)
            raise _refused("publish", error) from error
        self._remove_others()
        return self.environment

    def discard(self) -> None:
        """Remove this generation, unless it has become the current one; for when work failed."""
        self.environment.close()
        if _current_name(self._folder) == self._name:
            return
        shutil.rmtree(os.path.join(self._folder, self._name), ignore_errors=True)

    def _remove_others(self) -> None:
        with suppress(OSError):
            for name in os.listdir(self._folder):
                if name.startswith(_NAME_PREFIX) and name != self._name:
                    shutil.rmtree(os.path.join(self._folder, name), ignore_errors=True)


def _refused(action: str, error: OSError) -> StorageError:
    message = f"cannot {action} the index: {error.strerror}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace(message, hint="free some space and run the command again")
    return StorageError(message)


def _current_name(folder: str) -> str | None:
    try:
        with open(os.path.join(folder, _CURRENT), encoding="ascii") as file:
            name = file.read(256).strip()
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        return None
    except OSError as error:
        raise StorageError(f"cannot open the index: {error.strerror}") from error
    if not name.startswith(_NAME_PREFIX) or not name.replace("-", "").isalnum():
        return None
    return name
