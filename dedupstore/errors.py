"""Every error the library raises, as one tree.

::

    DedupstoreError
    ├── UsageError                 the caller asked for something that cannot be
    ├── SourceError                nothing of the sources could be taken
    ├── CommandFailed              a command whose output was to be stored failed
    ├── RepositoryMissing          there is no repository at that location
    ├── RepositoryExists           there is one already
    ├── UnsupportedFormat          made by a newer version, or with unknown required parts
    ├── SnapshotUnknown            no snapshot, or more than one, is meant by a name
    ├── SnapshotHeld               a snapshot that is to be removed is held
    ├── PathUnknown                a snapshot does not hold a path
    ├── TextIncomplete             a compressed file does not unpack to its end
    ├── LockTimeout                another process holds a lock
    ├── StorageError               the store refused (permissions, input/output errors)
    │   └── NoSpace                the store is full
    ├── DamageError                stored data is missing or wrong
    │   ├── FormatError            stored bytes break a rule of the format
    │   ├── ObjectMissing          a stored object is not there
    │   ├── ObjectUnreadable       a stored object is there, but the disk does not give it back
    │   └── ChunkUnreadable        a chunk cannot be read back
    └── IndexUnusable              the index must be rebuilt (handled inside the engine)
"""

from __future__ import annotations


class DedupstoreError(Exception):
    """Base of all errors of the library.

    ``message`` says in one line what went wrong and to what; ``hint`` names the next step, if
    there is one; ``kind`` is a stable word for scripts.
    """

    kind = "error"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(DedupstoreError):
    """The caller asked for something that cannot be."""

    kind = "usage"


class SourceError(DedupstoreError):
    """Nothing of the sources could be taken, so no snapshot was made."""

    kind = "source"


class CommandFailed(SourceError):
    """The command whose output was to be stored did not exit with 0."""

    kind = "command-failed"


class RepositoryMissing(DedupstoreError):
    """There is no repository at the location."""

    kind = "no-repository"


class RepositoryExists(DedupstoreError):
    """There is a repository at the location already, or something else is in the way."""

    kind = "repository-exists"


class UnsupportedFormat(DedupstoreError):
    """Stored data was made by a newer version or needs a feature this version lacks."""

    kind = "unsupported-format"


class SnapshotUnknown(DedupstoreError):
    """No snapshot, or more than one, is meant by a name; ``candidates`` are ids in hex."""

    kind = "snapshot-unknown"

    def __init__(
        self, message: str, *, hint: str | None = None, candidates: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, hint=hint)
        self.candidates = candidates


class SnapshotHeld(DedupstoreError):
    """A snapshot that is to be removed is held."""

    kind = "snapshot-held"


class PathUnknown(DedupstoreError):
    """A snapshot does not hold the path that was asked for."""

    kind = "path-unknown"


class TextIncomplete(DedupstoreError):
    """A compressed file, whose own bytes are what they were, does not unpack to its end."""

    kind = "incomplete"


class LockTimeout(DedupstoreError):
    """Another process holds the lock and the wait ran out."""

    kind = "locked"


class StorageError(DedupstoreError):
    """The store refused an operation: permissions, a read-only file system, an I/O error."""

    kind = "storage"


class NoSpace(StorageError):
    """The store has no room left; what was stored before is untouched."""

    kind = "no-space"


class DamageError(DedupstoreError):
    """Stored data is missing or wrong."""

    kind = "damage"


class FormatError(DamageError):
    """Stored bytes break a rule of the format."""

    kind = "format"


class ObjectMissing(DamageError):
    """An object that should be in the store is not there."""

    kind = "object-missing"


class ObjectUnreadable(DamageError):
    """A stored object is there, but the disk does not give its bytes back."""

    kind = "object-unreadable"


class ChunkUnreadable(DamageError):
    """A chunk is in no pack, or the bytes found for it are not its own."""

    kind = "chunk-unreadable"


class IndexUnusable(DedupstoreError):
    """The index is torn, stale or another repository's, and must be rebuilt from the packs."""

    kind = "index-unusable"
