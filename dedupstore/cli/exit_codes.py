"""From the class of an error to the exit code that scripts rely on."""

from __future__ import annotations

from dedupstore.errors import (
    DamageError,
    DedupstoreError,
    LockTimeout,
    NoSpace,
    RepositoryMissing,
    TextIncomplete,
    UsageError,
)

DONE = 0
FAILED = 1
USAGE = 2
PARTIAL = 3
DAMAGE = 4
NO_REPOSITORY = 10
LOCKED = 11
NO_SPACE = 13
INTERRUPTED = 130

_BY_CLASS: tuple[tuple[type[DedupstoreError], int], ...] = (
    (UsageError, USAGE),
    (RepositoryMissing, NO_REPOSITORY),
    (TextIncomplete, PARTIAL),
    (LockTimeout, LOCKED),
    (NoSpace, NO_SPACE),
    (DamageError, DAMAGE),
)


def exit_code_of(error: DedupstoreError) -> int:
    """Return the exit code for an error; the first class in the table that fits decides."""
    for error_class, code in _BY_CLASS:
        if isinstance(error, error_class):
            return code
    return FAILED
