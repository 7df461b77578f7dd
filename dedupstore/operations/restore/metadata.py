"""Giving restored files and folders their owner, mode and times."""

from __future__ import annotations

import functools
import grp
import os
import pwd
import stat
from contextlib import suppress

from dedupstore.format.entry import Entry

_SET_ID = stat.S_ISUID | stat.S_ISGID


def apply_metadata(descriptor: int, entry: Entry) -> bool:
    """Set owner, mode and times of an open file or folder; tell whether the owner could be set.

    Where it could not, the set-id bits are dropped: they would hand out the wrong rights.

    Raises:
        OSError: the mode or the times cannot be set.
    """
    status = os.fstat(descriptor)
    has_owner = (status.st_uid, status.st_gid) == _owner_of(entry)
    owner_set = has_owner or _chown(descriptor, entry)
    mode = entry.mode if owner_set else entry.mode & ~_SET_ID
    # Another owner takes the set-id bits away.
    if not has_owner or mode != stat.S_IMODE(status.st_mode):
        os.fchmod(descriptor, mode)
    os.utime(descriptor, ns=(entry.mtime_ns, entry.mtime_ns))
    return owner_set


def apply_link_metadata(folder: int, name: bytes, entry: Entry) -> bool:
    """Set owner and times of a symbolic link itself; tell whether the owner could be set.

    Raises:
        OSError: the link is gone.
    """
    with suppress(OSError, NotImplementedError):
        os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=folder, follow_symlinks=False)
    try:
        os.chown(name, *_owner_of(entry), dir_fd=folder, follow_symlinks=False)
    except OSError:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return (status.st_uid, status.st_gid) == _owner_of(entry)
    return True


def _chown(descriptor: int, entry: Entry) -> bool:
    wanted = _owner_of(entry)
    try:
        os.fchown(descriptor, *wanted)
    except OSError:
        # Only the superuser may give files away; the group alone may still be ours to choose.
        with suppress(OSError):
            os.fchown(descriptor, -1, wanted[1])
        return False
    return True


def _owner_of(entry: Entry) -> tuple[int, int]:
    """Return the ids of the recorded names on this host, or the recorded ids where unknown."""
    return _uid(entry.user, entry.uid), _gid(entry.group, entry.gid)


@functools.cache
def _uid(name: bytes, otherwise: int) -> int:
    try:
        return pwd.getpwnam(os.fsdecode(name)).pw_uid if name else otherwise
    except (KeyError, ValueError):
        return otherwise


@functools.cache
def _gid(name: bytes, otherwise: int) -> int:
    try:
        return grp.getgrnam(os.fsdecode(name)).gr_gid if name else otherwise
    except (KeyError, ValueError):
        return otherwise
