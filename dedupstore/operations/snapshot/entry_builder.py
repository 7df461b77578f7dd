"""Making entries out of what the file system says of a path."""

from __future__ import annotations

import functools
import os
import stat

from dedupstore.format.content import EMPTY_CONTENT, Content
from dedupstore.format.entry import Entry, EntryType, encode_owners
from dedupstore.format.twin import Twin
from dedupstore.operations.snapshot.account_names import AccountNames


class EntryBuilder:
    """Makes entries with the metadata of a path and the names of its owners."""

    def __init__(self) -> None:
        self._names = AccountNames()
        self.owners = functools.cache(self._owners)

    def build(
        self,
        path: bytes,
        entry_type: EntryType,
        status: os.stat_result,
        *,
        ctime_ns: int | None = None,
        size: int = 0,
        content: Content = EMPTY_CONTENT,
        link_target: bytes = b"",
        twin: Twin | None = None,
        lineage: bytes = b"",
    ) -> Entry:
        """Return the entry of a path; ``ctime_ns`` is the status's unless given."""
        return Entry(
            path=path,
            type=entry_type,
            mode=stat.S_IMODE(status.st_mode),
            uid=status.st_uid,
            gid=status.st_gid,
            mtime_ns=status.st_mtime_ns,
            ctime_ns=status.st_ctime_ns if ctime_ns is None else ctime_ns,
            size=size,
            device=status.st_dev,
            inode=status.st_ino,
            content=content,
            link_target=link_target,
            user=self._names.user(status.st_uid),
            group=self._names.group(status.st_gid),
            twin=twin,
            lineage=lineage,
        )

    def _owners(self, uid: int, gid: int) -> bytes:
        """Return how the names of owners stand in entries."""
        return encode_owners(self._names.user(uid), self._names.group(gid))


def recorded_facts(status: os.stat_result) -> tuple[int, ...]:
    """Return what the entry of a file records of its status; see ``StoredFile.facts``."""
    return (
        stat.S_IMODE(status.st_mode),
        status.st_uid,
        status.st_gid,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_size,
        status.st_dev,
        status.st_ino,
    )
